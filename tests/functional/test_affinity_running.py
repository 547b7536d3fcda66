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

"""Guests with NUMA affinity, moved when others come and go.

A host has 4 nodes of 8 CPUs, which may be promised four times.
"""

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import driver as nova_driver
from oslo_serialization import jsonutils

from tests.functional import affine
from tests.functional import connected
from tests.functional import hypervisor


class RunningTestCase(connected.TestCase):

    microversion = '2.74'
    host = {}

    def setUp(self):
        self.domains = affine.Domains()
        self.useFixture(self.domains)
        super().setUp()
        self.flags(numa_affinity='soft', group='numa_ext')
        self.start_host(host_info=hypervisor.host(), **self.host)
        self.flavor_id = self.flavor(vcpus=8, memory_mb=512)

    def _get_connection(self, *args, **kwargs):
        # Of a host that nova-compute is started anew on.
        if self.connections:
            return self.connections['compute1']
        return super()._get_connection(*args, **kwargs)

    def restart(self):
        """Start nova-compute anew, on a host that runs on."""
        self.computes.pop('compute1').stop()
        self.compute_rp_uuids.pop('compute1')
        self.connections['compute1']._callbacks.clear()
        self.start_host()

    def audit(self):
        self.computes['compute1'].manager.rt.update_available_resource(
            self.context, 'compute1')

    def guest(self, flavor_id=None):
        server = self._create_server(
            flavor_id=flavor_id or self.flavor_id, networks='none',
            host='compute1')
        self.deliver()
        return server

    def delete(self, server):
        self._delete_server(server)
        self.deliver()

    def nodes(self, *servers, which=affine.LIVE):
        """Return the nodes that guests run on, of one node each."""
        found = []
        for server in servers:
            there = affine.standing_of(
                self.connections['compute1'], server, which)
            (node,) = {cpu // 8 for cpu in there.emulator}
            self.assertEqual(
                [frozenset(range(8 * node, 8 * node + 8))] * there.vcpus,
                list(there.pins))
            found.append(node)
        return found

    def assertMoved(self, number):
        """Assert that so many guests moved since the last time."""
        self.assertEqual(number, self.domains.take().count('pinEmulator'))

    def log(self):
        return self.stdlog.logger.output


class AffinityRunningTest(RunningTestCase):

    def test_through_life(self):
        self.calls.take('compute1')
        first = self.guest()
        by_the_first = self.calls.take('compute1')
        guests = [first, *(self.guest() for _number in range(4))]
        self.assertEqual([0, 1, 2, 3, 0], self.nodes(*guests))
        # As without affinity, where nobody has to move.
        self.calls.take('compute1')
        self.audit()
        self.calls.take('compute1')
        guests.append(self.guest())
        self.assertEqual([1], self.nodes(guests[5]))
        self.assertEqual(
            {'XMLDesc': 1, 'createWithFlags': 1, 'defineXML': 1,
             'domainListGetStats': 1}, self.calls.take('compute1'))
        self.assertMoved(0)
        self.assertNotIn('listAllDomains', by_the_first)

        self.delete(guests.pop(2))
        self.assertEqual([0, 1, 2, 3], sorted(set(self.nodes(*guests))))
        self.assertEqual(
            self.nodes(*guests), self.nodes(*guests, which=affine.CONFIG))
        self.assertMoved(1)
        self.assertIn(' moved from NUMA node ', self.log())

        for stopped in list(guests):
            if self.nodes(stopped) == [3]:
                break
        self._stop_server(stopped)
        self.deliver()
        guests.remove(stopped)
        self.assertEqual([0, 1, 2, 3], sorted(self.nodes(*guests)))
        self.assertMoved(1)
        self._start_server(stopped)
        self.deliver()
        guests.append(stopped)
        self.assertEqual([0, 1, 2, 3], sorted(set(self.nodes(*guests))))
        self.assertMoved(0)

        before = self.nodes(*guests)
        self.restart()
        self.audit()
        self.assertEqual(before, self.nodes(*guests))
        self.assertMoved(0)

        lonely = before.index(next(
            node for node in before if before.count(node) == 1))
        self.delete(guests.pop(lonely))
        self.assertEqual([0, 1, 2, 3], sorted(self.nodes(*guests)))
        self.assertMoved(1)
        self.assertEqual([], self.domains.under_lock)

    def test_a_move_that_fails_is_nobodys_failure(self):
        guests = [self.guest() for _number in range(5)]
        self.domains.fails.add('pinEmulator')
        self.delete(guests.pop(1))
        self.assertIn(': pinEmulator does not go here. This is tried again '
                      'in the next audit.', self.log())
        self.domains.fails.clear()
        self.audit()
        self.assertEqual([0, 1, 2, 3], sorted(self.nodes(*guests)))
        self.assertEqual([], self.domains.under_lock)

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        for name, value in (
                ('migrate_disk_and_power_off', '[]'),
                ('_finish_migration_vtpm', None), ('cleanup', None)):
            self.useFixture(fixtures.MockPatchObject(
                nova_driver.LibvirtDriver, name, return_value=value))
        server = self.guest()
        other = self.guest()
        self._resize_server(
            server, self.flavor(vcpus=12, memory_mb=512))
        there = affine.standing_of(self.connections['compute1'], server)
        self.assertEqual(12, len(there.pins))
        # No guest is squeezed onto a node with fewer CPUs than it has vCPUs.
        self.assertEqual(16, len(there.emulator))
        self._revert_resize(server)
        self.assertEqual(
            2, len({*self.nodes(server), *self.nodes(other)}))

    def test_guests_without_affinity(self):
        self.flags(numa_affinity='none', group='numa_ext')
        guests = [self.guest() for _number in range(2)]
        self.calls.take('compute1')
        self.delete(guests.pop())
        self.assertEqual(
            {'destroy': 1, 'lookupByUUIDString': 1, 'undefineFlags': 1},
            self.calls.take('compute1'))
        self.assertMoved(0)

    def test_strict(self):
        self.flags(numa_affinity='strict', group='numa_ext')
        guests = [self.guest() for _number in range(5)]
        memory = [affine.standing_of(
            self.connections['compute1'], guest).memory for guest in guests]
        self.assertEqual([{0}, {1}, {2}, {3}, {0}], memory)
        self.delete(guests.pop(1))
        self.assertEqual([0, 1, 2, 3], sorted(self.nodes(*guests)))
        for guest in guests:
            for which in affine.LIVE, affine.CONFIG:
                self.assertEqual(set(self.nodes(guest)), affine.standing_of(
                    self.connections['compute1'], guest, which).memory)


class DevicesTest(RunningTestCase):
    """Guests with a device of node 3."""

    ADDITIONAL_FILTERS = ['NUMATopologyFilter', 'PciPassthroughFilter']
    host = {'pci_info': fakelibvirt.HostPCIDevicesInfo(
        num_pci=2, num_pfs=0, num_vfs=0, numa_node=3)}

    def setUp(self):
        device = {'vendor_id': fakelibvirt.PCI_VEND_ID,
                  'product_id': fakelibvirt.PCI_PROD_ID}
        self.pci = {
            'device_spec': [jsonutils.dumps(device)],
            'alias': [jsonutils.dumps({**device, 'name': 'a1'})]}
        super().setUp()

    def start_host(self, *args, **kwargs):
        self.flags(group='pci', **self.pci)
        return super().start_host(*args, **kwargs)

    def test_a_guest_stands_beside_its_device(self):
        beside = self.flavor({'pci_passthrough:alias': 'a1:1'}, 4,
                             memory_mb=512)
        guests = [self.guest(flavor_id) for flavor_id in (
            self.flavor_id, beside, self.flavor_id, beside)]
        self.assertEqual([0, 3, 1, 3], self.nodes(*guests))
        # The other two have a load of 1 each, and these of a half each.
        self.delete(guests.pop(0))
        self.assertEqual([3, 1, 3], self.nodes(*guests))
