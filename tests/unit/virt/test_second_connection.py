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

import fixtures
import libvirt
import testtools

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import calls
from nova_numa_ext.virt import second_connection
from tests.unit.virt import fake_libvirtd


class SecondConnectionTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.libvirtd = fake_libvirtd.Libvirtd()
        self.libvirtd.domains['a'] = -1
        self.second = self.made()

    def made(self, is_on=True):
        self.path = fast_path.FastPath(
            'second_connection', 'reduce_libvirt_calls', is_on)
        return second_connection.SecondConnection(
            lambda: self.libvirtd.openAuth(), self.path, calls.Calls(0))

    def test_it_is_made_when_it_is_needed_and_kept(self):
        self.assertEqual([], self.libvirtd.connections)

        self.assertIs(self.second.connection(), self.second.connection())
        self.assertEqual(1, len(self.libvirtd.connections))

    def test_a_lost_one_is_made_again(self):
        lost = self.second.connection()
        self.libvirtd.die()

        self.assertIsNot(lost, self.second.connection())
        self.assertEqual(2, len(self.libvirtd.connections))

    def test_one_that_libvirt_says_is_broken_is_made_again(self):
        lost = self.second.connection()
        lost.isAlive = fails(fake_libvirtd.broken())

        self.assertIsNot(lost, self.second.connection())

    def test_a_domain_is_looked_up_once(self):
        domain = self.second.domain('a')

        self.assertIs(domain, self.second.domain('a'))
        self.assertEqual([(0, 'lookupByUUIDString')], self.libvirtd.asked())

    def test_a_domain_is_of_the_connection_of_now(self):
        domain = self.second.domain('a')
        self.assertTrue(self.second.is_of(domain))
        self.libvirtd.die()

        self.assertFalse(self.second.is_of(domain))
        self.assertTrue(self.second.is_of(self.second.domain('a')))

    def test_a_domain_that_was_forgotten_is_looked_up_again(self):
        self.second.domain('a')
        self.second.forget('a')
        self.second.forget('never seen')
        self.second.domain('a')

        self.assertEqual(2, len(self.libvirtd.asked()))

    def test_no_domain_is_no_error(self):
        for _ in range(10):
            self.assertIsNone(self.second.domain('nobody'))

        self.assertTrue(self.path.is_usable())

    def test_where_it_cannot_be_had_there_is_none(self):
        self.libvirtd.openAuth = fails(fake_libvirtd.error(
            libvirt.VIR_ERR_SYSTEM_ERROR))

        for _ in range(10):
            self.assertIsNone(self.second.connection())
            self.assertIsNone(self.second.domain('a'))

        self.assertIn('second_connection failed 5 times', self.log.output)

    def test_a_lookup_that_fails_is_an_error(self):
        self.libvirtd.answers['lookupByUUIDString'] = fake_libvirtd.broken()

        for _ in range(fast_path.ERRORS):
            self.assertIsNone(self.second.domain('a'))

        self.assertFalse(self.path.is_usable())

    def test_where_it_is_off_there_is_none(self):
        second = self.made(is_on=False)

        self.assertIsNone(second.connection())
        self.assertIsNone(second.domain('a'))
        self.assertEqual([], self.libvirtd.connections)

    def test_one_that_was_let_go_is_made_again(self):
        let_go = self.second.connection()
        self.second.drop()

        self.assertIsNot(let_go, self.second.connection())


def fails(error):
    def method(*args):
        raise error
    return method
