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

"""``<cputune><cachetune>``: L3 that a guest node has to itself."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.values import CacheShare
from nova_numa_ext.topology import cpuset
from nova_numa_ext.topology.host import CacheBank


@dataclass(frozen=True)
class Allocation:
    """What the vCPUs of a guest node get of a cache.

    :ivar vcpus: they
    :ivar bank: the cache's number, as libvirt and resctrl have it
    :ivar size_kib: how much of it
    """

    vcpus: frozenset[int]
    bank: int
    size_kib: int


@dataclass(frozen=True)
class CacheTune:
    """Allocations of L3; no vCPU is in two of them."""

    allocations: tuple[Allocation, ...]

    def write(self, domain: XmlNode) -> None:
        cputune = child(domain, 'cputune', BEFORE_CPUTUNE)
        remove(cputune, 'cachetune')
        for allocation in self.allocations:
            node = cputune.makeelement(
                'cachetune', {'vcpus': cpuset.show(allocation.vcpus)})
            node.append(node.makeelement('cache', {
                'id': str(allocation.bank),
                'level': '3',
                'type': 'both',
                'size': str(allocation.size_kib),
                'unit': 'KiB',
            }))
            cputune.append(node)


def configure(guest: Guest) -> CacheTune | None:
    """Return the allocations that are asked for, if any are.

    :raises HostCannot: where this host cannot allocate them
    :raises InvalidRequest: for a node that the guest does not have
    """
    shares = guest.policy.l3_allocation
    if not shares:
        return None
    for share in shares:
        if share.node >= len(guest.cells):
            raise InvalidRequest(
                guest.policy.origins['l3_allocation'],
                f'the guest has no node {share.node}, but {len(guest.cells)} '
                'from 0',
                'Set hw:numa_nodes, or take the node out',
            )
    # Judged by what the host has even before Nova has placed the guest.
    if not any(bank.granularity_kib for bank in guest.host.banks):
        raise _cannot(
            guest, 'libvirt can allocate no L3 on this host',
            'Mount resctrl on a host with CAT, or remove it')
    if any(cell.vcpus - cell.pins.keys() for cell in guest.cells):
        return None
    taken: dict[int, int] = {}
    allocations = []
    for share in shares:
        bank = _bank(guest, share)
        taken[bank.id] = taken.get(bank.id, 0) + share.size_kib
        _judge_size(guest, share, bank, taken[bank.id])
        allocations.append(Allocation(
            guest.cells[share.node].vcpus, bank.id, share.size_kib))
    return CacheTune(tuple(allocations))


def _cannot(guest: Guest, reason: str, remedy: str) -> HostCannot:
    return HostCannot(guest.policy.origins['l3_allocation'], reason, remedy)


def _bank(guest: Guest, share: CacheShare) -> CacheBank:
    """Return the cache that a guest node stands on."""
    cpus = set(guest.cells[share.node].pins.values())
    banks = [bank for bank in guest.host.banks if bank.cpus & cpus]
    if len(banks) != 1 or cpus - banks[0].cpus:
        numbers = ', '.join(str(bank.id) for bank in banks) or 'none'
        raise _cannot(
            guest,
            f'node {share.node} is not within one L3 of this host, but on '
            f'{numbers}',
            'Use smaller guest nodes, or another host')
    if not banks[0].granularity_kib:
        raise _cannot(
            guest, f'libvirt cannot allocate L3 {banks[0].id} of this host',
            'See `virsh capabilities`, or remove it')
    return banks[0]


def _judge_size(
    guest: Guest, share: CacheShare, bank: CacheBank, taken_kib: int,
) -> None:
    if share.size_kib % bank.granularity_kib:
        raise _cannot(
            guest,
            f'{share.size_kib} KiB of node {share.node} are no multiple of '
            f'{bank.granularity_kib} KiB, as L3 {bank.id} here wants',
            'Use a multiple')
    if share.size_kib < bank.min_kib:
        raise _cannot(
            guest,
            f'{share.size_kib} KiB of node {share.node} are less than L3 '
            f'{bank.id} here gives, {bank.min_kib} KiB',
            'Ask for more')
    if taken_kib > bank.size_kib:
        raise _cannot(
            guest,
            f'{taken_kib} KiB are more than L3 {bank.id} here has, '
            f'{bank.size_kib} KiB',
            'Ask for less')
