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

"""Devices of this machine, of which a libvirtd says when they change."""

import os
import pathlib
import subprocess

import fixtures
from oslo_serialization import jsonutils
import psutil

from tests.e2e import test_freshness
from tools.demo import processes

UDEVD = '/lib/systemd/systemd-udevd'
PCI = pathlib.Path('/sys/bus/pci/devices')


class Udevd(fixtures.Fixture):
    """One that tells libvirtd what the kernel says of devices."""

    def _setUp(self):
        if any(process.info['name'] == 'systemd-udevd'
               for process in psutil.process_iter(['name'])):
            # The machine's own.
            return
        process = subprocess.Popen([UDEVD], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)


class TestNodeDevices(test_freshness.TestCase):

    def setUp(self):
        self.useFixture(Udevd())
        super().setUp()
        self.listed = self.useFixture(fixtures.MockPatchObject(
            self.host, 'list_all_devices', autospec=True,
            side_effect=self.host.list_all_devices)).mock

    def read(self):
        """Return Nova's PCI devices, and how often libvirt listed them."""
        self.listed.reset_mock()
        devices = self.driver._get_pci_passthrough_devices()
        return (sorted(device['address']
                       for device in jsonutils.loads(devices)),
                self.listed.call_count)

    def test_a_device_that_changes(self):
        there = sorted(path.name for path in PCI.glob('*'))
        if not (there and os.access(PCI / there[-1] / 'uevent', os.W_OK)):
            self.skipTest('no PCI device here can be said to have changed')
        self.assertEqual((there, 1), self.read())
        self.assertEqual((there, 0), self.read())

        def read_again():
            # Until udevd listens, nobody hears it.
            (PCI / there[-1] / 'uevent').write_text('change')
            return self.read() == (there, 1)

        processes.wait_for('PCI devices: not read again', read_again, 60)
        processes.wait_for(
            'the last event', lambda: self.read() == (there, 0), 60)
