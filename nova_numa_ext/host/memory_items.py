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

"""Items of memory: what moves, merges or swaps it behind a guest's back.

KSM, transparent huge pages, NUMA balancing and swappiness are as in TuneD's
profiles realtime-virtual-host, network-latency and latency-performance; the
counters of nodes are those of the kernel's admin-guide/numastat; locking is
libvirt's (see memory_lock).
"""

from __future__ import annotations

import re

from nova_numa_ext.host import memory_lock
from nova_numa_ext.host.item import Host
from nova_numa_ext.host.item import Item

_NODE = 'sys/devices/system/node'

#: Share of pages that went to another node than wanted, above which
#: something is wrong.
MISSES = 0.01


def ksm(host: Host) -> Item:
    """Nobody merges pages."""
    found = host.reader.number('sys/kernel/mm/ksm/run')
    return Item(
        'KSM', {None: 'not in this kernel', 0: 'stopped', 1: 'running',
                2: 'stopped'}.get(found, str(found)),
        'stopped', found != 1,
        'systemctl disable --now ksm ksmtuned; '
        'echo 2 > /sys/kernel/mm/ksm/run')


def transparent_huge_pages(host: Host) -> Item:
    """Nobody moves pages together into huge ones."""
    path = 'sys/kernel/mm/transparent_hugepage/enabled'
    found = host.reader.chosen(path)
    return Item(
        'transparent huge pages', found or 'not in this kernel',
        'never or madvise', found in (None, 'never', 'madvise'),
        f'echo never > /{path}, or boot with transparent_hugepage=never')


def numa_balancing(host: Host) -> Item:
    """Nobody unmaps pages to see who uses them."""
    found = host.reader.number('proc/sys/kernel/numa_balancing')
    return Item(
        'numa_balancing', 'not in this kernel' if found is None
        else str(found), '0', not found,
        'sysctl -w kernel.numa_balancing=0, and keep it in /etc/sysctl.d')


def huge_pages(host: Host) -> Item:
    """Each node with dedicated CPUs has huge pages for guests."""
    words = []
    without = []
    for node in host.nodes:
        pages = []
        folder = f'{_NODE}/node{node}/hugepages'
        for name in host.reader.names(folder):
            size = re.fullmatch('hugepages-([0-9]+)kB', name)
            number = host.reader.number(f'{folder}/{name}/nr_hugepages')
            if size and number:
                free = host.reader.number(f'{folder}/{name}/free_hugepages')
                pages.append(f'{number} of {_size(int(size[1]))} '
                             f'({free} free)')
        words.append(f'node {node}: {", ".join(pages) or "none"}')
        if not pages:
            without.append(node)
    return Item(
        'huge pages', '; '.join(words) or 'unknown', 'some on each node',
        not without if words else None,
        'Boot with hugepagesz=1G hugepages=N, or write N into '
        f'/{_NODE}/nodeN/hugepages/hugepages-2048kB/nr_hugepages; then '
        'hw:mem_page_size=large on flavors')


def swap(host: Host) -> Item:
    """The host does not swap, or hardly."""
    lines = (host.reader.text('proc/swaps') or '').splitlines()[1:]
    swappiness = host.reader.number('proc/sys/vm/swappiness')
    wanted = 'none, or swappiness of 10 at most'
    remedy = 'swapoff -a, or sysctl -w vm.swappiness=10'
    if not lines:
        return Item('swap', 'none', wanted, True, remedy)
    names = ', '.join(line.split()[0] for line in lines)
    return Item(
        'swap', f'{names}, swappiness {swappiness}', wanted,
        swappiness is not None and swappiness <= 10, remedy)


def locking(host: Host) -> Item:
    """Guests' memory can be locked, which Nova asks for realtime ones."""
    facts = memory_lock.gather(host.reader)
    if not facts.daemon:
        found = 'no libvirtd to be seen'
    elif facts.may_raise_limits:
        found = f'{facts.daemon} with CAP_SYS_RESOURCE'
    elif facts.most_kib is None:
        found = f'{facts.daemon}, limit unknown'
    else:
        limit = ('no limit' if facts.most_kib == float('inf')
                 else f'{int(facts.most_kib) // 1024} MiB')
        found = f'{facts.daemon} without CAP_SYS_RESOURCE, {limit}'
    return Item(
        'memlock limit', found, 'CAP_SYS_RESOURCE or no limit',
        facts.can_lock,
        'systemctl edit libvirtd (or virtqemud): LimitMEMLOCK=infinity; in a '
        'container, give it CAP_SYS_RESOURCE', needed=True)


def misses(host: Host) -> Item:
    """Memory comes from the node that it was asked from.

    numa_miss of a node counts pages that were meant for another one.
    """
    words = []
    worst = None
    for node in host.reader.numbered(_NODE, 'node'):
        counts = dict(re.findall(
            r'^(\w+) ([0-9]+)$',
            host.reader.text(f'{_NODE}/node{node}/numastat') or '',
            re.MULTILINE))
        hit, miss = (int(counts.get(name, 0))
                     for name in ('numa_hit', 'numa_miss'))
        if hit + miss:
            share = miss / (hit + miss)
            worst = max(share, worst or 0)
            words.append(f'node {node}: {100 * share:.1f} %')
    return Item(
        'numa_miss', '; '.join(words) or 'unknown', 'below 1 %',
        None if worst is None else worst < MISSES,
        'Some node was full: give guests hw:numa_nodes and huge pages, and '
        'raise [DEFAULT] reserved_host_memory_mb')


def _size(kib: int) -> str:
    return f'{kib >> 20} GiB' if kib >> 20 else f'{kib >> 10} MiB'
