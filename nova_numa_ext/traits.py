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

"""The one table of placement traits: what a host has, what a guest needs.

Each row is both: the trait that a host reports, and when a flavor should
require it. The driver, the command, the reference of the documentation and
the tests read it here.
"""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Callable
from typing import Iterable
from typing import Iterator

from nova_numa_ext.domain.capabilities import DomainCapabilities
from nova_numa_ext.domain.cpu_topology import CLUSTERS
from nova_numa_ext.host import cpu_identity
from nova_numa_ext.host import layout
from nova_numa_ext.host import readiness
from nova_numa_ext.host.item import Item
from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.policy import table
from nova_numa_ext.policy.guest_policy import GuestPolicy
from nova_numa_ext.topology.host import HostTopology

#: What all traits of this project begin with, and those of nobody else.
PREFIX = 'CUSTOM_NUMA_EXT_'
#: The most characters that placement takes.
MOST = 255

#: Hosts have traits for so many NUMA nodes at most.
_MOST_NODES = 16
#: Pages above this size, in KiB, are huge ones on every architecture.
_ORDINARY_KIB = 64
_UNITS = {'': 1, 'KB': 1, 'KIB': 1, 'MB': 1 << 10, 'MIB': 1 << 10,
          'GB': 1 << 20, 'GIB': 1 << 20}

Words = Iterable[str]


@dataclass(frozen=True)
class Facts:
    """What traits are made from.

    :ivar host: nodes and caches, as libvirt tells them
    :ivar capabilities: what guests can have, None where there can be none
    :ivar cpus: the kinds of CPUs
    :ivar page_sizes: of the huge pages that there are, in KiB
    :ivar items: what realtime guests want, judged
    :ivar has_policies: whether guests get what ``numa_ext:`` specs ask for
    """

    host: HostTopology
    capabilities: DomainCapabilities | None = None
    cpus: tuple[cpu_identity.CpuIdentity, ...] = ()
    page_sizes: tuple[int, ...] = ()
    items: tuple[Item, ...] = ()
    has_policies: bool = True

    def ok(self, name: str) -> bool | None:
        """Return how an item was judged; None where nobody can tell."""
        return next(
            (item.ok for item in self.items if item.name == name), None)


def read(
    reader: HostReader,
    host: HostTopology,
    capabilities: DomainCapabilities | None,
    dedicated: frozenset[int] | None = None,
    has_policies: bool = True,
) -> Facts:
    """Return the facts of a host.

    :param host: as libvirt tells it, which gives more than /sys does
    :param dedicated: [compute] cpu_dedicated_set
    """
    sizes = {
        pages.size_kib
        for node in reader.numbered('sys/devices/system/node', 'node')
        for pages in layout.memory(reader, node).pages}
    return Facts(
        host, capabilities, cpu_identity.read(reader), tuple(sorted(sizes)),
        readiness.judge(reader, dedicated), has_policies)


@dataclass(frozen=True)
class Row:
    """A trait, or several that differ in one word.

    :ivar name: without the prefix; in braces what stands for the word
    :ivar help: which hosts have it
    :ivar has: returns the words for which a host has it; an empty one where
        the name has none
    :ivar needs: returns those for which a guest needs it
    :ivar needed: which flavors require it, for the reference
    """

    name: str
    help: str
    has: Callable[[Facts], Words]
    needs: Callable[[GuestPolicy], Words] | None = None
    needed: str = ''

    def of(self, words: Words) -> Iterator[str]:
        """Yield the traits of some words."""
        for word in words:
            yield PREFIX + re.sub(r'\{\w+\}', _valid(word), self.name)


def _valid(word: str) -> str:
    """Return a word as names of traits can have it."""
    return re.sub('[^A-Z0-9_]', '_', word.upper())[:MOST // 2]


def _when(condition: object) -> Words:
    return ('',) if condition else ()


def _has_cache(facts: Facts) -> Words:
    found = facts.capabilities
    return _when(found is not None and found.has_cpu_cache)


def _has_dies(facts: Facts) -> Words:
    found = facts.capabilities
    if found is None:
        return ()
    return _when(_is_new(facts, 'cpu_dies') and (
        found.has_cpu_cache
        or found.arch == 'aarch64' and found.has(CLUSTERS)))


def _is_new(facts: Facts, name: str, word: str = '*') -> bool:
    """Return whether libvirt and QEMU have what a row of specs wants."""
    found = facts.capabilities
    return found is not None and all(
        found.has(version.libvirt, version.qemu)
        for value, version in table.BY_NAME[name].versions if value == word)


def _modes(facts: Facts) -> Words:
    return facts.capabilities.cpu_modes if facts.capabilities else ()


def _fingerprint(facts: Facts) -> Words:
    found = cpu_identity.fingerprint(facts.cpus)
    return (found,) if found else ()


def _has_distances(facts: Facts) -> Words:
    cells = facts.host.cells
    return _when(cells and all(cell.distances for cell in cells))


def _is_ready(facts: Facts) -> Words:
    return _when(facts.items and not readiness.missing(facts.items))


def _size(kib: int) -> str:
    for unit, size in (('GB', 1 << 20), ('MB', 1 << 10)):
        if not kib % size:
            return f'{kib // size}{unit}'
    return f'{kib}KB'


def _needed_size(policy: GuestPolicy) -> Words:
    """Return the size that hw:mem_page_size names, where it is a huge one."""
    found = re.fullmatch(
        '([0-9]{1,9}) ?([KMG]I?B)?', (policy.nova.page_size or '').upper())
    if not found:
        return ()
    kib = int(found[1]) * _UNITS[found[2] or '']
    return (_size(kib),) if kib > _ORDINARY_KIB else ()


def _needed_nodes(policy: GuestPolicy) -> Words:
    number = policy.nova.numa_nodes or ''
    if not re.fullmatch('[0-9]{1,3}', number) or int(number) < 2:
        return ()
    return (str(min(int(number), _MOST_NODES)),)


ROWS = (
    Row(
        'GUEST_POLICY',
        'nova-compute runs with the driver of this project, and '
        '[numa_ext] guest_policy is on.',
        lambda facts: _when(facts.has_policies),
        lambda policy: _when(policy),
        'has any ``numa_ext:`` spec',
    ),
    Row(
        'CPU_VENDOR_{VENDOR}',
        "vendor_id of /proc/cpuinfo, such as GENUINEINTEL; Arm's CPU "
        'implementer, such as 0X41.',
        lambda facts: {kind.vendor for kind in facts.cpus},
    ),
    Row(
        'CPU_MODEL_{MODEL}',
        'Vendor, cpu family and model of /proc/cpuinfo, such as '
        'GENUINEINTEL_6_85; CPU implementer, architecture and part of Arm.',
        lambda facts: {'_'.join((kind.vendor, kind.family, kind.model))
                       for kind in facts.cpus},
    ),
    Row(
        'CPU_ID_{FINGERPRINT}',
        'A fingerprint of vendor, family, model, stepping and feature flags '
        'of the CPUs: hosts that have it in common have the same CPUs, as '
        'far as /proc/cpuinfo tells. 16 hexadecimal digits.',
        _fingerprint,
    ),
    Row(
        'CPU_MODE_{MODE}',
        "libvirt's domain capabilities of [libvirt] virt_type have this mode "
        'of guest CPUs: HOST_PASSTHROUGH, HOST_MODEL, MAXIMUM, CUSTOM.',
        _modes,
        lambda policy: [policy.cpu_mode] if policy.cpu_mode else (),
        'has numa_ext:cpu_mode, or a profile that sets it',
    ),
    Row(
        'CPU_CACHE',
        'The L3 cache that a guest sees can be chosen (x86).',
        _has_cache,
        lambda policy: _when(policy.cpu_cache),
        'has numa_ext:cpu_cache, or a profile that sets it',
    ),
    Row(
        'CPU_DIES',
        'Guests can have dies (x86), or clusters (Arm).',
        _has_dies,
        lambda policy: _when(policy.cpu_dies),
        'has numa_ext:cpu_dies',
    ),
    Row(
        'NUMA_NODES_{N}',
        'The host has N NUMA nodes.',
        lambda facts: [str(len(facts.host.cells))],
    ),
    Row(
        'NUMA_NODES_MIN_{N}',
        'The host has N NUMA nodes or more, for each N from 2 to 16.',
        lambda facts: [str(number) for number in range(
            2, min(len(facts.host.cells), _MOST_NODES) + 1)],
        _needed_nodes,
        'has hw:numa_nodes of 2 or more',
    ),
    Row(
        'NUMA_DISTANCES',
        'libvirt tells the distances between the NUMA nodes.',
        _has_distances,
        lambda policy: _when(policy.numa_distances == 'host'),
        'has numa_ext:numa_distances=host',
    ),
    Row(
        'MEMPOLICY_RESTRICTIVE',
        'libvirt has the memory policy restrictive.',
        lambda facts: _when(_is_new(facts, 'numa_mempolicy', 'restrictive')),
        lambda policy: _when(policy.numa_mempolicy == 'restrictive'),
        'has numa_ext:numa_mempolicy=restrictive',
    ),
    Row(
        'HUGEPAGES',
        'Some NUMA node has huge pages, free or not.',
        lambda facts: _when(facts.page_sizes),
        lambda policy: _when(policy.nova.page_size == 'large'),
        'has hw:mem_page_size=large',
    ),
    Row(
        'HUGEPAGES_{SIZE}',
        'Some NUMA node has huge pages of this size: 2MB, 1GB.',
        lambda facts: map(_size, facts.page_sizes),
        _needed_size,
        'has hw:mem_page_size with such a size',
    ),
    Row(
        'IOTHREADS',
        "libvirt's domain capabilities say that guests can have IO threads.",
        lambda facts: _when(
            facts.capabilities and facts.capabilities.iothreads),
        lambda policy: _when(policy.iothreads not in (None, 'off')),
        'has numa_ext:iothreads other than off, or a profile that sets it',
    ),
    Row(
        'L3_ALLOCATION',
        'Parts of an L3 cache can be allocated (resctrl).',
        lambda facts: _when(any(
            bank.granularity_kib for bank in facts.host.banks)),
        lambda policy: _when(policy.l3_allocation),
        'has numa_ext:l3_allocation',
    ),
    Row(
        'REALTIME_KERNEL',
        'The kernel is a PREEMPT_RT one.',
        lambda facts: _when(facts.ok('kernel')),
    ),
    Row(
        'ISOLATED_CPUS',
        'The dedicated CPUs are among those of isolcpus.',
        lambda facts: _when(facts.ok('isolcpus')),
    ),
    Row(
        'REALTIME_READY',
        'Nothing is missing that realtime guests need, as ``nova-numa-ext '
        'host`` judges.',
        _is_ready,
        lambda policy: _when(policy.nova.realtime),
        'has hw:cpu_realtime',
    ),
    Row(
        'MEMORY_LOCK',
        "Guests' memory can be locked, as far as can be told.",
        lambda facts: _when(
            facts.items and facts.ok('memlock limit') is not False),
        lambda policy: _when(
            policy.nova.locked_memory or policy.nova.realtime),
        'has hw:locked_memory or hw:cpu_realtime',
    ),
)


def traits(facts: Facts) -> tuple[str, ...]:
    """Return the traits of a host, in the order of the table."""
    return tuple(
        name for row in ROWS for name in row.of(sorted(row.has(facts))))


def needs(policy: GuestPolicy) -> tuple[str, ...]:
    """Return the traits that a guest's host should have."""
    return tuple(
        name for row in ROWS if row.needs is not None
        for name in row.of(row.needs(policy)))


def required(policy: GuestPolicy) -> dict[str, str]:
    """Return the extra specs that make placement pass over other hosts."""
    return {f'trait:{name}': 'required' for name in needs(policy)}


def stale(there: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return what is there of this project's and should not be.

    :param there: all traits of a provider
    :param wanted: those that its host has
    """
    kept = frozenset(wanted)
    return tuple(sorted(
        name for name in there
        if name.startswith(PREFIX) and name not in kept))
