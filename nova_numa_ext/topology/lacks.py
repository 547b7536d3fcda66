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

"""Which node lacks what, for a guest that Nova cannot place."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Mapping

from nova_numa_ext.picture import model

#: What Nova has for hw:mem_page_size=small, large and any.
SMALL, LARGE, ANY = -1, -2, -3


@dataclass(frozen=True)
class Want:
    """What a guest node wants of a host node.

    :ivar dedicated: CPUs of its own
    :ivar shared: CPUs that it shares; a host node must have as many
    :ivar page_kib: the size of its pages, or one of ``SMALL``, ``LARGE``,
        ``ANY``; None for no size
    """

    node: int
    dedicated: int
    shared: int
    memory_kib: int
    page_kib: int | None = None


@dataclass(frozen=True)
class Room:
    """What a host node has left.

    :ivar pages: how many pages there are of each size in KiB
    """

    node: int
    dedicated: int
    shared: int
    memory_kib: int
    pages: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Lack:
    """One thing that a host node has too little of for a guest node.

    :ivar unit: ``count`` or ``KiB``, of what is wanted and there
    """

    guest_node: int
    host_node: int
    what: str
    wanted: int
    there: int
    unit: str = 'count'

    def __str__(self) -> str:
        return (f'guest node {self.guest_node} on host node '
                f'{self.host_node}: {self.what}: {self._shown(self.wanted)} '
                f'wanted, {self._shown(self.there)} there')

    def missing(self) -> str:
        """Return how much is missing, such as ``2 free dedicated CPUs``."""
        amount = self.wanted - self.there
        what = self.what
        if self.unit == 'KiB':
            return f'{model.size(amount)} of free {what}'
        if amount == 1:
            what = what.replace('CPUs', 'CPU').replace('pages', 'page')
        return f'{amount} free {what}'

    def _shown(self, amount: int) -> str:
        return model.size(amount) if self.unit == 'KiB' else str(amount)


def lacks(want: Want, room: Room) -> tuple[Lack, ...]:
    """Return what a host node lacks for a guest node."""
    found = []
    for what, wanted, there in (
        ('dedicated CPUs', want.dedicated, room.dedicated),
        ('shared CPUs', want.shared, room.shared),
    ):
        if wanted > there:
            found.append(Lack(want.node, room.node, what, wanted, there))
    if want.page_kib is None and not room.pages:
        if want.memory_kib > room.memory_kib:
            found.append(Lack(
                want.node, room.node, 'memory', want.memory_kib,
                room.memory_kib, 'KiB'))
        return tuple(found)
    sizes = _sizes(want.page_kib, room.pages)
    if not any(_holds(room, size, want.memory_kib) for size in sizes):
        found += [_lack_of_pages(want, room, size) for size in sizes]
    return tuple(found)


def _sizes(
    page_kib: int | None, pages: Mapping[int, int],
) -> list[int]:
    """Return the sizes of pages that will do."""
    known = sorted(pages)
    if page_kib in (None, SMALL):
        return known[:1]
    if page_kib == LARGE:
        return known[1:]
    return known if page_kib == ANY else [page_kib]


def _holds(room: Room, size: int, memory_kib: int) -> bool:
    return (not memory_kib % size
            and memory_kib // size <= room.pages.get(size, 0))


def _lack_of_pages(want: Want, room: Room, size: int) -> Lack:
    if size == min(room.pages, default=0):
        return Lack(
            want.node, room.node, f'memory in pages of {model.size(size)}',
            want.memory_kib, room.pages[size] * size, 'KiB')
    return Lack(
        want.node, room.node, f'pages of {model.size(size)}',
        -(-want.memory_kib // size), room.pages.get(size, 0))
