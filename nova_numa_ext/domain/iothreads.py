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

"""``<iothreads>``: threads of disks, where they run, and who uses which.

A virtio-blk disk and a virtio-scsi controller name the thread that serves
them. QEMU starts a thread that nobody names all the same, and it stays idle.
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import Node
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.topology import cpuset
from nova_numa_ext.topology.guest import GuestCell

_BEFORE_IDS = ('cputune', *BEFORE_CPUTUNE)
_BEFORE_IOTHREADS = ('iothreadids', *_BEFORE_IDS)


@dataclass(frozen=True)
class IoThread:
    """An IO thread, numbered from 1 by its place among the others.

    :ivar beside: vCPUs on whose host CPUs it runs; none for the CPUs of the
        emulator threads
    """

    beside: frozenset[int] = frozenset()


@dataclass(frozen=True)
class IoThreads:
    """The threads that take the place of Nova's; none for no threads."""

    threads: tuple[IoThread, ...]

    def write(self, domain: XmlNode) -> None:
        cputune = domain.find('cputune')
        remove(domain, 'iothreads')
        remove(domain, 'iothreadids')
        if cputune is not None:
            remove(cputune, 'iothreadpin')
        served = users(domain)
        if not served or not self.threads:
            return
        count = child(domain, 'iothreads', _BEFORE_IOTHREADS)
        count.text = str(len(self.threads))
        ids = child(domain, 'iothreadids', _BEFORE_IDS)
        for number, thread in enumerate(self.threads, 1):
            ids.append(ids.makeelement('iothread', {'id': str(number)}))
            if cputune is not None:
                _pin(cputune, number, thread)
        for at, user in enumerate(served):
            use(user, at % len(self.threads) + 1)


def configure(guest: Guest) -> IoThreads | None:
    """Return the IO threads that are asked for, if anything is."""
    if guest.policy.iothreads is None:
        return None
    return IoThreads(threads(guest))


def threads(guest: Guest) -> tuple[IoThread, ...]:
    """Return the IO threads that a guest is to have."""
    asked = guest.policy.iothreads
    if isinstance(asked, int):
        return (IoThread(),) * asked
    if asked != 'per-node':
        return ()
    return tuple(
        IoThread(_ordinary(cell, guest.realtime_vcpus))
        for cell in guest.cells
    ) or (IoThread(),)


def users(domain: Node) -> list[Node]:
    """Return the devices of a domain that can use an IO thread."""
    return [
        device
        for path in ('devices/disk', 'devices/controller')
        for device in domain.findall(path)
        if can_use(device)
    ]


def can_use(device: XmlNode) -> bool:
    """Return whether a ``<disk>`` or ``<controller>`` can use an IO thread."""
    target = device.find('target')
    if target is not None:
        # libvirt: "iothread is not supported with vhostuser disk".
        return (target.get('bus') == 'virtio'
                and device.get('type') != 'vhostuser')
    return (device.get('type') == 'scsi'
            and device.get('model') == 'virtio-scsi')


def use(device: XmlNode, thread: int) -> None:
    """Have a device be served by this IO thread."""
    child(device, 'driver').set('iothread', str(thread))


def least_used(domain: XmlNode) -> int | None:
    """Return the IO thread with the fewest devices, None without threads.

    :param domain: as libvirt has it
    """
    count = domain.find('iothreads')
    if count is None or not count.text:
        return None
    served = [
        driver.get('iothread')
        for driver in (user.find('driver') for user in users(domain))
        if driver is not None
    ]
    numbers = range(1, int(count.text) + 1)
    return min(
        numbers, key=lambda number: served.count(str(number)), default=None)


def _ordinary(
    cell: GuestCell, realtime: frozenset[int],
) -> frozenset[int]:
    """Return the vCPUs of a node that an IO thread may disturb.

    Those that share their CPUs with others anyway, where there are some.
    """
    vcpus = cell.vcpus - realtime
    return frozenset(vcpus - cell.pins.keys()) or vcpus


def _pin(cputune: XmlNode, number: int, thread: IoThread) -> None:
    cpus: frozenset[int] = frozenset()
    for pin in cputune.findall('vcpupin'):
        if int(pin.get('vcpu') or '') in thread.beside:
            cpus |= cpuset.parse(pin.get('cpuset') or '')
    emulator = cputune.find('emulatorpin')
    if not cpus and emulator is not None:
        cpus = cpuset.parse(emulator.get('cpuset') or '')
    if cpus:
        cputune.append(cputune.makeelement('iothreadpin', {
            'iothread': str(number), 'cpuset': cpuset.show(cpus)}))
