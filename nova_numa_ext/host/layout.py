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

"""The host's nodes, cores, caches and memory, from /sys.

libvirt's capabilities say the same; this needs no libvirt.
"""

from __future__ import annotations

from dataclasses import dataclass
import re

from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology.host import HostCell
from nova_numa_ext.topology.host import HostTopology

_CPU = 'sys/devices/system/cpu'
_NODE = 'sys/devices/system/node'


@dataclass(frozen=True)
class HugePages:
    """Huge pages of one size on a node."""

    size_kib: int
    total: int
    free: int


@dataclass(frozen=True)
class NodeMemory:
    """The memory of a node, that of its huge pages included."""

    total_kib: int
    free_kib: int
    pages: tuple[HugePages, ...]


def topology(reader: HostReader) -> HostTopology:
    """Return the host as the kernel describes it.

    A kernel without NUMA has no nodes; all CPUs are on one then.
    """
    online = reader.cpus(f'{_CPU}/online') or frozenset()
    cells = []
    numbers = reader.numbered(_NODE, 'node')
    for number in numbers:
        cpus = reader.cpus(f'{_NODE}/node{number}/cpulist') or frozenset()
        distances = (reader.text(f'{_NODE}/node{number}/distance') or '')
        cells.append(HostCell(
            number, cpus, memory(reader, number).total_kib,
            dict(zip(numbers, map(int, distances.split())))))
    if not cells and online:
        total = reader.fields('proc/meminfo').get('MemTotal', '0 kB')
        cells.append(HostCell(0, online, int(total.split()[0])))
    siblings = {}
    caches = []
    for cpu in sorted(online):
        folder = f'{_CPU}/cpu{cpu}'
        siblings[cpu] = reader.cpus(
            f'{folder}/topology/thread_siblings_list') or frozenset({cpu})
        for index in reader.numbered(f'{folder}/cache', 'index'):
            cache = f'{folder}/cache/index{index}'
            shared = reader.cpus(f'{cache}/shared_cpu_list')
            if reader.number(f'{cache}/level') == 3 and shared and (
                    shared not in caches):
                caches.append(shared)
    # The architecture is the machine's own, and nothing here depends on it.
    return HostTopology('', tuple(cells), siblings, tuple(caches))


def memory(reader: HostReader, node: int) -> NodeMemory:
    """Return the memory of a node."""
    folder = f'{_NODE}/node{node}'
    found = dict(re.findall(
        r'^Node [0-9]+ (\w+): +([0-9]+) kB$',
        reader.text(f'{folder}/meminfo') or '', re.MULTILINE))
    pages = []
    for name in reader.names(f'{folder}/hugepages'):
        size = re.fullmatch('hugepages-([0-9]+)kB', name)
        total = reader.number(f'{folder}/hugepages/{name}/nr_hugepages')
        free = reader.number(f'{folder}/hugepages/{name}/free_hugepages')
        if size and total:
            pages.append(HugePages(int(size[1]), total, free or 0))
    return NodeMemory(
        int(found.get('MemTotal', 0)), int(found.get('MemFree', 0)),
        tuple(pages))
