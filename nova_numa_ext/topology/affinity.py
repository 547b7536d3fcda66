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

"""Which host nodes guests stand on that have no NUMA nodes of their own.

A guest gets the fewest nodes that hold it, its devices' and the nearest ones
first; of those the least loaded (``spread``) or the fullest that have a CPU
for each of its vCPUs (``pack``). It gets no nodes with fewer CPUs than it has
vCPUs. A guest that stands somewhere stays there, but where its node has too
little memory, where fewer nodes hold it, or where moving pays
(``affinity_moves.balance``).

The same guests on the nodes of a plan lead to a plan without moves.
"""

from __future__ import annotations

from typing import Mapping
from typing import Sequence

from nova_numa_ext.topology import affinity_moves
from nova_numa_ext.topology import affinity_pins
from nova_numa_ext.topology.affinity_loads import Loads
from nova_numa_ext.topology.affinity_model import Guest
from nova_numa_ext.topology.affinity_model import Host
from nova_numa_ext.topology.affinity_model import Node
from nova_numa_ext.topology.affinity_model import Place
from nova_numa_ext.topology.affinity_model import Plan
from nova_numa_ext.topology.affinity_moves import Stands

__all__ = [
    'HYSTERESIS',
    'PACK',
    'SPREAD',
    'Guest',
    'Host',
    'Node',
    'Place',
    'Plan',
    'place',
    'plan',
]

SPREAD, PACK = 'spread', 'pack'

#: By how much moves have to lower the load of the most loaded of the nodes
#: that they touch; 1.0 is a vCPU for each CPU, or all of the memory.
HYSTERESIS = 0.1


def plan(
    host: Host, guests: Sequence[Guest], policy: str = SPREAD,
    overcommitted: bool = False, hysteresis: float = HYSTERESIS,
) -> Plan:
    """Return where guests are to stand.

    :param overcommitted: whether the host has more vCPUs than CPUs to give;
        where it has not, each vCPU gets a CPU as long as there are enough
    """
    stands, waiting = _standing(host, guests, policy, overcommitted)
    refused: dict[str, str] = {}
    while True:
        changed = affinity_moves.relieve(stands, guests)
        refused = {}
        still = []
        for guest in waiting:
            why_not = _put(stands, guest)
            if why_not is None:
                changed = True
            else:
                still.append(guest)
                refused[guest.name] = why_not
        waiting = still
        changed |= affinity_moves.gather(stands, guests)
        changed |= affinity_moves.balance(stands, guests, hysteresis)
        if not changed:
            break
    places = _places(host, stands, guests)
    moving = [
        guest for guest in guests
        if guest.nodes and guest.name in places
        and places[guest.name].nodes != guest.nodes]
    return Plan(places, _in_order(host, guests, moving, places), refused)


def place(
    host: Host, guests: Sequence[Guest], new: Guest, policy: str = SPREAD,
    overcommitted: bool = False,
) -> Place | str:
    """Return where one guest is to stand that comes to others.

    These stay where they are, and those among them that stand nowhere count
    for nothing.

    :returns: a place, or why there is none, without a full stop
    """
    others = [guest for guest in guests if guest.name != new.name]
    stands, _floating = _standing(host, others, policy, overcommitted)
    why_not = _put(stands, new)
    if why_not is not None:
        return why_not
    return _places(host, stands, [*others, new])[new.name]


def _standing(
    host: Host, guests: Sequence[Guest], policy: str, overcommitted: bool,
) -> tuple[Stands, list[Guest]]:
    """Return the guests that stand where they can, and the others.

    Those that could be refused for good come first.
    """
    stands = Stands(Loads(host), policy, overcommitted)
    waiting = []
    for guest in guests:
        if stands.loads.is_wide_enough(guest, guest.nodes):
            stands.put(guest, guest.nodes, 'it stands there')
        else:
            waiting.append(guest)
    waiting.sort(key=lambda guest: (
        not guest.strict, -guest.vcpus, -guest.memory_mib, guest.name))
    return stands, waiting


def _put(stands: Stands, guest: Guest) -> str | None:
    """Put a guest where it is best.

    :returns: why that is nowhere, None for where it is
    """
    nodes = stands.best(guest)
    if nodes is None:
        return stands.loads.lacking(guest)
    which = 'fullest' if stands.is_packed else 'least loaded'
    near = ' beside its devices' if guest.near & nodes else ''
    cells = 'cell' if len(nodes) == 1 else f'{len(nodes)} cells'
    stands.put(guest, nodes, f'the {which} {cells} that can hold it{near}')
    return None


def _places(
    host: Host, stands: Stands, guests: Sequence[Guest],
) -> dict[str, Place]:
    pins = affinity_pins.of_guests(
        host, stands.loads, guests, stands.nodes, stands.overcommitted)
    shared = {node.id: node.cpus for node in host.nodes}
    return {
        name: Place(
            nodes, pins[name],
            frozenset().union(*(shared[node] for node in nodes)),
            stands.reasons[name])
        for name, nodes in stands.nodes.items()
    }


def _in_order(
    host: Host, guests: Sequence[Guest], moving: Sequence[Guest],
    places: Mapping[str, Place],
) -> tuple[str, ...]:
    """Return guests in an order in which each finds room when it comes."""
    loads = Loads(host)
    for guest in guests:
        if loads.is_wide_enough(guest, guest.nodes):
            loads.add(guest, guest.nodes)
    order: list[str] = []
    left = list(moving)
    while left:
        for guest in left:
            stood = loads.is_wide_enough(guest, guest.nodes)
            if stood:
                loads.add(guest, guest.nodes, -1)
            if loads.weigh(guest, places[guest.name].nodes) is not None:
                break
            if stood:
                loads.add(guest, guest.nodes)
        else:
            # In a ring one has to be first: one whose memory is not bound.
            guest = min(left, key=lambda guest: (guest.strict, guest.name))
            if loads.is_wide_enough(guest, guest.nodes):
                loads.add(guest, guest.nodes, -1)
        loads.add(guest, places[guest.name].nodes)
        left.remove(guest)
        order.append(guest.name)
    return tuple(order)
