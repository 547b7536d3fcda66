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

"""The host as libvirt's capabilities describe it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import re
from typing import Mapping
from xml.etree import ElementTree

from nova_numa_ext.topology import cpuset


@dataclass(frozen=True)
class HostCell:
    """A NUMA node of the host.

    :ivar id: its number
    :ivar cpus: the CPUs in it
    :ivar memory_kib: its memory
    :ivar distances: to each node, itself included, as in the host's SLIT;
        empty where unknown
    """

    id: int
    cpus: frozenset[int]
    memory_kib: int
    distances: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CacheBank:
    """A third-level cache of the host.

    :ivar id: its number, as in libvirt's and resctrl's
    :ivar cpus: the CPUs that share it
    :ivar size_kib: its size
    :ivar granularity_kib: what it can be allocated in multiples of; 0 where
        it cannot be allocated
    :ivar min_kib: the least that can be allocated
    """

    id: int
    cpus: frozenset[int]
    size_kib: int
    granularity_kib: int = 0
    min_kib: int = 0


@dataclass(frozen=True)
class HostTopology:
    """Nodes, cores and third-level caches of a host.

    :ivar arch: architecture of its CPUs, as libvirt names it
    :ivar cells: its NUMA nodes
    :ivar siblings: for each CPU, the CPUs of its core; a CPU that is offline
        is missing
    :ivar l3: the CPUs of each third-level cache; empty where unknown
    :ivar vendor: vendor of its CPUs, as libvirt names it
    :ivar banks: its third-level caches, with what can be allocated of them
    """

    arch: str
    cells: tuple[HostCell, ...]
    siblings: Mapping[int, frozenset[int]]
    l3: tuple[frozenset[int], ...]
    vendor: str = ''
    banks: tuple[CacheBank, ...] = ()

    def l3_of(self, cpu: int) -> frozenset[int] | None:
        """Return the CPUs that share this one's L3, or None if unknown."""
        for cpus in self.l3:
            if cpu in cpus:
                return cpus
        return None


def from_capabilities(xml: str) -> HostTopology:
    """Read ``virsh capabilities``.

    https://libvirt.org/formatcaps.html: /capabilities/host has topology
    (cells, CPUs with their siblings) and cache (banks with their CPUs, since
    libvirt 3.4).

    :raises ValueError: where it is not a capabilities document
    """
    try:
        host = ElementTree.fromstring(xml).find('host')
    except ElementTree.ParseError as error:
        raise ValueError(f'not a capabilities document: {error}') from error
    if host is None:
        raise ValueError('not a capabilities document: it has no <host>')
    cells = []
    siblings = {}
    for cell in host.iterfind('topology/cells/cell'):
        cpus = []
        for cpu in cell.iterfind('cpus/cpu'):
            number = _number(cpu.get('id'))
            cpus.append(number)
            shared = cpu.get('siblings')
            if shared is not None:
                siblings[number] = cpuset.parse(shared)
        cells.append(HostCell(
            _number(cell.get('id')),
            frozenset(cpus),
            _number(cell.findtext('memory', '0').strip()),
            {
                _number(sibling.get('id')): _number(sibling.get('value'))
                for sibling in cell.iterfind('distances/sibling')
            },
        ))
    return HostTopology(
        host.findtext('cpu/arch', ''),
        tuple(cells),
        siblings,
        tuple(
            cpuset.parse(bank.get('cpus', ''))
            for bank in host.iterfind('cache/bank')
            if bank.get('level') == '3' and bank.get('type') != 'code'
        ),
        host.findtext('cpu/vendor', ''),
        tuple(
            _bank(bank) for bank in host.iterfind('cache/bank')
            if bank.get('level') == '3' and bank.get('type') == 'both'
        ),
    )


def _bank(bank: ElementTree.Element) -> CacheBank:
    control = bank.find("control[@type='both']")
    granularity = _kib(control, 'granularity') if control is not None else 0
    least = granularity
    if control is not None and control.get('min') is not None:
        least = _kib(control, 'min')
    return CacheBank(
        _number(bank.get('id')),
        cpuset.parse(bank.get('cpus', '')),
        _kib(bank, 'size'),
        granularity,
        least,
    )


def _kib(element: ElementTree.Element, attribute: str) -> int:
    units = {'B': 1, 'KiB': 1024, 'MiB': 1024 ** 2, 'GiB': 1024 ** 3}
    unit = units.get(element.get('unit', 'KiB'))
    if unit is None:
        raise ValueError(f'{element.get("unit")!r} is not a unit of caches')
    return _number(element.get(attribute)) * unit // 1024


def _number(text: str | None) -> int:
    # int() would take signs, underscores and other scripts' digits too.
    if not re.fullmatch('[0-9]{1,18}', text or ''):
        raise ValueError(f'{(text or "")[:40]!r} is not a number')
    return int(text or '')
