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

"""What a map of a host is made of: plain values, drawn by text and svg.

Whoever draws a host makes a ``HostMap``, or has ``host_map`` make one from
the host's topology and from what stands where::

    drawn = model.host_map(
        host, 'compute-1', ('guest a', 'guest b'),
        stands={2: model.Stand('vcpu', 'a0', 0)},
        memory={0: model.Memory(67108864, (
            model.Share('guest a node 0', 16777216, 0),), free_kib=50331648)},
        lines={0: ('emulator of guest a: CPUs 0-7',)})
    print(text.draw(drawn))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping
from typing import Sequence

from nova_numa_ext.topology.host import HostCell
from nova_numa_ext.topology.host import HostTopology

#: What a legend begins with.
LEGEND = 'Below each CPU what is on it:'

#: What a CPU can be used for: the sign where nothing has a label, and how the
#: legend calls it.
USES = {
    'free': ('.', 'free'),
    'vcpu': ('v', 'vCPU pinned there'),
    'realtime': ('r', 'realtime vCPU pinned there'),
    'shared': ('~', 'unpinned vCPUs run on any of these'),
    'emulator': ('E', 'emulator threads only'),
    'taken': ('x', 'taken'),
    'out': ('-', 'not for guests'),
}

_UNITS = ((1 << 30, 'TiB'), (1 << 20, 'GiB'), (1 << 10, 'MiB'))


@dataclass(frozen=True)
class Stand:
    """What is on a CPU.

    :ivar use: one of ``USES``
    :ivar label: a few characters, such as ``v12``; the use's sign without
    :ivar guest: whose it is, as a place in ``HostMap.guests``
    """

    use: str = 'free'
    label: str = ''
    guest: int | None = None


@dataclass(frozen=True)
class Cpu:
    """A CPU of the host, by its number."""

    id: int
    stand: Stand = Stand()

    @property
    def label(self) -> str:
        return self.stand.label or USES[self.stand.use][0]


@dataclass(frozen=True)
class Cache:
    """CPUs that share a third-level cache, core by core.

    :ivar name: what is written over them, such as ``L3``; nothing for cores
        whose caches are unknown
    :ivar cores: for each core its CPUs, which are siblings of each other
    """

    name: str
    cores: tuple[tuple[Cpu, ...], ...]


@dataclass(frozen=True)
class Share:
    """What a guest has of a node's memory.

    :ivar guest: as a place in ``HostMap.guests``
    """

    label: str
    kib: int
    guest: int | None = None


@dataclass(frozen=True)
class Pages:
    """Huge pages of one size; how many are free may be unknown."""

    size_kib: int
    total: int
    free: int | None = None


@dataclass(frozen=True)
class Memory:
    """The memory of a node; how much is free may be unknown."""

    total_kib: int
    shares: tuple[Share, ...] = ()
    free_kib: int | None = None
    pages: tuple[Pages, ...] = ()


@dataclass(frozen=True)
class Node:
    """A NUMA node of the host.

    :ivar lines: what else is to be said of it, a line each
    """

    id: int
    memory: Memory
    caches: tuple[Cache, ...]
    lines: tuple[str, ...] = ()

    @property
    def cpus(self) -> tuple[Cpu, ...]:
        return tuple(
            cpu for cache in self.caches for core in cache.cores
            for cpu in core)


@dataclass(frozen=True)
class HostMap:
    """A host with what is on it.

    :ivar guests: names of the guests, which tell their colours apart
    :ivar notes: what is said below the nodes, a paragraph each
    """

    title: str
    nodes: tuple[Node, ...]
    guests: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> tuple[tuple[Cpu, str], ...]:
        """For each use that occurs, the first such CPU and what it means."""
        first: dict[str, Cpu] = {}
        for node in self.nodes:
            for cpu in node.cpus:
                first.setdefault(cpu.stand.use, cpu)
        return tuple(
            (first[use], words) for use, (_, words) in USES.items()
            if use in first)


def host_map(
    host: HostTopology,
    title: str,
    guests: Sequence[str] = (),
    stands: Mapping[int, Stand] | None = None,
    memory: Mapping[int, Memory] | None = None,
    lines: Mapping[int, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
) -> HostMap:
    """Return the map of a host.

    :param stands: what is on each CPU; free where nothing is given
    :param memory: of each node; only its size where nothing is given
    :param lines: what else is to be said of each node
    """
    nodes = []
    for cell in host.cells:
        cell_memory = (memory or {}).get(cell.id, Memory(cell.memory_kib))
        nodes.append(Node(
            cell.id, cell_memory, _caches(host, cell, stands or {}),
            tuple((lines or {}).get(cell.id, ()))))
    return HostMap(title, tuple(nodes), tuple(guests), tuple(notes))


def size(kib: int) -> str:
    """Return an amount of memory in its largest unit, such as 16 GiB."""
    for unit, name in _UNITS:
        if kib >= unit:
            return f'{kib / unit:.1f}'.replace('.0', '') + f' {name}'
    return f'{kib} KiB'


def memory_lines(memory: Memory) -> tuple[str, ...]:
    """Return what a node's memory is used for, a line each."""
    words = [f'{share.label}: {size(share.kib)}' for share in memory.shares]
    for pages in memory.pages:
        free = '' if pages.free is None else f', {pages.free} free'
        words.append(
            f'pages of {size(pages.size_kib)}: {pages.total}{free}')
    return tuple(words)


def title_of(node: Node) -> str:
    """Return the words at the top of a node."""
    free = node.memory.free_kib
    return f'node {node.id}: {size(node.memory.total_kib)}' + (
        '' if free is None else f', {size(free)} free')


def _caches(
    host: HostTopology, cell: HostCell, stands: Mapping[int, Stand],
) -> tuple[Cache, ...]:
    groups: dict[frozenset[int], list[tuple[Cpu, ...]]] = {}
    seen: set[int] = set()
    for number in sorted(cell.cpus):
        if number in seen:
            continue
        core = host.siblings.get(number, frozenset()) & cell.cpus | {number}
        seen |= core
        # A core whose cache is unknown is in the group of no CPU.
        groups.setdefault(host.l3_of(number) or frozenset(), []).append(
            tuple(Cpu(cpu, stands.get(cpu, Stand())) for cpu in sorted(core)))
    return tuple(
        Cache(_cache_name(host, shared, cell), tuple(cores))
        for shared, cores in groups.items())


def _cache_name(
    host: HostTopology, shared: frozenset[int], cell: HostCell,
) -> str:
    if not shared:
        return ''
    name = 'L3'
    for bank in host.banks:
        if bank.cpus == shared:
            name = f'L3, {size(bank.size_kib)}'
    return name if shared <= cell.cpus else f'{name}, shared with other nodes'
