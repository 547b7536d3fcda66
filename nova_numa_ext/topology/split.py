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

"""Into how many NUMA nodes a guest is split, so that it fits a host.

A host node holds one node of the guest, as Nova has it. What is asked here is
necessary for that; Nova asks for more, such as whole cores, and has the last
word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection
from typing import Sequence

from nova_numa_ext.topology import lacks
from nova_numa_ext.topology.lacks import Room
from nova_numa_ext.topology.lacks import Want

#: Of the nodes that lack something, sentences name so many.
_NAMED = 2


@dataclass(frozen=True)
class Guest:
    """A guest that is not split yet.

    :ivar vcpus: how many it has
    :ivar dedicated: those of its vCPUs that get CPUs of their own
    :ivar memory_mib: its memory
    :ivar page_kib: as in lacks.Want
    :ivar reserved: dedicated CPUs beside the vCPUs' on the first node
    """

    vcpus: int
    dedicated: frozenset[int]
    memory_mib: int
    page_kib: int | None = None
    reserved: int = 0

    def splits(self, most: int) -> tuple[int, ...]:
        """Return the even splits into at most so many nodes, in order.

        vCPUs and memory divide evenly, and so that each node's memory is
        whole pages.
        """
        page = self.page_kib or 0
        return tuple(
            number for number in range(1, most + 1)
            if not self.vcpus % number and not self.memory_mib % number
            and (page <= 0 or not (self.memory_mib << 10) // number % page))

    def nodes(self, number: int) -> tuple[Want, ...]:
        """Return what each node of an even split wants."""
        size = self.vcpus // number
        wants = []
        for node in range(number):
            dedicated = len(self.dedicated.intersection(
                range(node * size, (node + 1) * size)))
            wants.append(Want(
                node, dedicated + (0 if node else self.reserved),
                size - dedicated, (self.memory_mib << 10) // number,
                self.page_kib))
        return tuple(wants)


def placeable(wants: Sequence[Want], rooms: Sequence[Room]) -> bool:
    """Return whether each node of a guest has a host node to itself."""
    found = [
        [place for place, room in enumerate(rooms)
         if not lacks.lacks(want, room)]
        for want in wants]
    taken: dict[int, int] = {}

    def place(node: int, seen: set[int]) -> bool:
        for room in found[node]:
            if room in seen:
                continue
            seen.add(room)
            if room not in taken or place(taken[room], seen):
                taken[room] = node
                return True
        return False

    return (len(wants) <= len(rooms)
            and all(place(node, set()) for node in range(len(wants))))


def candidates(
    guest: Guest, rooms: Sequence[Room], most: int,
) -> tuple[int, ...]:
    """Return into how many nodes a guest can be split here, fewest first."""
    return tuple(
        number for number in guest.splits(min(most, len(rooms)))
        if placeable(guest.nodes(number), rooms))


def why_not(
    guest: Guest, rooms: Sequence[Room], most: int,
    only: int | None = None, near: Collection[int] | None = None,
) -> str:
    """Return why no split fits, without a full stop.

    The finest split asks least of a host node, so it says what is missing.

    :param only: into how many nodes it is to be split, None for any number
    :param near: the host nodes that the guest's devices are near, None where
        that does not matter
    """
    if only is not None:
        return (lacking(guest.nodes(only), rooms, near)
                or unsuitable((only,)))
    splits = guest.splits(min(most, len(rooms)))
    more = candidates(guest, rooms, len(rooms))
    if more and more[0] > most:
        return (f'the guest takes {_nodes(more[:1])}, and '
                f'numa_ext:numa_max_nodes allows {most}')
    if more:
        return (beside(guest.nodes(splits[-1]), rooms, near)
                or unsuitable(more))
    if not splits:
        return "the guest's memory is not whole pages of hw:mem_page_size"
    return lacking(guest.nodes(splits[-1]), rooms) or unsuitable(splits[-1:])


def lacking(
    wants: Sequence[Want], rooms: Sequence[Room],
    near: Collection[int] | None = None,
) -> str | None:
    """Return what nodes lack for a guest with certain nodes, likewise.

    None where what is asked for here is there.
    """
    if len(wants) > len(rooms):
        return f'the host has {_nodes((len(rooms),))}'
    if placeable(wants, rooms):
        return beside(wants, rooms, near)
    found = [
        f'cell {room.node} lacks {missing}' for room in rooms
        for missing in _missing(wants, room)]
    if not found:
        return (f'too few cells have room for the {_nodes((len(wants),))} of '
                'the guest, which differ')
    more = ' and others' if len(found) > _NAMED else ''
    return ', '.join(found[:_NAMED]) + more


def beside(
    wants: Sequence[Want], rooms: Sequence[Room],
    near: Collection[int] | None,
) -> str | None:
    """Return what the nodes near a guest's devices lack, likewise.

    None where one of them has room for some node of the guest.
    """
    found = []
    for room in rooms:
        if room.node not in (near or ()):
            continue
        missing = _missing(wants, room)
        if not missing:
            return None
        found.append(f'cell {room.node}, which lacks {missing[0]}')
    if not found:
        return None
    return 'its devices are near ' + ', or '.join(found[:_NAMED])


def _missing(wants: Sequence[Want], room: Room) -> list[str]:
    """Return what a host node lacks for that which fits it best, or none."""
    missing = min(
        (lacks.lacks(want, room) for want in wants),
        key=lambda found: (
            len(found), [lack.wanted - lack.there for lack in found]))
    if not missing:
        return []
    return [' and '.join(lack.missing() for lack in missing[:2])]


def unsuitable(numbers: Sequence[int]) -> str:
    """Return that something is missing that Nova alone knows of."""
    return (f'Nova finds no place for {_nodes(numbers)} that suits '
            'hw:cpu_thread_policy, devices and networks')


def _nodes(numbers: Sequence[int]) -> str:
    words = ' or '.join(map(str, numbers))
    return f'{words} NUMA node' + ('' if words == '1' else 's')
