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

import fixtures
import libvirt
from nova import exception
from nova.virt.libvirt import host as nova_host

from nova_numa_ext.virt import domains
from nova_numa_ext.virt import followed
from tests.unit.virt import fake_libvirtd
from tests.unit.virt import test_host

UUID = test_host.UUID
OTHER = '2f1f0a56-8a35-4d9d-9d57-0f4c5b6f6d22'


class TestCase(test_host.TestCase):

    def setUp(self):
        super().setUp()
        self.libvirtd.domains[UUID] = 3
        self.instance = types.SimpleNamespace(uuid=UUID, name='guest')
        self.host.get_connection()
        self.libvirtd.asked()

    def asked(self):
        """Return the calls since the last time, over any connection."""
        return [name for _, name in self.libvirtd.asked()]


class DomainsHostTest(TestCase):

    def test_a_domain_is_looked_up_once(self):
        first = self.host.get_guest(self.instance)
        second = self.host.get_guest(self.instance)

        self.assertEqual(['lookupByUUIDString'], self.asked())
        self.assertEqual((UUID, UUID, 3), (first.uuid, second.uuid, second.id))

    def test_again_after_it_was_restarted(self):
        self.host.get_guest(self.instance)
        self.libvirtd.domains[UUID] = 4
        self.host.domains.note(UUID, domains.STOPPED)

        self.assertEqual(4, self.host.get_guest(self.instance).id)

    def test_a_domain_that_is_not_there(self):
        del self.libvirtd.domains[UUID]

        self.assertRaises(exception.InstanceNotFound, self.host.get_guest,
                          self.instance)

    def test_nothing_is_followed_without_events(self):
        self.host = self.made()
        self.libvirtd.answers['domainEventRegisterAny'] = (
            fake_libvirtd.error(libvirt.VIR_ERR_NO_SUPPORT))
        self.host.get_connection()
        self.asked()

        for _ in range(2):
            domain = self.host.get_guest(self.instance)._domain
            self.assertIsNot(followed.Followed, type(domain))
        self.assertEqual(2 * ['lookupByUUIDString'], self.asked())
        self.assertIn('sends no events of devices (error 3)',
                      self.log.output)

    def test_a_new_connection_is_asked_anew(self):
        self.host.get_guest(self.instance)
        self.libvirtd.die()
        self.host.get_guest(self.instance)

        self.assertIn('lookupByUUIDString', self.asked())

    def test_what_nova_defines_is_known(self):
        xml = f'<domain><uuid>{OTHER}</uuid></domain>'
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.virt.fake_libvirtd.Connection.defineXML',
            self._define))

        guest = self.host.write_instance_config(xml)

        self.assertEqual(OTHER, guest.uuid)
        self.assertIs(followed.Followed, type(guest._domain))
        self.assertIs(guest._domain, self.host.domains.object(OTHER))

    @staticmethod
    def _define(connection, xml):
        connection.libvirtd.domains[OTHER] = -1
        return fake_libvirtd.Domain(connection, OTHER)

    def test_all_from_one_call(self):
        self.libvirtd.domains[OTHER] = -1

        found = self.host.all_domains()

        self.assertEqual({UUID, OTHER}, {
            domain.UUIDString() for domain in found})
        self.assertEqual(['getAllDomainStats'], self.asked())
        self.assertEqual(
            (domains.RUNNING, 3), self.host.domains.state(UUID)[:2])

    def test_what_is_not_in_the_list_is_forgotten(self):
        self.host.all_domains()
        del self.libvirtd.domains[UUID]

        self.host.all_domains()

        self.assertIsNone(self.host.domains.object(UUID))

    def test_the_state_of_one(self):
        domain = self.host.look_up(self.instance)
        self.asked()

        self.assertEqual((domains.RUNNING, 3), self.host.state_of(domain))
        del self.libvirtd.domains[UUID]
        self.assertIsNone(self.host.state_of(domain))
        self.assertEqual(2 * ['domainListGetStats'], self.asked())

    def test_the_state_of_one_whose_event_comes_late(self):
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.virt.fake_libvirtd.Connection.defineXML',
            self._define))
        guest = self.host.write_instance_config(
            f'<domain><uuid>{OTHER}</uuid></domain>')
        guest._domain.createWithFlags(0)
        self.asked()

        self.assertEqual(
            domains.RUNNING, self.host.state_of(guest._domain)[0])
        del self.libvirtd.domains[OTHER]
        self.assertIsNone(self.host.state_of(guest._domain))
        self.assertEqual(2 * ['state'], self.asked())


class AuditTest(TestCase):

    def audit(self):
        """List and read as Nova does in an audit; return what was asked."""
        with self.host.audit():
            for guest in self.host.list_guests():
                list(guest.get_vcpus_info())
            for domain in self.host.list_instance_domains(
                    only_running=False):
                domain.XMLDesc(0)
        return self.asked()

    def test_many(self):
        for number in range(9):
            self.libvirtd.domains[OTHER[:-1] + str(number)] = number

        self.assertEqual(
            ['getAllDomainStats', *10 * ['XMLDesc']], self.audit())
        for _ in range(3):
            self.assertEqual(
                ['getAllDomainStats', *4 * ['XMLDesc']], self.audit())

    def test_outside_of_one_libvirtd_is_asked(self):
        self.audit()

        for guest in self.host.list_guests():
            self.assertEqual(1, len(list(guest.get_vcpus_info())))
        self.assertEqual(['listAllDomains', 'vcpus'], self.asked())

    def test_guests_that_are_down(self):
        self.libvirtd.domains[OTHER] = -1

        with self.host.audit():
            self.assertEqual(
                [UUID], [guest.uuid for guest in self.host.list_guests()])
            self.assertEqual(
                2, len(self.host.list_guests(only_running=False)))

    def test_a_list_that_fails_is_novas(self):
        self.libvirtd.answers['getAllDomainStats'] = fake_libvirtd.error(
            libvirt.VIR_ERR_NO_SUPPORT)

        self.assertEqual([
            'getAllDomainStats', 'listAllDomains', 'XMLDesc',
            'getAllDomainStats', 'listAllDomains'], self.audit())

    def test_a_definition_serves_what_a_start_does_not_change(self):
        self.libvirtd.domains[UUID] = -1
        guest = self.host.get_guest(self.instance)
        defined = guest.get_xml_desc()
        guest.launch()
        self.asked()

        with self.host.definition_of(UUID):
            self.assertEqual(
                defined, self.host.get_guest(self.instance).get_xml_desc())
        self.assertEqual([], self.asked())


class ShadowTest(TestCase):

    def setUp(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.virt.domain_host.CONF', types.SimpleNamespace(
                numa_ext=types.SimpleNamespace(
                    reduce_libvirt_calls=True, shadow=True))))
        super().setUp()

    def test_both_are_asked(self):
        with self.host.audit():
            self.host.list_guests()

        self.assertEqual(
            ['getAllDomainStats', 'listAllDomains'], self.asked())
        self.assertIs(nova_host.libvirt, libvirt)
