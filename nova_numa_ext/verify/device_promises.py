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

"""Promises of devices: IO threads of disks, and no balloon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator
from xml.etree import ElementTree

from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise


@dataclass(frozen=True)
class IoThread:
    """A disk, or a controller with its disks, has this IO thread.

    :ivar path: where it is in the domain
    """

    subject: str
    path: str
    number: str
    what: str = 'IO thread'

    @property
    def asked(self) -> str:
        return self.number

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        node = evidence.domain.find(self.path)
        if node is None:
            return 'no such device', False
        alias = node.find('alias')
        name = '' if alias is None else alias.get('name', '')
        for device in evidence.devices:
            if name and device.get('id') == name:
                got = str(device.get('iothread', 'none'))
                return got.replace('iothread', ''), got == (
                    f'iothread{self.number}')
        # Not among what QEMU was started with: it was plugged in later.
        driver = node.find('driver')
        got = 'none' if driver is None else driver.get('iothread', 'none')
        return got, got == self.number


@dataclass(frozen=True)
class NoBalloon:
    """There is no memory balloon."""

    subject: str = 'memory balloon'
    what: str = 'device'
    asked: str = 'none'

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        for device in evidence.devices:
            driver = str(device.get('driver', ''))
            if driver.startswith('virtio-balloon'):
                return driver, False
        return 'none', True


def of_domain(domain: ElementTree.Element) -> Iterator[Promise]:
    """Return what a domain promises of its devices."""
    for disk in domain.iterfind('devices/disk'):
        target = disk.find('target')
        name = '' if target is None else target.get('dev', '')
        number = _iothread(disk)
        if number:
            yield IoThread(
                f'disk {name}', f"devices/disk/target[@dev='{name}']/..",
                number)
    for controller in domain.iterfind("devices/controller[@type='scsi']"):
        index = controller.get('index', '')
        number = _iothread(controller)
        if number:
            yield IoThread(
                f'SCSI controller {index}',
                "devices/controller[@type='scsi']"
                f"[@index='{index}']", number)
    balloon = domain.find('devices/memballoon')
    if balloon is not None and balloon.get('model') == 'none':
        yield NoBalloon()


def _iothread(device: ElementTree.Element) -> str:
    driver = device.find('driver')
    return '' if driver is None else driver.get('iothread', '')
