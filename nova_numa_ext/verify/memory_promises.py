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

"""Promises of memory: its nodes, its pages, whether it stays there."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Iterator
from typing import Sequence
from xml.etree import ElementTree

from nova_numa_ext.host.processes import Area
from nova_numa_ext.topology import cpuset
from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise
from nova_numa_ext.verify.promise import UNREADABLE

#: QEMU's words for libvirt's modes of memory policy, as /proc shows them.
_POLICIES = {
    'strict': ('bind',),
    'preferred': ('prefer', 'prefer (many)'),
    'interleave': ('interleave', 'weighted interleave'),
}

_UNITS = {
    'b': 1, 'bytes': 1, 'KB': 1000, 'k': 1 << 10, 'KiB': 1 << 10,
    'MB': 10 ** 6, 'M': 1 << 20, 'MiB': 1 << 20, 'GB': 10 ** 9,
    'G': 1 << 30, 'GiB': 1 << 30, 'TB': 10 ** 12, 'T': 1 << 40,
    'TiB': 1 << 40,
}


@dataclass(frozen=True)
class Cell:
    """A NUMA node of the guest, or all of its memory.

    :ivar id: its number, None for a guest without nodes
    :ivar kib: its memory
    :ivar mode: its memory policy, empty for none
    :ivar nodes: the host nodes of that
    :ivar page_kib: size of its huge pages, 0 for none
    """

    id: int | None
    kib: int
    mode: str
    nodes: frozenset[int]
    page_kib: int

    def __str__(self) -> str:
        return 'memory' if self.id is None else f'guest node {self.id}'


def areas_of(
    cells: Sequence[Cell], areas: Sequence[Area],
) -> dict[int | None, Area]:
    """Return where in QEMU's memory each node of the guest is.

    Huge pages have a file that is named after the node. Other mappings have
    no names: it is the one of this node's size and memory policy, else the
    one of its size. Those that are equal in both are told by their order, for
    QEMU maps the first node first, and mappings grow downwards.
    """
    found: dict[int | None, Area] = {}
    left = list(reversed(areas))

    def take(cell: Cell, area: Area) -> None:
        found[cell.id] = area
        left.remove(area)

    for cell in cells:
        for area in left:
            name = re.search(r'ram-node([0-9]+)', area.file)
            if name and int(name[1]) == cell.id:
                take(cell, area)
                break
    for exactly in (True, False):
        for cell in cells:
            if cell.id in found:
                continue
            for area in left:
                if area.size_kib == cell.kib and not area.file.startswith(
                        '/usr') and (not exactly or (
                            area.nodes == cell.nodes and area.nodes)):
                    take(cell, area)
                    break
    return found


@dataclass(frozen=True)
class _OfCell:
    """A promise about the memory of a node of the guest."""

    cell: Cell
    cells: tuple[Cell, ...]

    @property
    def subject(self) -> str:
        return str(self.cell)

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        if evidence.areas is None:
            return UNREADABLE, None
        area = areas_of(self.cells, evidence.areas).get(self.cell.id)
        if area is None:
            return 'not found in QEMU', None
        return self._judge(area)

    def _judge(self, area: Area) -> tuple[str, bool | None]:
        raise NotImplementedError


@dataclass(frozen=True)
class Nodes(_OfCell):
    """The memory of a guest's node is on these nodes of the host."""

    what: str = 'host nodes'

    @property
    def asked(self) -> str:
        return f'{cpuset.show(self.cell.nodes)} {self.cell.mode}'

    def _judge(self, area: Area) -> tuple[str, bool | None]:
        there = {node: kib for node, kib in area.kib.items() if kib}
        total = sum(there.values())
        remote = sum(kib for node, kib in there.items()
                     if node not in self.cell.nodes)
        got = ', '.join(
            f'{kib / 1024:.1f} MiB on {node}'
            for node, kib in sorted(there.items())) or 'none used yet'
        if total:
            got += f', {100 * remote / total:.1f} % remote'
        # The kernel takes other nodes where a preferred one is full.
        kept = not remote or self.cell.mode == 'preferred'
        # Mode restrictive has no policy of its own: cgroups do it.
        policies = _POLICIES.get(self.cell.mode, ())
        if area.policy != 'default' and policies and (
                area.policy not in policies
                or not area.nodes <= self.cell.nodes):
            got += f', policy {area.policy} {cpuset.show(area.nodes)}'
            kept = False
        return got, kept


@dataclass(frozen=True)
class HugePages(_OfCell):
    """The memory of a guest's node has pages of this size."""

    what: str = 'page size'

    @property
    def asked(self) -> str:
        return f'{self.cell.page_kib} KiB'

    def _judge(self, area: Area) -> tuple[str, bool | None]:
        return f'{area.page_kib} KiB', area.page_kib == self.cell.page_kib


@dataclass(frozen=True)
class Locked:
    """The guest's memory is locked: never swapped, never moved out.

    The kernel counts huge pages in none of it, which it never swaps.
    """

    kib: int
    subject: str = 'memory'
    what: str = 'locked'

    @property
    def asked(self) -> str:
        return 'yes'

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        if evidence.locked_kib is None:
            return UNREADABLE, None
        return (f'{evidence.locked_kib / 1024:.1f} MiB',
                evidence.locked_kib > 0 and evidence.locked_kib >= self.kib)


@dataclass(frozen=True)
class NotShared:
    """The host merges no page of the guest with one of others (KSM)."""

    subject: str = 'memory'
    what: str = 'shared pages'
    asked: str = 'none'

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        words = evidence.option('-machine').split(',')
        if 'mem-merge=off' not in words:
            return 'QEMU lets pages be merged', False
        if evidence.merged_pages:
            return f'{evidence.merged_pages} merged', False
        return 'none', True


def of_domain(domain: ElementTree.Element) -> Iterator[Promise]:
    """Return what a domain promises of its memory."""
    cells = _cells(domain)
    for cell in cells:
        if cell.mode and cell.nodes:
            yield Nodes(cell, cells)
    for cell in cells:
        if cell.page_kib:
            yield HugePages(cell, cells)
    backing = domain.find('memoryBacking')
    if backing is None:
        return
    if backing.find('locked') is not None:
        yield Locked(sum(cell.kib for cell in cells if not cell.page_kib))
    if backing.find('nosharepages') is not None:
        yield NotShared()


def _cells(domain: ElementTree.Element) -> tuple[Cell, ...]:
    memory = domain.find('numatune/memory')
    found: list[Cell] = []
    for node in domain.iterfind('cpu/numa/cell'):
        number = int(node.get('id', len(found)))
        policy = domain.find(f"numatune/memnode[@cellid='{number}']")
        found.append(_cell(
            domain, number, memory if policy is None else policy,
            _kib(node.get('memory', '0'), node.get('unit', 'KiB'))))
    if found:
        return tuple(found)
    total = domain.find('memory')
    kib = 0 if total is None else _kib(
        total.text or '0', total.get('unit', 'KiB'))
    return (_cell(domain, None, memory, kib),)


def _cell(
    domain: ElementTree.Element, number: int | None,
    policy: ElementTree.Element | None, kib: int,
) -> Cell:
    mode, nodes = '', ''
    if policy is not None:
        mode, nodes = policy.get('mode', 'strict'), policy.get('nodeset', '')
    return Cell(
        number, kib, mode, cpuset.parse(nodes), _page_kib(domain, number))


def _page_kib(domain: ElementTree.Element, number: int | None) -> int:
    for page in domain.iterfind('memoryBacking/hugepages/page'):
        nodes = page.get('nodeset')
        if nodes is None or (number or 0) in cpuset.parse(nodes):
            return _kib(page.get('size', '0'), page.get('unit', 'KiB'))
    return 0


def _kib(number: str, unit: str) -> int:
    return int(number) * _UNITS[unit] // 1024
