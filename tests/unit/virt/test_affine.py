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

import inspect
from unittest import mock

from nova import exception
from nova import objects
from nova.compute import task_states
import nova.conf
from nova.virt.libvirt import driver as nova_driver
from oslo_utils.fixture import uuidsentinel as uuids
import testtools

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.policy import errors
from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affine
from nova_numa_ext.virt import affinity_ledger

CONF = nova.conf.CONF

objects.register_all()

SOFT = {'numa_ext:numa_affinity': 'soft'}
STRICT = {'numa_ext:numa_affinity': 'strict'}
NONE = {'numa_ext:numa_affinity': 'none'}
PLACE = affinity.Place(
    frozenset((2,)), (frozenset((16,)),), frozenset(range(16, 24)),
    'a test')
LACK = 'cell 0 lacks 1 GiB of free memory'


def instance(specs=None, **fields):
    return objects.Instance(**{
        'uuid': uuids.instance, 'system_metadata': {},
        'numa_topology': None, 'task_state': task_states.SPAWNING,
        'flavor': objects.Flavor(
            vcpus=2, memory_mb=512, extra_specs=dict(specs or {})),
        **fields})


class AffineTestCase(testtools.TestCase):

    def default(self, word):
        CONF.set_override('numa_affinity', word, 'numa_ext')
        self.addCleanup(CONF.clear_override, 'numa_affinity', 'numa_ext')

    def switch_off(self):
        CONF.set_override('guest_policy', False, 'numa_ext')
        self.addCleanup(CONF.clear_override, 'guest_policy', 'numa_ext')


class AskedTest(AffineTestCase):

    def asked(self, specs=None, numa_topology=None):
        found = affine.asked_of(
            guest_policy.resolve(specs or {}, {}), numa_topology)
        return found and (found.word, str(found.origin))

    def test_nothing(self):
        self.assertIsNone(self.asked())
        self.assertIsNone(self.asked(NONE))

    def test_flavor(self):
        self.assertEqual(
            ('soft', "flavor numa_ext:numa_affinity='soft'"),
            self.asked(SOFT))

    def test_option(self):
        self.default('strict')
        self.assertEqual(
            ('strict', "option [numa_ext] numa_affinity='strict'"),
            self.asked())
        self.assertEqual('soft', self.asked(SOFT)[0])
        self.assertIsNone(self.asked(NONE))

    def test_guests_with_nodes_of_their_own(self):
        self.default('soft')
        self.assertIsNone(self.asked(
            {'hw:numa_nodes': '1'},
            objects.InstanceNUMATopology(cells=[])))

    def test_where_the_switch_is_off(self):
        self.default('soft')
        self.switch_off()
        self.assertIsNone(self.asked(SOFT))
        self.assertFalse(affine.is_default())


class GuestTest(AffineTestCase):

    def test_guest(self):
        asked = affine.Asked('strict', None)
        self.assertEqual(
            affinity.Guest(uuids.instance, 2, 512, True),
            affine.guest_of(instance(), asked))
        self.assertEqual(
            affinity.Guest(uuids.instance, 4, 64, True),
            affine.guest_of(instance(), asked, objects.Flavor(
                vcpus=4, memory_mb=64)))

    def test_devices(self):
        devices = objects.PciDeviceList(objects=[
            objects.PciDevice(numa_node=node) for node in (1, None, 3, 1)])
        found = affine.guest_of(
            instance(pci_devices=devices), affine.Asked('soft', None))
        self.assertEqual(frozenset((1, 3)), found.near)


class Nova:
    """As much of Nova's driver as lets guests come and go."""

    def __init__(self):
        self.done = []
        self.error = None

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        self.done.append('spawn')
        if self.error:
            raise self.error


class Driver(affine.Affine, Nova):

    def _policy(self, instance, flavor=None):
        return guest_policy.resolve(instance.flavor.extra_specs, {})


class PlacedTest(AffineTestCase):

    def setUp(self):
        super().setUp()
        self.driver = Driver()
        self.ledger = self.driver._affinity = mock.create_autospec(
            affinity_ledger.Ledger, instance=True)
        self.ledger.place.return_value = PLACE
        self.ledger.why_not.return_value = None

    def spawn(self, *args, **kwargs):
        self.driver.spawn(
            None, instance(*args, **kwargs), None, [], None, {})

    def test_a_place_comes_first(self):
        self.ledger.place.side_effect = lambda guest: (
            self.driver.done.append(guest.strict) or PLACE)
        self.spawn(SOFT)
        self.spawn(STRICT)
        self.assertEqual(
            [False, 'spawn', True, 'spawn'], self.driver.done)
        self.ledger.gone.assert_not_called()

    def test_guests_that_do_not_ask(self):
        self.spawn()
        self.spawn(NONE)
        self.driver.error = ValueError()
        self.assertRaises(ValueError, self.spawn)
        self.assertEqual([], self.ledger.mock_calls)

    def test_a_start_that_fails(self):
        self.driver.error = ValueError()
        self.assertRaises(ValueError, self.spawn, SOFT)
        self.ledger.gone.assert_called_once_with(uuids.instance)

    def test_no_place(self):
        self.ledger.place.return_value = LACK
        refused = self.assertRaises(
            exception.ComputeResourcesUnavailable, self.spawn, STRICT)
        self.assertIn(f'{CONF.host}: {LACK}', str(refused))
        self.assertEqual([], self.driver.done)
        self.ledger.gone.assert_called_once_with(uuids.instance)
        # A soft one starts, and one that has nowhere else to go.
        self.spawn(SOFT)
        self.spawn(STRICT, task_state=task_states.REBUILD_SPAWNING)
        self.assertEqual(['spawn', 'spawn'], self.driver.done)

    def judge(self, specs, flavor=None):
        found = instance(specs)
        self.driver._judge_affinity(
            found, self.driver._policy(found), None, flavor)

    def test_judged(self):
        self.judge(STRICT)
        self.ledger.why_not.return_value = LACK
        refused = self.assertRaises(
            errors.HostCannot, self.judge, STRICT)
        self.assertEqual(
            f"flavor numa_ext:numa_affinity='strict': {LACK}. Try again when "
            'guests have gone, or ask for soft.', str(refused))
        for specs in (SOFT, NONE, {}):
            self.judge(specs)
        self.default('strict')
        refused = self.assertRaises(errors.HostCannot, self.judge, {})
        self.assertTrue(str(refused).startswith(
            f"option [numa_ext] numa_affinity='strict': {LACK}"))

    def test_place(self):
        asked = affine.Asked('soft', None)
        self.assertIsNone(self.driver._place(instance(), None))
        self.assertEqual(PLACE, self.driver._place(instance(), asked))
        self.ledger.place.return_value = LACK
        self.assertIsNone(self.driver._place(instance(), asked))


class SignatureTest(testtools.TestCase):

    def test_spawn(self):
        self.assertEqual(
            inspect.getfullargspec(nova_driver.LibvirtDriver.spawn),
            inspect.getfullargspec(affine.Affine.spawn))
