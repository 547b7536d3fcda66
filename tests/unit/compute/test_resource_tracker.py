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
import logging
import pydoc
from unittest import mock
import uuid

import fixtures
from keystoneauth1 import exceptions as ks_exc
from nova import exception
from nova import objects
from nova.compute import resource_tracker as nova_tracker
from nova.compute import vm_states
import nova.conf
import os_traits
from oslo_concurrency import lockutils
import oslo_messaging
from oslo_serialization import jsonutils
import testtools

from nova_numa_ext.compute import resource_tracker
from tests.unit.compute import life
from tests.unit.compute import world
from tests.unit.compute.split import Split

CONF = nova.conf.CONF

WORLD = 'tests.unit.compute.world.World'
GUESTS = [str(uuid.UUID(int=number)) for number in range(4)]


class Manager:

    host = 'here'
    driver = object()

    def __init__(self, tracker):
        self.reportclient = mock.create_autospec(
            nova_tracker.report.SchedulerReportClient, instance=True)
        self.rt = tracker(
            self.host, self.driver, reportclient=self.reportclient)


class InstallTest(testtools.TestCase):

    def installed(self, tracker):
        """Return the tracker in place of such a one, and the manager."""
        manager = Manager(tracker)
        virtapi = mock.Mock(spec=['_compute'], _compute=manager)
        before = manager.rt
        resource_tracker.install(virtapi)
        return before, manager

    def test_novas_tracker_is_replaced(self):
        _before, manager = self.installed(nova_tracker.ResourceTracker)
        self.assertIsInstance(
            manager.rt, resource_tracker.NumaResourceTracker)
        self.assertEqual(
            (manager.host, manager.driver, manager.reportclient),
            (manager.rt.host, manager.rt.driver, manager.rt.reportclient))

    def test_ours_stays(self):
        before, manager = self.installed(resource_tracker.NumaResourceTracker)
        self.assertIs(before, manager.rt)

    def test_somebody_elses_stays(self):

        class Other(nova_tracker.ResourceTracker):
            pass

        before, manager = self.installed(Other)
        self.assertIs(before, manager.rt)

    def test_all_is_off(self):
        for option in ('guest_policy', 'coalesce_updates'):
            CONF.set_override(option, False, 'numa_ext')
            self.addCleanup(CONF.clear_override, option, 'numa_ext')
        before, manager = self.installed(nova_tracker.ResourceTracker)
        self.assertIs(before, manager.rt)

    def test_no_manager(self):
        resource_tracker.install(mock.Mock(spec=[]))


class DeleteAllocationTest(testtools.TestCase):

    def removed(self, host, node_type):
        """Return whether the allocation of a guest on this host goes."""
        manager = Manager(resource_tracker.NumaResourceTracker)
        manager.rt.compute_nodes = {'node': mock.Mock(uuid='a node')}
        manager.rt.delete_allocation_for_evacuated_instance(
            'context', mock.Mock(uuid='a guest', host=host), 'node',
            node_type=node_type)
        remove = (
            manager.reportclient.remove_provider_tree_from_instance_allocation)
        if remove.called:
            remove.assert_called_once_with('context', 'a guest', 'a node')
        return remove.called

    def test_a_rebuild_where_the_guest_is(self):
        self.assertFalse(self.removed('here', 'destination'))

    def test_guests_get_what_nova_gives_them(self):
        CONF.set_override('guest_policy', False, 'numa_ext')
        self.addCleanup(CONF.clear_override, 'guest_policy', 'numa_ext')
        self.assertTrue(self.removed('here', 'destination'))

    def test_an_evacuation_to_here(self):
        self.assertTrue(self.removed('there', 'destination'))

    def test_an_evacuation_from_here(self):
        self.assertTrue(self.removed('here', 'source'))


class SavedInGroupsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(world.Nova())
        self.log = self.useFixture(fixtures.FakeLogger(
            level=logging.WARNING))

    def host(self, tracker=Split):
        host = world.World(tracker)
        for number in range(3):
            host.create_instance(GUESTS[number], number)
        host.saves = 0
        return host

    @staticmethod
    def volume(context, instance, bdms=None):
        if bdms is None:
            objects.BlockDeviceMappingList.get_by_instance_uuid(
                context, instance.uuid)
        return False

    def switch_off(self):
        CONF.set_override('coalesce_updates', False, 'numa_ext')
        self.addCleanup(
            CONF.clear_override, 'coalesce_updates', 'numa_ext')

    def test_alone(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        for saves in (1, 2, 3):
            life.claim(host, GUESTS[saves - 1])
            self.assertEqual((saves, host.memory), (host.saves, host.row))

    def test_one_save_for_all_that_wait(self):
        host = self.host()
        for guest in GUESTS[:3]:
            life.claim(host, guest)
        self.assertEqual(0, host.saves)
        for save in host.tracker.waiting:
            save()
            self.assertEqual((1, host.memory), (host.saves, host.row))

    def test_a_refused_claim_saves_nothing(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        host.create_instance(GUESTS[3], 3)
        host.instances[GUESTS[3]].numa_topology.cells[0].pcpuset = set(
            range(9))
        self.assertRaises(
            exception.ComputeResourcesUnavailable, life.claim, host, GUESTS[3])
        self.assertEqual(0, host.saves)

    def test_each_learns_of_a_failure(self):
        host = self.host()
        for guest in GUESTS[:3]:
            life.claim(host, guest)
        first, second, third = host.tracker.waiting
        for rest in host.tracker.waiting:
            rest.step()
        host.faults[:] = ['conductor', 'placement']
        self.assertRaises(oslo_messaging.MessagingTimeout, first)
        self.assertRaises(ks_exc.ConnectFailure, second)
        third()
        self.assertEqual(host.memory, host.row)

    def test_a_failed_claim_is_not_counted_after_an_audit(self):
        # The manager gives a guest up that cannot be claimed.
        host = self.host(resource_tracker.NumaResourceTracker)
        empty = host.row
        host.faults.append('conductor')
        self.assertRaises(
            oslo_messaging.MessagingTimeout, life.claim, host, GUESTS[0])
        guest = host.load(GUESTS[0])
        guest.host = guest.node = None
        guest.save()
        host.audit()
        self.assertEqual(empty, host.row)

    def locks_held(self, target):
        """Return a list that gets whether the lock is held, call by call.

        :param target: dotted path of what is called
        """
        held = []
        lock = lockutils._fair_locks.get(
            nova_tracker.COMPUTE_RESOURCE_SEMAPHORE)
        called = pydoc.locate(target)

        def noting(*args, **kwargs):
            held.append(lock.is_writer())
            return called(*args, **kwargs)

        self.useFixture(fixtures.MonkeyPatch(target, noting))
        return held

    @staticmethod
    def used(host):
        node = host.tracker.compute_nodes[world.HOST]
        return (node.vcpus_used, node.memory_mb_used, node.running_vms,
                world.plain(jsonutils.loads(node.numa_topology)))

    def test_a_guest_is_saved_without_the_lock(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        guests, nodes = [self.locks_held(f'{WORLD}.{name}')
                         for name in ('save_instance', 'save_node')]
        life.claim(host, GUESTS[0])
        self.assertEqual(([False], [True]), (guests, nodes))
        self.assertEqual('here', host.load(GUESTS[0]).host)
        self.assertEqual({}, host.tracker._claimed)

    def test_novas_saves_a_guest_with_the_lock_held(self):
        self.switch_off()
        host = self.host(resource_tracker.NumaResourceTracker)
        guests = self.locks_held(f'{WORLD}.save_instance')
        life.claim(host, GUESTS[0])
        self.assertEqual([True], guests)

    def test_an_audit_before_a_claimed_guest_is_saved(self):
        host = self.host()
        life.claim(host, GUESTS[2])
        (rest,) = host.tracker.waiting
        claimed = host.memory
        host.audit()
        self.assertEqual((claimed, claimed), (host.memory, host.row))
        self.assertIsNone(host.load(GUESTS[2]).host)
        rest()
        host.audit()
        self.assertEqual((claimed, claimed), (host.memory, host.row))
        self.assertEqual('here', host.load(GUESTS[2]).host)

    def test_a_claimed_guest_that_cannot_be_saved(self):
        host = self.host()
        empty = self.used(host)
        for guest in GUESTS[1:3]:
            life.claim(host, guest)
        first, second = host.tracker.waiting
        # The row then counts the other one, too.
        first()
        host.faults.append('conductor')
        self.assertRaises(oslo_messaging.MessagingTimeout, second)
        self.assertEqual(host.memory, host.row)
        self.assertIsNone(host.load(GUESTS[2]).host)
        life.abort(host, GUESTS[1])
        host.tracker.waiting[-1]()
        self.assertEqual(host.memory, host.row)
        self.assertEqual(empty, self.used(host))

    def test_nor_can_its_host(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        empty = host.row
        with mock.patch.object(
                world.World, 'save_instance', autospec=True,
                side_effect=exception.InstanceNotFound(instance_id='it')):
            host.faults.append('placement')
            self.assertRaises(exception.InstanceNotFound, life.claim,
                              host, GUESTS[0])
        self.assertIn('The next audit does it.', self.log.output)
        host.audit()
        self.assertEqual((empty, empty), (host.memory, host.row))

    def test_a_claim_that_fails_before_the_guest_is_saved(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        empty = host.row
        with mock.patch.object(
                nova_tracker.ResourceTracker, '_claim_resources',
                autospec=True,
                side_effect=exception.ComputeResourcesUnavailable(reason='')):
            self.assertRaises(
                exception.ComputeResourcesUnavailable, life.claim, host,
                GUESTS[0])
        host.audit()
        self.assertEqual((empty, empty), (host.memory, host.row))

    def services_asked(self, host):
        return self.useFixture(fixtures.MockPatch(
            'nova.objects.Service.get_by_compute_host', autospec=True,
            return_value=objects.Service(disabled=False))).mock

    def test_the_service_is_asked_for_by_audits(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        asked = self.services_asked(host)
        life.claim(host, GUESTS[0])
        self.assertEqual(0, asked.call_count)
        host.audit()
        self.assertEqual(1, asked.call_count)

    def test_a_trait_that_has_been_changed(self):
        """Nobody's change is undone by what is only remembered."""
        host = self.host(resource_tracker.NumaResourceTracker)
        asked = self.services_asked(host)
        asked.return_value.disabled = True
        trait = os_traits.COMPUTE_STATUS_DISABLED
        client = host.tracker.reportclient
        client.traits.add(trait)
        for guest in GUESTS[:2]:
            life.claim(host, guest)
            self.assertIn(trait, client.sent_traits)
        self.assertEqual(1, asked.call_count)

    def test_novas_asks_for_the_service_each_time(self):
        self.switch_off()
        host = self.host(resource_tracker.NumaResourceTracker)
        asked = self.services_asked(host)
        for guest in GUESTS[:2]:
            life.claim(host, guest)
        self.assertEqual(2, asked.call_count)

    def test_a_save_that_succeeded_without_a_word(self):
        # What is given up then is as it was before, and the row is not.
        host = self.host(resource_tracker.NumaResourceTracker)
        empty = host.row
        host.faults.append('late')
        self.assertRaises(
            oslo_messaging.MessagingTimeout, life.claim, host, GUESTS[0])
        self.assertNotEqual(empty, host.row)
        life.abort(host, GUESTS[0])
        host.audit()
        self.assertEqual(empty, host.row)

    def test_a_failed_call_saves_what_it_changed(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        update = nova_tracker.ResourceTracker._update_usage_from_instance

        def fails(tracker, context, *args, **kwargs):
            update(tracker, context, *args, **kwargs)
            tracker._update(context, tracker.compute_nodes[world.HOST])
            raise ValueError('after the change')

        with fixtures.MonkeyPatch(
                'nova.compute.resource_tracker.ResourceTracker.'
                '_update_usage_from_instance', fails):
            self.assertRaises(ValueError, life.claim, host, GUESTS[0])
        self.assertEqual((1, host.memory), (host.saves, host.row))

    def test_a_node_that_is_gone(self):
        host = self.host()
        life.claim(host, GUESTS[0])
        host.tracker.remove_node(world.HOST)
        (save,) = host.tracker.waiting
        save()
        self.assertEqual(0, host.saves)

    def test_switched_off(self):
        self.switch_off()
        host = self.host()
        life.claim(host, GUESTS[0])
        self.assertEqual(([], 1), (host.tracker.waiting, host.saves))

    def test_an_unknown_nova(self):
        known = {nova_tracker.ResourceTracker: {'_update': '(self)'}}
        with mock.patch.dict(
                resource_tracker.RELIED_ON, known, clear=True):
            host = self.host()
        life.claim(host, GUESTS[0])
        self.assertEqual(([], 1), (host.tracker.waiting, host.saves))
        self.assertIn(
            '[numa_ext] coalesce_updates is without effect: this Nova is not '
            'known to it (ResourceTracker._update).', self.log.output)

    def test_signatures_are_novas(self):
        for name in resource_tracker.RELIED_ON[nova_tracker.ResourceTracker]:
            if not name.startswith('_'):
                self.assertEqual(*[
                    inspect.signature(getattr(tracker, name))
                    for tracker in (nova_tracker.ResourceTracker,
                                    resource_tracker.NumaResourceTracker)])

    def test_this_nova_is_known(self):
        self.host()
        self.assertNotIn('without effect', self.log.output)

    def saves_of_an_idle_day(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        saves = []
        for uptime in ('up 2 days', 'up 3 days'):
            host.tracker.driver.uptime = uptime
            host.audit()
            saves.append(host.saves)
        life.claim(host, GUESTS[0])
        self.assertIn('up 3 days', host.row)
        self.assertEqual(host.memory, host.row)
        return saves

    def test_an_idle_audit_saves_nothing(self):
        self.assertEqual([0, 0], self.saves_of_an_idle_day())

    def test_an_idle_audit_of_novas_saves_the_uptime(self):
        self.switch_off()
        self.assertEqual([1, 2], self.saves_of_an_idle_day())

    def test_allocations_are_not_asked_for(self):
        with mock.patch.object(
                world.Placement, 'get_allocations_for_provider_tree',
                autospec=True) as ask:
            host = self.host(resource_tracker.NumaResourceTracker)
            life.claim(host, GUESTS[0])
            host.audit()
            ask.assert_not_called()
            self.switch_off()
            host = self.host(resource_tracker.NumaResourceTracker)
            ask.assert_called_once()

    def test_a_reshape_at_start(self):
        def reshape(virt, tree, nodename, allocations=None):
            if allocations is None:
                raise exception.ReshapeNeeded()
            allocations['a guest']['allocations'] = 'moved'

        with mock.patch.object(
                world.Driver, 'update_provider_tree', reshape):
            host = self.host()
        self.assertEqual(
            [{'a guest': {'allocations': 'moved'}}],
            host.tracker.reportclient.sent)

    def asked_of_root_disks(self, host):
        """Return whether the lock was held each time that Nova asked."""
        held = self.locks_held('nova.compute.utils.is_volume_backed_instance')
        life.claim(host, GUESTS[0])
        return held

    def test_a_claim_asks_for_the_root_disk_before_it_takes_the_lock(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        self.assertEqual([False], self.asked_of_root_disks(host))
        self.assertEqual({GUESTS[0]: False}, host.tracker.is_bfv)

    def test_novas_claim_asks_with_the_lock_held(self):
        self.switch_off()
        self.assertEqual([True], self.asked_of_root_disks(
            self.host(resource_tracker.NumaResourceTracker)))

    def resources_loaded(self, **changes):
        """Return whether the lock was held when a guest's were loaded."""
        host = self.host(resource_tracker.NumaResourceTracker)
        life.claim(host, GUESTS[0])
        saved = host.instances[GUESTS[0]]
        delattr(saved, '_obj_resources')
        loaded = self.locks_held('nova.objects.Instance.obj_load_attr')
        with mock.patch.object(
                objects.ResourceList, 'get_by_instance_uuid', autospec=True,
                return_value=objects.ResourceList(objects=[])):
            life.update(host, GUESTS[0], **changes)
        return loaded

    def test_what_a_guest_had_is_loaded_before_the_lock_is_taken(self):
        self.assertEqual(
            [False], self.resources_loaded(vm_state=vm_states.DELETED))
        self.assertEqual(
            [], self.resources_loaded(vm_state=vm_states.ACTIVE))

    def test_nova_loads_it_with_the_lock_held(self):
        self.switch_off()
        self.assertEqual(
            [True], self.resources_loaded(vm_state=vm_states.DELETED))

    def test_what_is_asked_for_a_refused_claim_is_forgotten(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        host.create_instance(GUESTS[3], 3)
        host.instances[GUESTS[3]].numa_topology.cells[0].pcpuset = set(
            range(9))
        self.assertRaises(
            exception.ComputeResourcesUnavailable, life.claim, host, GUESTS[3])
        self.assertEqual({}, host.tracker.is_bfv)

    def test_the_root_disks_of_all_guests_are_asked_for_at_once(self):
        host = self.host(resource_tracker.NumaResourceTracker)
        for guest in GUESTS[:3]:
            life.claim(host, guest)
        one, many = [self.useFixture(fixtures.MockPatch(
            f'nova.objects.BlockDeviceMappingList.{name}', autospec=True,
            return_value=objects.BlockDeviceMappingList(objects=[])
            if name == 'get_by_instance_uuid' else {})).mock
            for name in ('get_by_instance_uuid', 'bdms_by_instance_uuid')]
        self.useFixture(fixtures.MonkeyPatch(
            'nova.compute.utils.is_volume_backed_instance', self.volume))
        row = host.row

        host.start(resource_tracker.NumaResourceTracker)
        self.assertEqual((0, 1), (one.call_count, many.call_count))
        self.assertEqual(row, host.row)

        self.switch_off()
        host.start(nova_tracker.ResourceTracker)
        self.assertEqual((3, 1), (one.call_count, many.call_count))
