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

"""How much of each host node guests have, and which nodes hold another.

What a guest has of each of several nodes is in proportion to the size of
these nodes. So it depends on nothing but the guest and the nodes, and a guest
that there are CPUs for on all of them finds enough on each.
"""

from __future__ import annotations

import itertools
from typing import Iterable
from typing import Iterator
from typing import NamedTuple

from nova_numa_ext.topology import lacks
from nova_numa_ext.topology.affinity_model import Guest
from nova_numa_ext.topology.affinity_model import Host

#: Of a host with more nodes, not each set of several is looked at.
MOST_NODES = 8
#: Of the nodes that lack something, sentences name so many.
_NAMED = 2


class Share(NamedTuple):
    """What a guest has of a node."""

    node: int
    vcpus: int
    memory_mib: int


class Weight(NamedTuple):
    """What nodes come to with one more guest.

    :ivar is_over: whether one has more vCPUs than CPUs then
    :ivar load: of the most loaded of them
    """

    is_over: bool
    load: float


class Loads:
    """What guests have of the nodes of a host.

    The load of a node is the larger of vCPUs over CPUs and memory over
    memory: 1.0 is a node that is full, or that has a vCPU for each CPU.
    """

    def __init__(self, host: Host) -> None:
        # A node without CPUs or memory holds nobody.
        self._nodes = {
            node.id: node for node in host.nodes
            if node.cpus and node.memory_mib > 0}
        self._cpus = {
            node.id: len(node.cpus) for node in self._nodes.values()}
        self._memory = {
            node.id: node.memory_mib for node in self._nodes.values()}
        self._vcpus_used = dict.fromkeys(self._nodes, 0)
        self._memory_used = dict.fromkeys(self._nodes, 0)
        self._shares: dict[
            tuple[int, int, frozenset[int]], tuple[Share, ...]] = {}
        self._sets: dict[int, tuple[frozenset[int], ...]] = {}
        self._apart: dict[frozenset[int], int] = {}

    @property
    def nodes(self) -> tuple[int, ...]:
        return tuple(self._nodes)

    def shares(
        self, guest: Guest, nodes: frozenset[int],
    ) -> tuple[Share, ...]:
        """Return what a guest has, or would have, of each of some nodes."""
        key = (guest.vcpus, guest.memory_mib, nodes)
        found = self._shares.get(key)
        if found is None:
            order = sorted(nodes)
            found = self._shares[key] = tuple(
                Share(*share) for share in zip(
                    order,
                    _in_proportion(
                        guest.vcpus, [self._cpus[node] for node in order]),
                    _in_proportion(
                        guest.memory_mib,
                        [self._memory[node] for node in order])))
        return found

    def add(self, guest: Guest, nodes: frozenset[int], sign: int = 1) -> None:
        """Have a guest on some nodes; with a sign of -1, no longer."""
        for node, vcpus, memory_mib in self.shares(guest, nodes):
            self._vcpus_used[node] += sign * vcpus
            self._memory_used[node] += sign * memory_mib

    def load(self, node: int) -> float:
        return max(
            self._vcpus_used[node] / self._cpus[node],
            self._memory_used[node] / self._memory[node])

    def worst(self, nodes: Iterable[int]) -> float:
        """Return the load of the most loaded of some nodes."""
        return max(map(self.load, nodes))

    def is_over(self, node: int) -> bool:
        """Return whether a node has more vCPUs than CPUs."""
        return self._vcpus_used[node] > self._cpus[node]

    def free_cpus(self) -> int:
        """Return for how many more vCPUs there is a CPU."""
        return sum(
            max(cpus - self._vcpus_used[node], 0)
            for node, cpus in self._cpus.items())

    def excess_mib(self, node: int) -> int:
        """Return by how much guests have more than a node's memory."""
        return self._memory_used[node] - self._memory[node]

    def is_wide_enough(self, guest: Guest, nodes: frozenset[int]) -> bool:
        """Return whether there is a CPU on some nodes for each vCPU.

        Whoever else is there: a guest with fewer CPUs than vCPUs waits for
        itself.
        """
        return (
            bool(nodes) and nodes <= self._nodes.keys()
            and guest.vcpus <= sum(self._cpus[node] for node in nodes))

    def weigh(self, guest: Guest, nodes: frozenset[int]) -> Weight | None:
        """Return what nodes come to with a guest, None if they lack room."""
        is_over = False
        load = 0.0
        for node, vcpus, memory_mib in self.shares(guest, nodes):
            cpus = self._cpus[node]
            memory = self._memory[node]
            vcpus_after = self._vcpus_used[node] + vcpus
            memory_after = self._memory_used[node] + memory_mib
            if vcpus > cpus or memory_after > memory:
                return None
            is_over = is_over or vcpus_after > cpus
            load = max(load, vcpus_after / cpus, memory_after / memory)
        return Weight(is_over, load)

    def sets(self, size: int) -> tuple[frozenset[int], ...]:
        """Return sets of so many nodes, the nearest to each other first."""
        found = self._sets.get(size)
        if found is None:
            if size == 1 or len(self._nodes) <= MOST_NODES:
                some: Iterable[frozenset[int]] = map(
                    frozenset, itertools.combinations(self._nodes, size))
            else:
                some = self._around(size)
            found = self._sets[size] = tuple(sorted(
                some, key=lambda nodes: (self.apart(nodes), sorted(nodes))))
        return found

    def _around(self, size: int) -> set[frozenset[int]]:
        """Return for each node the sets of it and those that are near.

        The least loaded of all ends up in one, too, as neighbours are taken
        from each place in the order on.
        """
        found = set()
        for node in self._nodes.values():
            others = sorted(
                (other for other in self._nodes if other != node.id),
                key=lambda other: (node.distance(other), other))
            for start in range(len(others) - size + 2):
                found.add(frozenset(
                    [node.id, *others[start:start + size - 1]]))
        return found

    def apart(self, nodes: frozenset[int]) -> int:
        """Return how far some nodes are from each other, added up."""
        found = self._apart.get(nodes)
        if found is None:
            found = self._apart[nodes] = sum(
                self._nodes[one].distance(other)
                for one, other in itertools.combinations(sorted(nodes), 2))
        return found

    def away(self, guest: Guest, nodes: frozenset[int]) -> int:
        """Return how far nodes are from a guest's devices, added up."""
        return sum(
            min(self._nodes[node].distance(device) for node in nodes)
            for device in guest.near)

    def lacking(self, guest: Guest) -> str:
        """Return what nodes lack to hold a guest, without a full stop."""
        found = []
        for node in self._nodes:
            missing = [
                lack for lack in self._lacks(guest, node)
                if lack.wanted > lack.there]
            if missing:
                found.append((
                    sum(lack.wanted - lack.there for lack in missing), node,
                    f'cell {node} lacks ' + ' and '.join(
                        lack.missing() for lack in missing)))
        if not found:
            return 'no cell has CPUs and memory for it'
        named = [words for _amount, _node, words in sorted(found)[:_NAMED]]
        more = ' and others' if len(found) > _NAMED else ''
        return ', '.join(named) + more

    def _lacks(self, guest: Guest, node: int) -> Iterator[lacks.Lack]:
        yield lacks.Lack(
            0, node, 'shared CPUs', guest.vcpus, self._cpus[node])
        yield lacks.Lack(
            0, node, 'memory', guest.memory_mib << 10,
            (self._memory[node] - self._memory_used[node]) << 10, 'KiB')


def _in_proportion(amount: int, sizes: list[int]) -> list[int]:
    """Return an amount in whole parts, by the sizes of what they are in."""
    total = sum(sizes)
    parts = [amount * size // total for size in sizes]
    rests = sorted(
        range(len(sizes)),
        key=lambda place: (-(amount * sizes[place] % total), place))
    for place in rests[:amount - sum(parts)]:
        parts[place] += 1
    return parts
