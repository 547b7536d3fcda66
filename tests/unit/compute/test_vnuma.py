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

from unittest import mock

import fixtures
from nova import exception
from nova import objects
from nova.compute import resource_tracker as nova_tracker
import testtools

from nova_numa_ext.compute import vnuma
from nova_numa_ext.virt import vnuma as virt_vnuma
from tests.unit.virt import test_vnuma as guests

TOO_LITTLE = exception.ComputeResourcesUnavailable(reason='a device is away')


def topology(number):
    return objects.InstanceNUMATopology(cells=[
        objects.InstanceNUMACell(id=cell) for cell in range(number)])


def instance(flavor, nodes=None):
    return objects.Instance(
        uuid='5a2c1f0e-6e1a-4a4e-8d39-0c7d3f9a1b52', flavor=flavor,
        system_metadata={}, image_ref='', pci_requests=None,
        numa_topology=nodes and topology(nodes))


class SplitClaimsTestCase(testtools.TestCase):

    #: The claim of Nova's that is called.
    name = 'instance_claim'

    def setUp(self):
        super().setUp()
        self.claim = self.useFixture(fixtures.MockPatchObject(
            nova_tracker.ResourceTracker, self.name, autospec=True)).mock
        self.tracker = vnuma.SplitClaims.__new__(vnuma.SplitClaims)
        self.tracker.host = 'here'
        self.tracker.compute_nodes = {}
        self.tracker.pci_tracker = None
        self.node(guests.host(guests.cell(0), guests.cell(1)))

    def node(self, host_topology, **ratios):
        self.tracker.compute_nodes['node'] = objects.ComputeNode(**{
            'cpu_allocation_ratio': 2.0, 'ram_allocation_ratio': 1.0,
            'numa_topology': host_topology and host_topology._to_json(),
            **ratios})


class InstanceClaimTest(SplitClaimsTestCase):

    def setUp(self):
        super().setUp()
        self.tried = []
        self.failures = []

        def claim(_tracker, _context, guest, *_args, **_kwargs):
            self.tried.append(
                guest.numa_topology and len(guest.numa_topology))
            if self.failures:
                raise self.failures.pop()
            return 'claim'

        self.claim.side_effect = claim

    def claimed(self, guest, limits=None, node='node'):
        return self.tracker.instance_claim(
            mock.sentinel.context, guest, node, {}, limits)

    def refused(self, guest, **kwargs):
        return str(self.assertRaises(
            exception.ComputeResourcesUnavailable, self.claimed, guest,
            **kwargs))

    def test_the_fewest(self):
        self.assertEqual('claim', self.claimed(
            instance(guests.flavor(8), nodes=2)))
        self.claimed(instance(guests.flavor(12)))
        self.assertEqual([1, 2], self.tried)

    def test_a_guest_that_asks_for_nothing(self):
        plain = objects.Flavor(vcpus=4, memory_mb=1024, extra_specs={})
        self.claimed(instance(plain, nodes=3))
        self.assertEqual([3], self.tried)

    def test_where_it_is_off(self):
        vnuma.CONF.set_override('guest_policy', False, 'numa_ext')
        self.addCleanup(
            vnuma.CONF.clear_override, 'guest_policy', 'numa_ext')
        self.claimed(instance(guests.flavor(12), nodes=3))
        self.assertEqual([3], self.tried)

    def test_hosts_that_tell_of_no_nodes(self):
        self.node(None)
        self.claimed(instance(guests.flavor(12)))
        self.claimed(instance(guests.flavor(12)), node='unknown')
        self.assertEqual([None, None], self.tried)

    def test_devices_that_are_not_near(self):
        self.failures = [TOO_LITTLE]
        self.claimed(instance(guests.flavor(8)))
        self.assertEqual([1, 2], self.tried)

        self.failures = [TOO_LITTLE, TOO_LITTLE]
        guest = instance(guests.flavor(8), nodes=3)
        self.assertEqual(
            'Insufficient compute resources: here: a device is away.',
            self.refused(guest))
        self.assertEqual(3, len(guest.numa_topology))

    def test_refused(self):
        guest = instance(guests.flavor(18), nodes=1)
        self.assertEqual(
            'Insufficient compute resources: here: cell 0 lacks 1 free '
            'shared CPU, cell 1 lacks 1 free shared CPU.',
            self.refused(guest))
        self.assertEqual([], self.tried)
        # As it came, for the next host.
        self.assertEqual(1, len(guest.numa_topology))

    def test_devices_without_room_beside_them(self):
        self.node(guests.host(guests.cell(0), guests.cell(1, pinned=8)))
        self.tracker.pci_tracker = mock.Mock(spec=['stats'])
        self.tracker.pci_tracker.stats = guests.devices(1)
        for guest in (
            instance(guests.flavor(4, hw__cpu_policy='dedicated')),
            self.explicit(4, 1, hw__cpu_policy='dedicated'),
        ):
            guest.pci_requests = objects.InstancePCIRequests(
                requests=[guests.device()])
            self.failures = [TOO_LITTLE, TOO_LITTLE]
            self.assertRegex(
                self.refused(guest),
                'here: its devices are near cell 1, which lacks [24] free '
                'dedicated CPUs')

    def explicit(self, vcpus=12, nodes=2, **specs):
        """Return a guest that says how many nodes it has."""
        asked = objects.Flavor(
            vcpus=vcpus, memory_mb=1024,
            extra_specs={'hw:numa_nodes': str(nodes)})
        guest = instance(asked)
        guest.numa_topology = virt_vnuma.splitter(
            guests.flavor(vcpus, **specs), guests.image()).wanted(nodes)
        return guest

    def test_others_are_refused_with_what_is_missing(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.failures = [TOO_LITTLE]
        self.assertEqual(
            'Insufficient compute resources: here: cell 0 lacks 1 free '
            'shared CPU, cell 1 lacks 1 free shared CPU.',
            self.refused(self.explicit(18)))
        self.assertEqual(
            'here: cell 0 lacks 1 free shared CPU, cell 1 lacks 1 free '
            'shared CPU\n', log.output)
        # What is missing is Nova's to say.
        for guest in (self.explicit(), instance(objects.Flavor(
                vcpus=4, memory_mb=1024, extra_specs={}))):
            self.failures = [TOO_LITTLE]
            self.assertEqual(
                'Insufficient compute resources: here: a device is away.',
                self.refused(guest))

    def test_nodes_that_nova_does_not_know(self):
        """Nova says no reason for these."""
        unknown = exception.ComputeResourcesUnavailable('an unknown node')
        self.failures = [unknown]
        self.assertIs(unknown, self.assertRaises(
            exception.ComputeResourcesUnavailable, self.claimed,
            self.explicit()))

    def test_others_where_it_is_off(self):
        vnuma.CONF.set_override('guest_policy', False, 'numa_ext')
        self.addCleanup(
            vnuma.CONF.clear_override, 'guest_policy', 'numa_ext')
        self.failures = [TOO_LITTLE]
        self.assertIs(TOO_LITTLE, self.assertRaises(
            exception.ComputeResourcesUnavailable, self.claimed,
            self.explicit(18)))

    def test_without_limits_those_of_the_host(self):
        """The scheduler gives none for a guest without nodes of its own."""
        self.node(guests.host(guests.cell(0, used=12)))
        guest = instance(guests.flavor(8))
        self.assertIn('lacks 4 free shared CPUs', self.refused(guest))
        self.claimed(guest, limits=objects.SchedulerLimits(
            numa_topology=guests.limits(cpu=3.0), vcpu=None, disk_gb=None,
            memory_mb=None))
        self.claimed(guest, limits={'numa_topology': guests.limits(cpu=3.0)})
        self.assertEqual([1, 1], self.tried)


class MoveClaimTest(SplitClaimsTestCase):

    name = '_move_claim'

    def setUp(self):
        super().setUp()
        self.tried = []
        self.failures = []

        def claim(_tracker, _context, _guest, flavor, *_args, **_kwargs):
            self.tried.append(flavor.extra_specs.get('hw:numa_nodes'))
            if self.failures:
                raise self.failures.pop()
            return 'claim'

        self.claim.side_effect = claim

    def move(self, guest, flavor=None, kind='resize', **kwargs):
        return self.tracker._move_claim(
            mock.sentinel.context, guest, flavor or guest.flavor, 'node',
            kind and objects.Migration(migration_type=kind), {}, **kwargs)

    def test_decided_anew(self):
        guest = instance(guests.flavor(12), nodes=4)
        self.assertEqual('claim', self.move(guest))
        self.move(guest, guests.flavor(8), image_meta={})
        self.move(guest, guests.flavor(8), image_meta={
            'properties': {'hw_numa_nodes': '2'}})
        self.assertEqual(['2', '1', None], self.tried)

    def test_live_migration_keeps(self):
        self.move(instance(guests.flavor(4), nodes=2), kind='live-migration')
        self.move(instance(guests.flavor(4)), kind='live-migration')
        self.assertEqual(['2', None], self.tried)

    def test_devices_that_are_not_near(self):
        self.failures = [TOO_LITTLE]
        self.move(instance(guests.flavor(8)))
        self.assertEqual(['1', '2'], self.tried)

    def test_a_migration_that_nova_makes_is_made_once(self):
        self.failures = [TOO_LITTLE]
        self.assertRaises(
            exception.ComputeResourcesUnavailable, self.move,
            instance(guests.flavor(8)), kind=None)
        self.assertEqual(['1'], self.tried)

    def test_refused(self):
        refused = self.assertRaises(
            exception.ComputeResourcesUnavailable, self.move,
            instance(guests.flavor(18)))
        self.assertIn('here: cell 0 lacks 1 free shared CPU', str(refused))

    def test_others_are_refused_with_what_is_missing(self):
        self.failures = [TOO_LITTLE]
        asked = objects.Flavor(vcpus=18, memory_mb=1024, extra_specs={
            'hw:numa_nodes': '2'})
        refused = self.assertRaises(
            exception.ComputeResourcesUnavailable, self.move,
            instance(asked), image_meta={})
        self.assertIn('here: cell 0 lacks 1 free shared CPU', str(refused))

    def test_live_migration_is_refused_with_what_is_missing(self):
        self.failures = [TOO_LITTLE]
        refused = self.assertRaises(
            exception.ComputeResourcesUnavailable, self.move,
            instance(guests.flavor(18), nodes=2), kind='live-migration')
        self.assertIn('here: cell 0 lacks 1 free shared CPU', str(refused))
