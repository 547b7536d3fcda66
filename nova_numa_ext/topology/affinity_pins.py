#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Which CPUs of its nodes each vCPU of a guest has."""

from __future__ import annotations

from typing import Iterable
from typing import Mapping
from typing import Sequence

from nova_numa_ext.topology.affinity_loads import Loads
from nova_numa_ext.topology.affinity_model import Guest
from nova_numa_ext.topology.affinity_model import Host


def of_guests(
    host: Host, loads: Loads, guests: Sequence[Guest],
    stands: Mapping[str, frozenset[int]], overcommitted: bool,
) -> dict[str, tuple[frozenset[int], ...]]:
    """Return the CPUs of each vCPU of each guest that has nodes.

    One CPU for each where the host is not overcommitted and its nodes have
    as many as there are vCPUs on them; else all CPUs of its nodes. A vCPU
    that has a CPU of its own keeps it where it can.

    :param loads: with all of these guests on it
    :param stands: the nodes of each, by name
    """
    shared = {node.id: node.cpus for node in host.nodes}
    found = {}
    single = []
    for guest in guests:
        nodes = stands.get(guest.name)
        if nodes is None:
            continue
        if overcommitted or any(map(loads.is_over, nodes)):
            cpus = frozenset().union(*(shared[node] for node in nodes))
            found[guest.name] = (cpus,) * guest.vcpus
        else:
            single.append(guest)
    free = {node: set(cpus) for node, cpus in shared.items()}
    late = []
    for guest in single:
        kept = _kept(guest, loads, stands[guest.name], free)
        if kept:
            found[guest.name] = kept
        else:
            late.append(guest)
    # The widest first, for whole cores.
    for guest in sorted(late, key=lambda guest: (-guest.vcpus, guest.name)):
        chosen = [
            cpu
            for share in loads.shares(guest, stands[guest.name])
            for cpu in _take(share.vcpus, free[share.node], host.siblings)]
        found[guest.name] = tuple(frozenset((cpu,)) for cpu in chosen)
    return found


def _kept(
    guest: Guest, loads: Loads, nodes: frozenset[int],
    free: Mapping[int, set[int]],
) -> tuple[frozenset[int], ...]:
    """Take the CPUs that a guest has, or none if it has to have others."""
    if len(guest.pins) != guest.vcpus or any(
            len(cpus) != 1 for cpus in guest.pins):
        return ()
    cpus = frozenset().union(*guest.pins)
    shares = loads.shares(guest, nodes)
    if len(cpus) != guest.vcpus or any(
            len(cpus & free[share.node]) != share.vcpus for share in shares):
        return ()
    for share in shares:
        free[share.node] -= cpus
    return guest.pins


def _take(
    count: int, free: set[int], siblings: Mapping[int, frozenset[int]],
) -> Iterable[int]:
    """Take so many free CPUs of a node: whole cores, then the rest of one.

    A core that others have a part of comes before one that is whole, where
    it will do.
    """
    cores: dict[frozenset[int], list[int]] = {}
    for cpu in sorted(free):
        core = siblings.get(cpu, frozenset((cpu,)))
        cores.setdefault(core, []).append(cpu)
    left = list(cores.values())
    taken: list[int] = []
    while len(taken) < count:
        wanted = count - len(taken)
        best = min(left, key=lambda core: (
            len(core) < wanted, abs(len(core) - wanted), core[0]))
        left.remove(best)
        taken += best[:wanted]
    free.difference_update(taken)
    return taken
