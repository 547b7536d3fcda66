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

import libvirt
from nova.virt.libvirt import driver as nova_driver
import testtools

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import node_devices
from tests.unit.virt import fake_libvirtd
from tests.unit.virt import test_domain_host

GPU = 'pci_0000_84_00_0'


class Nova:
    """What the driver has of Nova's."""

    def __init__(self, host):
        self._host = host
        self.read = []
        self.free = 4
        self._init_node_devices()

    def _get_pci_passthrough_devices(self):
        self.read.append('pci')
        return '[]'

    def _get_mdev_capable_devices(self, types=None):
        self.read.append(('types', types))
        return [{'dev_id': GPU, 'types': {'one': {
            'availableInstances': self.free}}}]

    def _get_mediated_devices(self, types=None):
        self.read.append(('mdevs', types))
        return []

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        provider_tree[nodename] = self._get_mdev_capable_devices(
            types=['one'])[0].pop('types')
        self._get_mediated_devices(types=['one'])


class Driver(node_devices.NodeDevices, Nova):
    pass


class NodeDevicesTest(test_domain_host.TestCase):

    def setUp(self):
        super().setUp()
        self.connect()

    def connect(self):
        self.host = self.made()
        self.driver = Driver(self.host)
        self.host.get_connection()

    def read(self):
        """Return what was read of libvirt since the last time."""
        read = list(self.driver.read)
        self.driver.read.clear()
        return read

    def audit(self):
        tree = {}
        devices = self.driver._get_pci_passthrough_devices()
        self.driver.update_provider_tree(tree, 'node')
        self.assertEqual('[]', devices)
        self.assertEqual(
            {'node': {'one': {'availableInstances': self.driver.free}}}, tree)

    ALL = ['pci', ('types', ['one']), ('mdevs', ['one'])]

    def test_once(self):
        self.audit()
        self.assertEqual(self.ALL, self.read())
        self.audit()
        self.assertEqual([], self.read())

    def test_again_when_a_device_changes(self):
        self.audit()
        self.read()
        self.driver.free = 3
        self.libvirtd.change_device('mdev_4b20d080_1b54_4048_85b3_a6a62d165c')
        self.audit()
        self.assertEqual(self.ALL, self.read())
        self.audit()
        self.assertEqual([], self.read())

    def test_what_comes_with_guests_changes_nothing(self):
        self.audit()
        self.read()
        for name in ('net_vnet0_fe_16_3e_00_00_01', 'block_sdb_1', 'scsi_2'):
            self.libvirtd.change_device(name)
        self.audit()
        self.assertEqual([], self.read())

    def test_a_change_while_they_are_read(self):
        read = self.driver._devices.ask

        def ask(what, novas, oldest):
            answer = read(what, novas, oldest)
            self.libvirtd.change_device(GPU)
            return answer

        self.driver._devices.ask = ask
        self.audit()
        self.read()
        self.audit()
        self.assertEqual(self.ALL, self.read())

    def test_a_new_connection(self):
        self.audit()
        self.read()
        self.libvirtd.die()
        self.host.get_connection()
        self.audit()
        self.assertEqual(self.ALL, self.read())

    def test_no_events(self):
        self.libvirtd.answers['nodeDeviceEventRegisterAny'] = (
            fake_libvirtd.error(libvirt.VIR_ERR_NO_SUPPORT))
        self.connect()
        for _ in range(2):
            self.audit()
            self.assertEqual(self.ALL, self.read())

    def test_a_guest_that_gets_one_asks(self):
        self.audit()
        self.read()
        for _ in range(2):
            self.driver._get_mdev_capable_devices(types=['one'])
        self.assertEqual(2 * [('types', ['one'])], self.read())

    def test_novas_own_memory_is_emptied(self):
        forget = getattr(
            nova_driver.LibvirtDriver._get_pci_passthrough_devices,
            'cache_clear', None)
        if forget is None:
            self.skipTest('this Nova reads PCI devices in each audit')

        class Remembering(node_devices.NodeDevices,
                          nova_driver.LibvirtDriver):

            def __init__(self, host):
                self._host = host
                self._init_node_devices()

        self.connect()
        driver = Remembering(self.host)
        self.host.get_connection()
        driver._follow_devices(self.host.get_connection())
        self.libvirtd.answers['listAllDevices'] = []
        self.libvirtd.asked()
        for _ in range(2):
            driver._get_pci_passthrough_devices()
        self.assertEqual(['listAllDevices'], self.asked())
        self.libvirtd.change_device(GPU)
        driver._get_pci_passthrough_devices()
        self.assertEqual(['listAllDevices'], self.asked())


class DevicesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.devices = node_devices.Devices(clock=lambda: self.now)
        self.devices.connected(True)

    def test_ages(self):
        self.devices.ask('one', lambda: 1)
        self.devices.ask('two', lambda: 2, None)
        self.now = node_devices.AGE - 1
        self.assertEqual(1, self.devices.get('one'))
        self.now = node_devices.AGE
        self.assertRaises(fast_path.Unknown, self.devices.get, 'one')
        self.assertEqual(2, self.devices.get('two'))
