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


import functools
import inspect
import logging
from unittest import mock
import uuid

import fixtures
import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
from keystoneauth1 import exceptions as ks_exc
from nova import exception
from nova.compute import resource_tracker as nova_tracker
import nova.conf
import oslo_messaging
import testtools

from nova_numa_ext.compute import resource_tracker
from tests.unit.compute import life
from tests.unit.compute import world

CONF = nova.conf.CONF

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


FAULTS = (oslo_messaging.MessagingTimeout, ks_exc.ClientException)


class Split(resource_tracker.NumaResourceTracker):
    """Its calls end where they would wait for Nova's lock a second time.

    What they would do then is in ``waiting``.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = []

    def _save_for(self, *change):
        self.waiting.append(functools.partial(super()._save_for, *change))


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
        host.faults[:] = ['conductor', 'placement']
        first, second, third = host.tracker.waiting
        self.assertRaises(oslo_messaging.MessagingTimeout, first)
        self.assertRaises(ks_exc.ConnectFailure, second)
        third()
        self.assertEqual((1, host.memory), (host.saves, host.row))

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


class Interleavings(stateful.RuleBasedStateMachine):
    """Any order of calls and of their second turns, with faults.

    Nova's own tracker does the same without faults, one call after the other.
    """

    def __init__(self):
        super().__init__()
        self.nova = world.Nova()
        self.nova.setUp()
        self.ours = world.World(Split)
        self.novas = world.World(nova_tracker.ResourceTracker)
        self.states = dict.fromkeys(GUESTS, 'gone')
        # Guests whose call has not returned, and what it still does.
        self.waiting = {}
        self.healthy = True

    @stateful.rule(calls=st.lists(st.tuples(
        st.sampled_from(GUESTS), st.integers(0, 3), st.integers(0, 3)),
        min_size=1, max_size=5))
    def calls(self, calls):
        """Do the next to some guests, up to where their calls wait."""
        for guest, choice, number in calls:
            steps = life.STEPS[self.states[guest]]
            if guest in self.waiting:
                self.second_turn_of(guest)
            elif steps:
                self.call(guest, number, *steps[choice])

    def call(self, guest, number, step, state):
        arguments = (number,) if step in (life.create, life.move_claim) else ()
        self.ours.changes += 1
        # Nova saves these before it has done all.
        at_once = step in (life.confirm, life.revert)
        if at_once:
            self.novas.faults[:] = self.ours.faults
        ours, novas = [self.outcome(step, host, guest, *arguments)
                       for host in (self.ours, self.novas)]
        self.novas.faults.clear()
        assert ours == novas, (step, ours, novas)
        if at_once and ours != 'done':
            # Nova's may not see that its row is not what it thinks.
            self.novas.tracker.old_resources.clear()
            self.healthy = False
            self.states[guest] = 'broken'
        elif ours == 'done':
            self.states[guest] = state
        if self.ours.tracker.waiting:
            self.waiting[guest] = (
                self.ours.changes, self.ours.tracker.waiting.pop())

    @staticmethod
    def outcome(step, *arguments):
        try:
            step(*arguments)
        except (exception.NovaException, *FAULTS) as error:
            return type(error).__name__
        return 'done'

    @stateful.precondition(lambda self: self.waiting)
    @stateful.rule(which=st.integers(0, 3))
    def second_turn(self, which):
        self.second_turn_of(sorted(self.waiting)[which % len(self.waiting)])

    def second_turn_of(self, guest):
        """Have a call return."""
        change, save = self.waiting.pop(guest)
        faults = len(self.ours.faults)
        try:
            save()
        except FAULTS:
            assert len(self.ours.faults) == faults - 1
            self.healthy = False
        else:
            assert len(self.ours.faults) == faults
            assert (self.ours.saved_changes >= change or
                    self.ours.row == self.ours.memory)

    @stateful.precondition(lambda self: not self.ours.faults)
    @stateful.rule(fault=st.sampled_from(['conductor', 'late', 'placement']))
    def fault(self, fault):
        self.ours.faults.append(fault)

    @stateful.rule(which=st.integers(0, 3))
    def audit_or_kill(self, which):
        if which:
            self.audit()
        else:
            self.kill()

    def audit(self):
        # Nova loses count of a guest between the two halves of a revert on
        # one host; where its CPUs are taken then, audits fail.
        novas, ours = [
            self.outcome(host.audit) for host in (self.novas, self.ours)]
        self.healthy = ours == 'done'
        if self.healthy:
            assert self.ours.row == self.ours.memory == self.novas.row
        if novas != 'done':
            assert not self.healthy

    def kill(self):
        """Start nova-compute again; calls that waited are gone."""
        self.ours.faults.clear()
        self.waiting.clear()
        starts = {self.outcome(self.ours.start, Split),
                  self.outcome(self.novas.start, nova_tracker.ResourceTracker)}
        assert len(starts) == 1, starts
        self.healthy = starts == {'done'}

    @stateful.invariant()
    def same(self):
        assert self.ours.memory == self.novas.memory
        if self.healthy and not self.waiting:
            assert self.ours.row == self.novas.row

    def teardown(self):
        """Have all calls return; the next audit heals what is left."""
        try:
            while self.waiting:
                self.second_turn_of(min(self.waiting))
            self.ours.faults.clear()
            self.audit()
        finally:
            self.nova.cleanUp()


InterleavingsTest = Interleavings.TestCase
InterleavingsTest.settings = hypothesis.settings(
    max_examples=20, stateful_step_count=25)
