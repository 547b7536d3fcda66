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
from nova import context
from nova import objects
from nova.compute import manager as nova_manager
from nova.compute import vm_states
from nova.conductor import rpcapi
import nova.conf
from nova.tests import fixtures as nova_fixtures
from nova.virt import driver as virt_driver
from nova.virt import event as virtevent
from nova.virt.libvirt import driver as nova_driver
import testtools

from nova_numa_ext.compute import at_hand
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import spawns

CONF = nova.conf.CONF
opts.register_opts(CONF)

UUID = '2f1d6c5e-7b3a-4f0e-9f44-0d8a51e7c3b6'

ALL = [virtevent.EVENT_LIFECYCLE_STARTED, virtevent.EVENT_LIFECYCLE_RESUMED,
       virtevent.EVENT_LIFECYCLE_STOPPED]


def kinds():
    """Return classes of what is asked for of a guest; shares since 29."""
    return [getattr(objects, name) for name in (
        'BlockDeviceMappingList', 'ShareMappingList', 'VirtualInterfaceList',
        'PciDeviceList') if hasattr(objects, name)]


class Nova:
    """As much of Nova's driver as asks the conductor in a spawn."""

    def __init__(self, fails=False):
        manager = mock.create_autospec(
            nova_manager.ComputeManager, instance=True)
        manager.rt = mock.Mock()
        manager.rt.pci_tracker.pci_devs = []
        self.virtapi = mock.Mock(spec=['_compute'], _compute=manager)
        self.fails = fails
        self.handled = []
        self.in_spawn = []

    def init_host(self, host):
        pass

    def emit_event(self, event):
        self.handled.append(event.transition)

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        for kind in kinds():
            kind.get_by_instance_uuid(context, instance.uuid)
        for event in self.in_spawn:
            self.emit_event(event)
        if self.fails:
            raise ValueError
        self._register_undefined_instance_details(context, instance)

    def _register_undefined_instance_details(self, context, instance):
        objects.BlockDeviceMappingList.get_by_instance_uuid(
            context, instance.uuid)
        instance.system_metadata['image_hw_disk_bus'] = 'virtio'
        instance.save()


class Driver(spawns.Spawns, Nova):
    """Ours."""


class SpawnsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.useFixture(nova_fixtures.ConfFixture(CONF))
        self.conductor = mock.create_autospec(
            rpcapi.ConductorAPI, instance=True)
        self.conductor.object_action.return_value = ({}, None)
        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.base.NovaObject.indirection_api',
            at_hand.AtHand(self.conductor)))
        self.context = context.get_admin_context()

    def spawn(self, driver, vm_state=vm_states.BUILDING):
        """Return how many times the conductor was asked."""
        instance = objects.Instance(
            self.context, uuid=UUID, root_device_name='/dev/vda',
            system_metadata={}, vm_state=vm_state)
        info = virt_driver.get_block_device_info(
            instance, objects.BlockDeviceMappingList(objects=[]))
        self.conductor.reset_mock()
        driver.spawn(self.context, instance, None, [], None, {},
                     block_device_info=info)
        self.instance = instance
        return (self.conductor.object_class_action_versions.call_count,
                self.conductor.object_action.call_count)

    def test_a_new_guest(self):
        self.assertEqual((0, 0), self.spawn(Driver()))
        # The manager saves it.
        self.assertIn('system_metadata', self.instance.obj_what_changed())

    def test_a_guest_that_is_rebuilt(self):
        self.assertEqual((len(kinds()) + 1, 1),
                         self.spawn(Driver(), vm_states.ACTIVE))

    def test_a_spawn_that_fails(self):
        self.assertRaises(ValueError, self.spawn, Driver(fails=True))
        objects.PciDeviceList.get_by_instance_uuid(self.context, UUID)
        self.assertEqual(
            1, self.conductor.object_class_action_versions.call_count)

    def test_a_driver_without_a_manager(self):
        driver = Driver()
        driver.virtapi = mock.Mock(spec=[])
        self.assertEqual((len(kinds()) + 1, 1), self.spawn(driver))

    def test_registered_at_the_start_of_nova_compute(self):
        driver = Driver()
        instance = objects.Instance(
            self.context, uuid=UUID, system_metadata={})
        driver._register_undefined_instance_details(self.context, instance)
        self.assertEqual(1, self.conductor.object_action.call_count)

    def handled(self, vm_state=vm_states.BUILDING, of=UUID):
        """Return the events that Nova handles while it spawns a guest."""
        driver = Driver()
        driver.init_host('here')
        driver.in_spawn = [
            virtevent.LifecycleEvent(of, transition) for transition in ALL]
        self.spawn(driver, vm_state)
        within = list(driver.handled)
        driver.handled.clear()
        for event in driver.in_spawn:
            driver.emit_event(event)
        self.assertEqual(ALL, driver.handled)
        return within

    def test_events_of_a_new_guest(self):
        self.assertEqual(
            [virtevent.EVENT_LIFECYCLE_STOPPED], self.handled())

    def test_events_of_a_guest_that_is_rebuilt(self):
        self.assertEqual(ALL, self.handled(vm_states.ACTIVE))

    def test_events_of_another_guest(self):
        self.assertEqual(ALL, self.handled(of='another'))

    def test_events_in_novas_way(self):
        for option, value in (('coalesce_updates', False), ('shadow', True)):
            CONF.set_override(option, value, 'numa_ext')
            self.assertEqual(ALL, self.handled())
            CONF.clear_override(option, 'numa_ext')

    def test_spawn_is_called_as_novas(self):
        self.assertEqual(
            nova_driver.LibvirtDriver.spawn.__code__.co_varnames[:11],
            spawns.Spawns.spawn.__code__.co_varnames[:11])
