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

"""Nova's driver: the host's devices are read again when libvirt says so.

========================= ============================= =====================
what                      emptied by                    oldest
========================= ============================= =====================
PCI devices, in audits    a new connection; an event of Nova 34's own memory
                          a device that is no guest's   has no end; else 600 s
mediated devices and what the same                      600 s
the host can have of
them, in audits
========================= ============================= =====================

Events of network interfaces and of disks come with each guest, and are left
out: of a network interface Nova knows its name, which a PCI device has with it
when it is read. Where libvirt sends no events of devices, all is as Nova does
it. What is not an audit, such as a guest that gets a mediated device, asks as
Nova does.
"""

import contextlib
import copy
import threading
import time

from nova.virt.libvirt import driver as nova_driver
from oslo_log import log as logging

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import domain_host

LOG = logging.getLogger(__name__)

RELIED_ON = {
    nova_driver.LibvirtDriver: {
        '_get_mdev_capable_devices': '(self, types=None)',
        '_get_mediated_devices': '(self, types=None)',
        '_get_pci_passthrough_devices': '(self)',
        'update_provider_tree':
            '(self, provider_tree, nodename, allocations=None)',
    },
}

#: By that name figures speak of it.
CACHE = 'devices'
AGE = 600.0
# VIR_NODE_DEVICE_EVENT_ID_*: one came or went; one is not what it was.
_EVENTS = (0, 1)
_OF_GUESTS = ('net_', 'block_', 'scsi_')


class Devices:
    """What was read of the host's devices, until one of them changes.

    :ivar is_followed: whether libvirt says when one changes
    """

    def __init__(self, clock=time.monotonic):
        self.is_followed = False
        self._clock = clock
        self._changes = 0
        self._answers = {}

    def note(self, name):
        """Count a change of a device, by libvirt's name of it.

        On libvirt's event thread: NumaHost.on_lifecycle says what it must not
        do.
        """
        if not name.startswith(_OF_GUESTS):
            self._changes += 1

    def connected(self, is_followed):
        """Forget all: events may have been lost."""
        self._changes += 1
        self.is_followed = is_followed

    def get(self, what):
        """Return an answer that still holds.

        :raises nova_numa_ext.compat.fast_path.Unknown: where there is none
        """
        if self.is_followed and what in self._answers:
            answer, at, changes, oldest = self._answers[what]
            age = self._clock() - at
            if changes == self._changes and (oldest is None or age < oldest):
                figures.hit(CACHE, age)
                return copy.deepcopy(answer)
        figures.miss(CACHE)
        raise fast_path.Unknown

    def ask(self, what, ask, oldest=AGE):
        """Return libvirt's answer, and remember it.

        :param oldest: seconds, or None
        """
        at, changes = self._clock(), self._changes
        answer = ask()
        self._answers[what] = copy.deepcopy(answer), at, changes, oldest
        return answer


class NodeDevices:
    """A part of the driver: the devices that the host has."""

    _devices_path = None

    def _init_node_devices(self):
        self._devices = Devices()
        self._is_counting = threading.local()
        if isinstance(self._host, domain_host.DomainsHost):
            self._devices_path = domain_host.path('node_devices', RELIED_ON)
            self._host.on_connected(self._follow_devices)

    def _follow_devices(self, connection):
        def changed(_connection, device, *_details):
            self._devices.note(device.name())

        is_followed = True
        try:
            for event in _EVENTS:
                connection.nodeDeviceEventRegisterAny(
                    None, event, changed, None)
        except Exception as error:
            is_followed = False
            LOG.info(
                "The host's devices are read in each audit: libvirt sends no "
                'events of them (%s).', error)
        self._devices.connected(is_followed)

    def _remembered(self, what, stock, oldest=AGE, read=None):
        if self._devices_path is None or not self._devices.is_followed:
            return stock()
        return self._devices_path.answer(
            lambda: self._devices.get(what),
            lambda: self._devices.ask(what, read or stock, oldest))

    def _get_pci_passthrough_devices(self):
        stock = super()._get_pci_passthrough_devices
        # Nova 34 asks once, and knows nothing of a device that comes later.
        forget = getattr(
            nova_driver.LibvirtDriver._get_pci_passthrough_devices,
            'cache_clear', None)
        if forget is None:
            return self._remembered('PCI devices', stock)

        def read():
            forget()
            return stock()
        return self._remembered('PCI devices', stock, None, read)

    def _get_mdev_capable_devices(self, types=None):
        return self._counted(
            'mdev types', super()._get_mdev_capable_devices, types)

    def _get_mediated_devices(self, types=None):
        return self._counted(
            'mdevs', super()._get_mediated_devices, types)

    def _counted(self, what, stock, types):
        if not getattr(self._is_counting, 'now', False):
            return stock(types=types)
        key = (what, None if types is None else tuple(sorted(types)))
        return self._remembered(key, lambda: stock(types=types))

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        with self._counting():
            super().update_provider_tree(
                provider_tree, nodename, allocations=allocations)

    @contextlib.contextmanager
    def _counting(self):
        self._is_counting.now = True
        try:
            yield
        finally:
            self._is_counting.now = False
