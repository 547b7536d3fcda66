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

import testtools

from nova_numa_ext.virt import domains

UUID = 'f7cb5d34-2d8e-4f2a-8a0c-7d5a1c6a3f10'
OTHER = '0b9e8f3c-5a1d-4d0e-9b7e-3c2f1a6d8e44'


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.domains = domains.Domains(clock=lambda: self.now)
        self.domains.connected(True)

    def read_state(self, state, domain_id=1):
        self.domains.keep_state(UUID, self.domains.stamp(), state, domain_id)

    def read_xml(self, text='<domain/>', domain_id=1):
        self.domains.keep_xml(UUID, self.domains.stamp(), text, domain_id)

    def state(self):
        known = self.domains.state(UUID)
        return known and known.state

    def xml(self, domain_id=1):
        known = self.domains.xml(UUID, domain_id)
        return known and known.text

    def start(self):
        with self.domains.changing(UUID) as change:
            change.state = domains.RUNNING
            change.id = 1
            change.keeps_xml = True


class StateTest(TestCase):

    def test_read(self):
        self.assertIsNone(self.state())
        self.read_state(domains.RUNNING, 7)

        self.assertEqual(
            (domains.RUNNING, 7, 1000.0, False), self.domains.state(UUID))

    def test_it_is_known_for_a_minute(self):
        self.read_state(domains.RUNNING)
        self.now += 60
        self.assertEqual(domains.RUNNING, self.state())
        self.now += 1
        self.assertIsNone(self.state())

    def test_an_event_that_says_another_drops_it(self):
        for event in (domains.STOPPED, domains.SUSPENDED, domains.SHUTDOWN,
                      domains.CRASHED, domains.PMSUSPENDED,
                      domains.UNDEFINED):
            self.read_state(domains.RUNNING)
            self.domains.note(UUID, event)
            self.assertIsNone(self.state(), event)

    def test_an_event_that_says_the_same_does_not(self):
        self.read_state(domains.RUNNING)
        for event in (domains.RESUMED, domains.STARTED, domains.CHANGED,
                      domains.DEFINED):
            self.domains.note(UUID, event)
            self.assertEqual(domains.RUNNING, self.state(), event)

    def test_events_of_another_domain_are_not_of_this_one(self):
        self.read_state(domains.RUNNING)
        self.domains.note(OTHER, domains.STOPPED)

        self.assertEqual(domains.RUNNING, self.state())

    def test_what_nova_did_is_known_for_10_seconds(self):
        self.start()
        self.assertEqual(
            (domains.RUNNING, 1, 1000.0, True), self.domains.state(UUID))
        self.now += 11
        self.assertIsNone(self.state())

    def test_what_nova_changes_is_not_known(self):
        self.read_state(domains.RUNNING)
        with self.domains.changing(UUID):
            self.assertIsNone(self.state())
            self.read_state(domains.RUNNING)
            self.assertIsNone(self.state())
        self.assertIsNone(self.state())

    def test_what_nova_failed_to_change_is_not_known(self):
        self.read_state(domains.RUNNING)

        def fail():
            with self.domains.changing(UUID):
                raise OSError

        self.assertRaises(OSError, fail)
        self.assertIsNone(self.state())

    def test_a_read_from_before_a_change_is_not_kept(self):
        stamp = self.domains.stamp()
        self.start()
        self.domains.keep_state(UUID, stamp, domains.SHUT_OFF, -1)

        self.assertEqual(domains.RUNNING, self.state())

    def test_another_ended_what_nova_started(self):
        with self.domains.changing(UUID) as change:
            change.state = domains.RUNNING
            self.domains.note(UUID, domains.STARTED)
            self.domains.note(UUID, domains.STOPPED)

        self.assertIsNone(self.state())

    def test_two_changes_at_once(self):
        with self.domains.changing(UUID), self.domains.changing(UUID) as end:
            end.state = domains.SHUT_OFF

        self.assertIsNone(self.state())

    def test_a_new_connection_drops_all(self):
        stamp = self.domains.stamp()
        self.read_state(domains.RUNNING)
        self.read_xml()
        self.domains.keep_object(UUID, 'a domain')
        self.domains.note(UUID, domains.STARTED)

        self.domains.connected(True)

        self.domains.keep_state(UUID, stamp, domains.RUNNING, 1)
        self.assertEqual((None, None, None, None), (
            self.state(), self.xml(), self.domains.object(UUID),
            self.domains.word(UUID)))

    def test_nothing_is_kept_without_events(self):
        self.domains.connected(False)
        self.read_state(domains.RUNNING)
        self.read_xml()
        self.domains.keep_object(UUID, 'a domain')
        self.start()

        self.assertEqual((None, None, None), (
            self.state(), self.xml(), self.domains.object(UUID)))


class XmlTest(TestCase):

    def test_it_is_of_one_run(self):
        self.read_xml('of run 3', 3)

        self.assertEqual('of run 3', self.xml(3))
        self.assertIsNone(self.xml(4))
        self.assertIsNone(self.xml(-1))

    def test_changes_drop_it(self):
        for event in (domains.CHANGED, domains.DEFINED, domains.STOPPED,
                      domains.UNDEFINED, domains.CRASHED):
            self.read_xml()
            self.domains.note(UUID, event)
            self.assertIsNone(self.xml(), event)

    def test_what_changes_nothing_in_it_does_not(self):
        self.read_xml()
        for event in (domains.STARTED, domains.SUSPENDED, domains.RESUMED,
                      domains.SHUTDOWN):
            self.domains.note(UUID, event)
            self.assertEqual('<domain/>', self.xml(), event)

    def test_another_started_it(self):
        self.read_xml(domain_id=-1)
        self.domains.note(UUID, domains.STARTED)

        self.assertIsNone(self.xml(-1))

    def test_a_read_from_before_an_event_is_not_kept(self):
        stamp = self.domains.stamp()
        self.domains.note(UUID, domains.CHANGED)
        self.domains.keep_xml(UUID, stamp, 'old', 1)

        self.assertIsNone(self.xml())

    def test_what_nova_defined_and_started(self):
        with self.domains.defining(UUID):
            pass
        self.read_xml('as defined', -1)
        # The event comes when libvirt gets to it.
        self.domains.note(UUID, domains.DEFINED)
        self.start()
        self.domains.note(UUID, domains.STARTED)

        self.assertEqual('as defined', self.xml(1))
        self.assertEqual('as defined', self.domains.definition(UUID).text)

    def test_another_defined_it_again(self):
        with self.domains.defining(UUID):
            pass
        self.read_xml('as defined', -1)
        self.domains.note(UUID, domains.DEFINED)
        self.domains.note(UUID, domains.DEFINED)

        self.assertIsNone(self.xml(-1))

    def test_a_definition_that_failed_sends_no_event(self):
        def fail():
            with self.domains.defining(UUID):
                raise OSError

        self.assertRaises(OSError, fail)
        self.read_xml('of another', -1)
        self.domains.note(UUID, domains.DEFINED)

        self.assertIsNone(self.xml(-1))

    def test_it_was_changed_while_nova_started_it(self):
        self.read_xml('as defined', -1)
        with self.domains.changing(UUID) as change:
            change.state = domains.RUNNING
            change.id = 1
            change.keeps_xml = True
            self.domains.note(UUID, domains.CHANGED)

        self.assertIsNone(self.xml())

    def test_the_oldest_is_read_anew(self):
        uuids = [f'{number:032}' for number in range(6)]
        for uuid in uuids:
            self.now += 1
            self.domains.keep_xml(uuid, self.domains.stamp(), uuid, 1)

        self.domains.drop_oldest_xml()

        self.assertEqual(uuids[4:], [
            uuid for uuid in uuids if self.domains.xml(uuid, 1)])


class ObjectTest(TestCase):

    def setUp(self):
        super().setUp()
        self.domains.keep_object(UUID, 'a domain')

    def test_it_is_good_enough_to_act_on_for_30_seconds(self):
        self.now += 30
        self.assertEqual('a domain', self.domains.object(UUID, 30))
        self.now += 1
        self.assertIsNone(self.domains.object(UUID, 30))
        self.assertEqual('a domain', self.domains.object(UUID))

    def test_another_run_is_another_id(self):
        for event in (domains.STARTED, domains.STOPPED, domains.UNDEFINED):
            self.domains.keep_object(UUID, 'a domain')
            self.domains.note(UUID, event)
            self.assertIsNone(self.domains.object(UUID), event)

    def test_not_of_what_nova_started_by_means_of_it(self):
        self.start()
        self.domains.note(UUID, domains.STARTED)

        self.assertEqual('a domain', self.domains.object(UUID))

    def test_a_domain_that_is_gone(self):
        self.domains.keep_object(OTHER, 'another')
        self.read_state(domains.SHUT_OFF)
        stamp = self.domains.stamp()

        self.domains.keep_only({OTHER})

        self.domains.keep_state(UUID, stamp, domains.SHUT_OFF, -1)
        self.assertIsNone(self.domains.object(UUID))
        self.assertIsNone(self.state())
        self.assertEqual('another', self.domains.object(OTHER))


class WordTest(TestCase):

    def test_the_newest_event(self):
        self.assertIsNone(self.domains.word(UUID))
        for event, word in (
                (domains.STARTED, domains.RUNNING),
                (domains.SUSPENDED, domains.PAUSED),
                (domains.RESUMED, domains.RUNNING),
                (domains.STOPPED, domains.SHUT_OFF),
                (domains.UNDEFINED, domains.GONE),
                (domains.CRASHED, None)):
            self.domains.note(UUID, event)
            self.assertEqual(word, self.domains.word(UUID), event)

    def test_one_that_nova_undefines_is_looked_up_again(self):
        self.domains.keep_object(UUID, 'its object')
        with self.domains.changing(UUID):
            self.domains.note(UUID, domains.STOPPED)
            self.assertEqual('its object', self.domains.object(UUID))
            self.domains.note(UUID, domains.UNDEFINED)
            self.assertIsNone(self.domains.object(UUID))

    def test_none_while_nova_changes_it(self):
        self.domains.note(UUID, domains.STARTED)
        with self.domains.changing(UUID):
            self.assertIsNone(self.domains.word(UUID))

    def test_an_audit_comes_before_it_is_handled(self):
        self.domains.note(UUID, domains.UNDEFINED)
        self.now += 50
        self.domains.keep_only(set())
        self.assertEqual(domains.GONE, self.domains.word(UUID))
        self.now += 61
        self.domains.keep_only(set())
        self.assertIsNone(self.domains.word(UUID))
