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

"""``<cpu><cache>``: the third-level cache that the guest sees."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.table import HOST_CPU_MODES
from nova_numa_ext.topology.guest import shares_caches_as_host

#: The QEMU that first tells no more CPUs to share a cache than a socket has,
#: as libvirt counts versions.
LIMITS_TO_SOCKET = 7002000


@dataclass(frozen=True)
class CpuCache:
    """``passthrough``, ``emulate`` or ``disable``."""

    mode: str

    def write(self, domain: XmlNode) -> None:
        cpu = child(domain, 'cpu')
        node = child(cpu, 'cache', ('maxphysaddr', 'feature', 'numa'))
        node.set('mode', self.mode)
        if self.mode == 'emulate':
            # libvirt: emulate "can only be used with level='3'".
            node.set('level', '3')


def configure(guest: Guest) -> CpuCache | None:
    """Return the cache that is asked for, if one is.

    ``auto`` asks for nothing where caches cannot be told to a guest.

    :raises HostCannot: where libvirt does not have it for this guest
    """
    asked = guest.policy.cpu_cache
    if asked is None:
        return None
    if not guest.capabilities.has_cpu_cache:
        if asked == 'auto':
            return None
        raise HostCannot(
            guest.policy.origins['cpu_cache'],
            f'libvirt sets no caches for {guest.capabilities.arch} guests of '
            f'{guest.capabilities.virt_type}',
            'Remove it, or use auto',
        )
    if asked == 'auto':
        return CpuCache('passthrough' if _true_of_host(guest) else 'emulate')
    if asked == 'passthrough' and guest.cpu_mode not in HOST_CPU_MODES:
        raise HostCannot(
            guest.policy.origins['cpu_cache'],
            f'guests here get CPU mode {guest.cpu_mode or "none"}',
            'Set numa_ext:cpu_mode to host-passthrough too, or use emulate',
        )
    return CpuCache(asked)


def _true_of_host(guest: Guest) -> bool:
    if guest.cpu_mode != 'host-passthrough' or guest.explicit_topology:
        return False
    if guest.policy.cpu_topology != 'auto':
        return False
    fitted = cpu_topology.fit(guest)
    if fitted is None or cpu_topology.dies_of(guest, fitted) > 1:
        # Of the host's cache QEMU makes one for each die.
        return False
    pins = {vcpu: cpu for cell in guest.cells
            for vcpu, cpu in cell.pins.items()}
    return shares_caches_as_host(
        fitted, pins, guest.host,
        guest.capabilities.hypervisor_version >= LIMITS_TO_SOCKET)
