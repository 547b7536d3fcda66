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

"""Which guests go to other nodes, and when that pays."""

from __future__ import annotations

from typing import Iterator
from typing import Mapping
from typing import NamedTuple
from typing import Sequence

from nova_numa_ext.topology.affinity_loads import Loads
from nova_numa_ext.topology.affinity_model import Guest

#: Loads that differ by less are the same.
_SAME = 1e-9


class Stands:
    """Which guest stands where, with the load that comes of it.

    :ivar nodes: of each guest that has some, by name
    :ivar reasons: why it came there
    """

    def __init__(
        self, loads: Loads, policy: str, overcommitted: bool,
    ) -> None:
        self.loads = loads
        self.is_packed = policy == 'pack'
        self.overcommitted = overcommitted
        self.nodes: dict[str, frozenset[int]] = {}
        self.reasons: dict[str, str] = {}

    def put(self, guest: Guest, nodes: frozenset[int], reason: str) -> None:
        """Have a guest stand on these nodes, and no longer on others."""
        self.take(guest)
        self.loads.add(guest, nodes)
        self.nodes[guest.name] = nodes
        self.reasons[guest.name] = reason

    def take(self, guest: Guest) -> None:
        """Have a guest stand nowhere."""
        nodes = self.nodes.pop(guest.name, None)
        if nodes is not None:
            self.loads.add(guest, nodes, -1)

    def best(
        self, guest: Guest, most: int | None = None,
    ) -> frozenset[int] | None:
        """Return the nodes for a guest that stands nowhere, None for none.

        :param most: how many nodes at most, None for any number
        """
        late = None
        for size in range(1, 1 + (most or len(self.loads.nodes))):
            found = min(self._ranked(guest, size), default=None)
            if found is None:
                continue
            if late is None or not found.is_over:
                late = found
            # Where each vCPU is to have a CPU, more nodes may have them.
            if (self.overcommitted or not found.is_over
                    or self.loads.free_cpus() < guest.vcpus):
                break
        return frozenset(late.nodes) if late else None

    def _ranked(self, guest: Guest, size: int) -> Iterator[_Rank]:
        loads = self.loads
        for nodes in loads.sets(size):
            weight = loads.weigh(guest, nodes)
            if weight is None:
                continue
            # A node with more vCPUs than CPUs is not to be packed further.
            load = (-weight.load if self.is_packed and not weight.is_over
                    else weight.load)
            yield _Rank(
                weight.is_over, loads.away(guest, nodes), loads.apart(nodes),
                load, nodes != guest.nodes, tuple(sorted(nodes)))


class _Rank(NamedTuple):
    """The order in which sets of as many nodes are taken."""

    is_over: bool
    away: int
    apart: int
    load: float
    is_elsewhere: bool
    nodes: tuple[int, ...]


class _Move(NamedTuple):
    """One guest that could go, and to where; the least is the best.

    :ivar after: the load of the most loaded of the nodes that it leaves and
        comes to
    """

    after: float
    strict: bool
    memory_mib: int
    name: str
    nodes: tuple[int, ...]


def relieve(stands: Stands, guests: Sequence[Guest]) -> bool:
    """Move guests off nodes that have too little memory for theirs.

    Where nobody can go, they stay.

    :returns: whether one moved
    """
    moved = False
    for node in stands.loads.nodes:
        while stands.loads.excess_mib(node) > 0:
            guest = _to_relieve(stands, guests, node)
            if guest is None:
                break
            moved = True
    return moved


def _to_relieve(
    stands: Stands, guests: Sequence[Guest], node: int,
) -> Guest | None:
    """Move one guest off a node, the smallest that will do."""
    excess = stands.loads.excess_mib(node)
    order = []
    for guest in guests:
        nodes = stands.nodes.get(guest.name, frozenset())
        if node in nodes:
            share = next(
                share.memory_mib for share in stands.loads.shares(guest, nodes)
                if share.node == node)
            is_enough = share >= excess
            order.append((
                not is_enough, guest.strict, share if is_enough else -share,
                guest.name, guest))
    for *_rank, guest in sorted(order, key=lambda some: some[:-1]):
        here, why = stands.nodes[guest.name], stands.reasons[guest.name]
        stands.take(guest)
        there = stands.best(guest)
        if there is not None:
            stands.put(
                guest, there, f'cell {node} has too little memory')
            return guest
        stands.put(guest, here, why)
    return None


def gather(stands: Stands, guests: Sequence[Guest]) -> bool:
    """Bring guests to fewer nodes than they stand on, where there is room.

    :returns: whether one moved
    """
    moved = False
    for guest in guests:
        here = stands.nodes.get(guest.name, frozenset())
        if len(here) < 2:
            continue
        why = stands.reasons[guest.name]
        before = stands.loads.worst(here)
        away = stands.loads.away(guest, here)
        stands.take(guest)
        there = stands.best(guest, len(here) - 1)
        if there is not None and stands.loads.away(guest, there) <= away:
            weight = stands.loads.weigh(guest, there)
            if weight is not None and (
                    not weight.is_over
                    or stands.overcommitted and weight.load <= before):
                stands.put(guest, there, 'fewer cells hold it now')
                moved = True
                continue
        stands.put(guest, here, why)
    return moved


def balance(
    stands: Stands, guests: Sequence[Guest], hysteresis: float,
) -> bool:
    """Move guests off the most loaded nodes, where that pays.

    It pays where a few moves lower the load of the most loaded of the nodes
    that they touch by ``hysteresis``. As each such series lowers it for good,
    no guest comes back.

    :returns: whether one moved
    """
    by_name = {guest.name: guest for guest in guests}
    moved = False
    while any(
            _lighten(stands, by_name, node, hysteresis)
            for node in sorted(
                stands.loads.nodes,
                key=lambda node: (-stands.loads.load(node), node))):
        moved = True
    return moved


def _lighten(
    stands: Stands, guests: Mapping[str, Guest], node: int,
    hysteresis: float,
) -> bool:
    """Move guests off a node, none if that does not pay."""
    loads = stands.loads
    start = loads.load(node)
    if start < hysteresis or stands.is_packed and not loads.is_over(node):
        return False
    touched = {node}
    undo: list[tuple[Guest, frozenset[int], str]] = []
    while True:
        worst = loads.worst(touched)
        if start - worst >= hysteresis - _SAME:
            return True
        move = None
        if loads.load(node) > worst - _SAME:
            move = _lightest(stands, guests, node)
        if move is None or move.after > worst - _SAME:
            break
        guest = guests[move.name]
        here = stands.nodes[guest.name]
        undo.append((guest, here, stands.reasons[guest.name]))
        stands.put(
            guest, frozenset(move.nodes),
            f'cell {node} had a load of {start:.2f}')
        touched.update(here, move.nodes)
    for guest, here, why in reversed(undo):
        stands.put(guest, here, why)
    return False


def _lightest(
    stands: Stands, guests: Mapping[str, Guest], node: int,
) -> _Move | None:
    """Return the move off a node that leaves the least load."""
    kinds: dict[object, Guest] = {}
    for name, nodes in stands.nodes.items():
        if node in nodes:
            guest = guests[name]
            # Guests that are alike lead to the same.
            kind = (guest.vcpus, guest.memory_mib, guest.strict, guest.near,
                    nodes)
            there = kinds.get(kind)
            if there is None or name < there.name:
                kinds[kind] = guest
    moves = (
        move for guest in kinds.values()
        for move in _moves_of(stands, guest))
    return min(moves, default=None)


def _moves_of(stands: Stands, guest: Guest) -> Iterator[_Move]:
    """Yield where a guest could go: no further away, no more spread out."""
    loads = stands.loads
    here = stands.nodes[guest.name]
    away = loads.away(guest, here)
    apart = loads.apart(here)
    loads.add(guest, here, -1)
    for nodes in loads.sets(len(here)):
        if nodes == here or loads.apart(nodes) > apart:
            continue
        if guest.near and loads.away(guest, nodes) > away:
            continue
        weight = loads.weigh(guest, nodes)
        if weight is not None:
            left = here - nodes
            yield _Move(
                max(weight.load, loads.worst(left)), guest.strict,
                guest.memory_mib, guest.name, tuple(sorted(nodes)))
    loads.add(guest, here)
