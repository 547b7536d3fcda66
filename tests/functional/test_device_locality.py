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

"""Guests whose NUMA nodes the host decides, beside their devices.

The host has four nodes with four dedicated and four shared CPUs each, and its
devices are near node 2.
"""

import json

from nova import objects
from nova.objects import fields
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.libvirt import base as nova_base

from tests.functional import test_vnuma

NEAR = 2
DEVICE = {'pci_passthrough:alias': 'card:1'}
POLICY = 'hw:pci_numa_affinity_policy'


class DevicesTestCase(test_vnuma.SplitTestCase):

    other_filters = ('PciPassthroughFilter',)

    def setUp(self):
        super().setUp()
        device = {'vendor_id': fakelibvirt.PCI_VEND_ID}
        self.flags(
            device_spec=[json.dumps(spec) for spec in (
                {**device, 'product_id': fakelibvirt.PCI_PROD_ID},
                {**device, 'product_id': fakelibvirt.PF_PROD_ID,
                 'physical_network': 'physnet4'},
                {**device, 'product_id': fakelibvirt.VF_PROD_ID,
                 'physical_network': 'physnet4'})],
            alias=[json.dumps({
                **device, 'product_id': fakelibvirt.PCI_PROD_ID,
                'device_type': fields.PciDeviceType.STANDARD,
                'name': 'card'})],
            group='pci')

    def start(self, **devices):
        self.start_host(
            host_info=test_vnuma.host(nodes=4),
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                numa_node=NEAR, **{'num_pfs': 0, 'num_vfs': 0, **devices}))

    def guest(self, specs, vcpus, policy=None, **kwargs):
        return super().guest(
            {**specs, **({POLICY: policy} if policy else {})}, vcpus, 512,
            **kwargs)

    def nodes(self, server):
        return [cell[2] for cell in self.cells(server)]

    def assertHasDevice(self, server):
        devices = objects.PciDeviceList.get_by_instance_uuid(
            self.context, server['id'])
        self.assertEqual([NEAR], [device.numa_node for device in devices])


class DevicesTest(DevicesTestCase):

    dedicated = {**test_vnuma.DEDICATED, **DEVICE}
    shared = {**test_vnuma.AUTO, **DEVICE}

    def test_one_node_is_that_of_the_device(self):
        self.start(num_pci=1)
        for specs, policy in (
            (self.shared, None), (self.dedicated, None),
            (self.dedicated, 'required'), (self.shared, 'preferred'),
        ):
            server = self.guest(specs, 4, policy)
            self.assertEqual([NEAR], self.nodes(server), policy)
            self.assertHasDevice(server)
            self._delete_server(server)

    def test_one_of_several_is_that_of_the_device(self):
        self.start(num_pci=1)
        server = self.guest(self.dedicated, 8)
        self.assertSplit(2, server)
        self.assertIn(NEAR, self.nodes(server))

    def test_a_split_brings_it_near(self):
        """Other nodes could have all of it, and that would be far."""
        self.start(num_pci=3)
        self.assertEqual([NEAR], self.nodes(self.guest(self.dedicated, 2)))

        server = self.guest(self.dedicated, 4, 'required')

        self.assertSplit(2, server)
        self.assertIn(NEAR, self.nodes(server))
        self.assertHasDevice(server)

    def test_where_there_is_no_room_near_it(self):
        self.start(num_pci=3)
        self.assertEqual([NEAR], self.nodes(self.guest(self.dedicated, 4)))

        for policy in None, 'required':
            server = self.guest(
                self.dedicated, 4, policy, expected_state='ERROR')
            self.assertIn('No valid host', server['fault']['message'])
            self.assertIn(
                'No place for the guest on compute1: its devices are near '
                'cell 2, which lacks 1 free dedicated CPU\n', self.log())
            self._delete_server(server)

        server = self.guest(self.dedicated, 4, 'preferred')
        self.assertSplit(1, server)
        self.assertNotEqual([NEAR], self.nodes(server))
        self.assertHasDevice(server)

    def test_virtual_function_of_a_port(self):
        self.start(num_pfs=1, num_vfs=4)
        self.neutron = self.useFixture(
            nova_base.LibvirtNeutronFixture(self))
        port = self.neutron.create_port(
            {'port': self.neutron.network_4_port_1})['port']
        server = self._create_server(
            flavor_id=self.flavor({
                **test_vnuma.DEDICATED, POLICY: 'required'}, 4,
                memory_mb=512),
            networks=[{'port': port['id']}])
        self.assertEqual([NEAR], self.nodes(server))
        self.assertHasDevice(server)


class DevicesWithoutFilterTest(DevicesTestCase):
    """Where the claim decides by itself."""

    numa_filter = None

    def test_the_claim_knows_of_devices(self):
        self.start(num_pci=3)
        specs = {**test_vnuma.DEDICATED, **DEVICE}
        self.assertEqual([NEAR], self.nodes(self.guest(specs, 2)))
        server = self.guest(specs, 4)
        self.assertSplit(2, server)
        self.assertIn(NEAR, self.nodes(server))

        self.flags(max_attempts=1, group='scheduler')
        server = self.guest(specs, 4, expected_state='ERROR')
        self.assertEqual(
            'Insufficient compute resources: compute1: its devices are near '
            'cell 2, which lacks 1 free dedicated CPU.',
            server['fault']['message'])
