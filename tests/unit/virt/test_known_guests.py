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

import types
from unittest import mock

import fixtures
from nova import exception
from nova.compute import power_state
from nova.virt import event as virtevent
from nova.virt import hardware

from nova_numa_ext.virt import domains
from nova_numa_ext.virt import known_guests
from tests.unit.virt import test_domain_host

UUID = test_domain_host.UUID


class Nova:
    """What the driver has of Nova's."""

    def __init__(self, host):
        self._host = host
        self.handled = []
        self._init_known_guests()

    def init_host(self, host):
        pass

    def get_num_instances(self):
        return len(self._host.list_instance_domains(only_running=False))

    def get_info(self, instance, use_cache=True):
        return self._host.get_guest(instance).get_info(self._host)

    def get_available_resource(self, nodename):
        return [self._host.list_guests(), self._host.list_guests()]

    def emit_event(self, event):
        instance = types.SimpleNamespace(uuid=event.uuid, name='guest')
        for _ in range(2):
            try:
                self.handled.append(
                    self.get_info(instance, use_cache=False).state)
            except exception.InstanceNotFound:
                self.handled.append(None)


class Driver(known_guests.KnownGuests, Nova):
    pass


class KnownGuestsTest(test_domain_host.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = Driver(self.host)
        self.instance.power_state = power_state.RUNNING

    def state(self, **kwargs):
        return self.driver.get_info(self.instance, **kwargs).state

    def test_a_power_sync_is_one_call(self):
        self.assertEqual(1, self.driver.get_num_instances())
        for _ in range(3):
            self.assertEqual(
                hardware.InstanceInfo(power_state.RUNNING, internal_id=3),
                self.driver.get_info(self.instance))

        self.assertEqual(['getAllDomainStats'], self.asked())

    def test_a_state_that_is_not_the_databases_is_asked(self):
        self.driver.get_num_instances()
        self.instance.power_state = power_state.SHUTDOWN
        self.asked()

        self.assertEqual(power_state.RUNNING, self.state())
        self.assertEqual(['domainListGetStats'], self.asked())

    def test_without_the_cache_it_is_asked_each_time(self):
        self.driver.get_num_instances()
        self.asked()

        for _ in range(2):
            self.state(use_cache=False)

        self.assertEqual(2 * ['domainListGetStats'], self.asked())

    def test_a_start_asks_once_for_all(self):
        self.driver.init_host('host')
        for _ in range(2):
            self.assertEqual(
                power_state.RUNNING, self.state(use_cache=False))
        self.assertEqual(['getAllDomainStats'], self.asked())

        self.driver.get_available_resource('node')
        self.asked()
        self.state(use_cache=False)
        self.assertEqual(['domainListGetStats'], self.asked())

    def test_a_start_hears_of_changes(self):
        self.driver.init_host('host')
        self.state(use_cache=False)
        self.asked()
        self.host.domains.note(UUID, domains.STOPPED)

        self.state(use_cache=False)
        self.assertEqual(
            ['lookupByUUIDString', 'domainListGetStats'], self.asked())

    def test_a_long_start_asks_again(self):
        self.driver.init_host('host')
        self.state(use_cache=False)
        self.asked()
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.virt.known_guests.START_AGE', -1.0))
        self.state(use_cache=False)

        self.assertEqual(['getAllDomainStats'], self.asked())

    def test_what_a_start_does_itself_is_asked(self):
        self.driver.init_host('host')
        self.state(use_cache=False)
        self.host.get_guest(self.instance).launch()
        self.asked()

        self.assertEqual(power_state.RUNNING, self.state(use_cache=False))
        self.assertEqual(['domainListGetStats'], self.asked())

    def test_what_nova_did_is_known(self):
        self.host.get_guest(self.instance).launch()
        self.instance.power_state = power_state.NOSTATE
        self.asked()

        self.assertEqual(power_state.RUNNING, self.state())
        self.assertEqual([], self.asked())

    def test_a_guest_that_is_gone(self):
        self.driver.get_num_instances()
        del self.libvirtd.domains[UUID]

        self.assertRaises(
            exception.InstanceNotFound, self.driver.get_info, self.instance,
            use_cache=False)

    def test_a_state_that_is_not_novas_is_left_to_it(self):
        self.driver.get_num_instances()
        with mock.patch.object(
                self.host, 'state_of', autospec=True, return_value=(99, 3)):
            self.assertEqual(
                power_state.RUNNING, self.state(use_cache=False))
        self.assertIn('info', self.asked())

    def test_an_event_is_libvirts_newest_word(self):
        self.host.domains.note(UUID, domains.STARTED)
        self.host.domains.note(UUID, domains.SUSPENDED)

        self.driver.emit_event(virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_PAUSED))

        # Who asks once more is about to act.
        self.assertEqual(
            [power_state.PAUSED, power_state.RUNNING], self.driver.handled)
        self.assertEqual(
            ['lookupByUUIDString', 'domainListGetStats'], self.asked())

    def test_an_event_of_another_guest(self):
        self.host.domains.note(UUID, domains.STOPPED)
        with mock.patch.object(
                Nova, 'emit_event', autospec=True,
                side_effect=lambda *args: self.assertEqual(
                    power_state.RUNNING, self.state(use_cache=False))):
            self.driver.emit_event(virtevent.LifecycleEvent(
                test_domain_host.OTHER,
                virtevent.EVENT_LIFECYCLE_STARTED))

    def test_an_event_of_a_guest_that_was_deleted(self):
        del self.libvirtd.domains[UUID]
        self.host.domains.note(UUID, domains.STOPPED)
        self.host.domains.note(UUID, domains.UNDEFINED)

        self.driver.emit_event(virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_STOPPED))

        self.assertEqual([None, None], self.driver.handled)
        self.assertEqual(['lookupByUUIDString'], self.asked())

    def test_an_audit_lists_once(self):
        self.driver.get_available_resource('node')

        self.assertEqual(['getAllDomainStats'], self.asked())

    def test_all_is_novas_where_nothing_is_followed(self):
        self.host.domains.connected(False)

        self.assertEqual(1, self.driver.get_num_instances())
        self.assertEqual(power_state.RUNNING, self.state())
        self.driver.get_available_resource('node')

        self.assertEqual([
            'listAllDomains', 'lookupByUUIDString', 'info',
            'listAllDomains', 'listAllDomains'], self.asked())
