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
import libvirt
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import calls
from nova_numa_ext.virt import connection as watched
from nova_numa_ext.virt import second_connection
from tests.unit.virt import fake_libvirtd

KINDS = nova_host.Host._get_libvirt_proxy_classes(libvirt)


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        # Some releases import it when the first Host is made.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.host.libvirt', libvirt))
        self.libvirtd = fake_libvirtd.Libvirtd()
        self.libvirtd.domains['a'] = -1
        self.calls = calls.Calls(0)
        self.watch = self.made()
        self.connection = self.watch.connection
        self.libvirtd.asked()

    def path(self, name, shadow=False):
        return fast_path.FastPath(
            name, 'reduce_libvirt_calls', True, shadow=shadow)

    def made(self, shadow=False):
        self.raw = self.libvirtd.openAuth()
        self.second = second_connection.SecondConnection(
            self.libvirtd.openAuth, self.path('second'), self.calls)
        return watched.Watch(
            self.raw, lambda thing: thing, KINDS, self.calls,
            liveness=self.path('liveness', shadow),
            values=self.path('values', shadow), second=self.second)


class WatchedTest(TestCase):

    def test_it_passes_for_what_it_holds(self):
        self.assertIsInstance(self.connection, libvirt.virConnect)
        self.assertEqual(self.raw, self.connection)
        # As Nova compares what libvirt's close callback brings.
        self.assertIs(True, self.raw == self.connection)
        self.assertIs(False, self.libvirtd.openAuth() == self.connection)
        self.assertEqual(1, len({self.raw, self.connection}))
        self.assertEqual('connection 0', self.connection._o)
        self.assertEqual(repr(self.raw), repr(self.connection))
        self.assertRaises(
            AttributeError, getattr, self.connection, 'noSuchCall')
        self.assertFalse(hasattr(self.connection, '__no_such__'))

    def test_calls_are_counted_and_local_ones_are_not(self):
        before = figures.value('libvirt_call_seconds_count', call='state')
        all_before = figures.total('libvirt_call_seconds_count')
        domain = self.connection.lookupByUUIDString('a')
        domain.state()
        domain.UUIDString()
        domain.name()
        domain.ID()
        self.connection.isAlive()

        self.assertEqual(before + 1, figures.value(
            'libvirt_call_seconds_count', call='state'))
        self.assertEqual(
            all_before + 2, figures.total('libvirt_call_seconds_count'))

    def test_all_domains_that_come_are_watched(self):
        for domain in (
            self.connection.lookupByUUIDString('a'),
            self.connection.listAllDomains(0)[0],
            self.connection.getAllDomainStats(1, 0)[0][0],
        ):
            self.assertIsInstance(domain, watched.WatchedDomain)
            self.assertIsInstance(domain, libvirt.virDomain)

    def test_other_objects_are_watched(self):
        self.raw.nodeDeviceLookupByName = lambda name: Device()
        before = figures.value('libvirt_call_seconds_count', call='XMLDesc')
        device = self.connection.nodeDeviceLookupByName('pci')

        self.assertIsInstance(device, watched.Watched)
        self.assertEqual('pci', device.name())
        self.assertEqual('<device/>', device.XMLDesc(0))
        self.assertEqual(before + 1, figures.value(
            'libvirt_call_seconds_count', call='XMLDesc'))

    def test_what_is_replaced_on_it_is_used(self):
        with mock.patch.object(
                self.connection, 'listAllDomains', autospec=True,
                return_value=[]):
            self.assertEqual([], self.connection.listAllDomains())

        self.assertEqual(1, len(self.connection.listAllDomains()))

    def test_the_domain_is_named_where_a_call_is_slow(self):
        with mock.patch.object(
                self.calls, 'make', autospec=True,
                side_effect=self.calls.make) as make:
            self.connection.lookupByUUIDString('a').state()

        self.assertEqual(
            ['a', 'guest-a (a)'],
            [call.args[4] for call in make.mock_calls])


class Device(libvirt.virNodeDevice):

    def __init__(self):
        self._o = None

    def __del__(self):
        """There is nothing of libvirt's C code to free."""

    def name(self):
        return 'pci'

    def XMLDesc(self, flags):
        return '<device/>'


class ValuesTest(TestCase):

    def all_values(self, connection):
        return [connection.getLibVersion(), connection.getVersion(),
                connection.getType(), connection.getHostname(),
                connection.getInfo(), connection.getCPUMap()]

    def test_each_is_asked_once(self):
        first = self.all_values(self.connection)
        self.assertEqual(6, len(self.libvirtd.asked()))

        self.assertEqual(first, self.all_values(self.connection))
        self.assertEqual([], self.libvirtd.asked())
        self.assertEqual(9000000, first[0])

    def test_a_new_connection_asks_anew(self):
        self.all_values(self.connection)
        self.libvirtd.answers['getHostname'] = 'renamed'
        self.libvirtd.asked()

        values = self.all_values(self.made().connection)

        self.assertEqual('renamed', values[3])
        self.assertEqual(6, len(self.libvirtd.asked()))

    def test_a_dead_connection_knows_nothing(self):
        self.all_values(self.connection)
        self.libvirtd.die()

        self.assertRaises(libvirt.libvirtError, self.connection.getVersion)

    def test_with_arguments_it_is_asked(self):
        self.raw.getCPUMap = lambda flags=0: flags
        self.connection.getCPUMap()

        self.assertEqual(1, self.connection.getCPUMap(1))
        self.assertEqual(2, self.connection.getCPUMap(flags=2))

    def test_the_clock_of_the_cpus_is_of_now_with_their_statistics(self):
        """Nova's monitor reports the two together."""
        self.raw.getCPUStats = lambda cpu, flags: {'idle': 1}
        self.connection.getInfo()
        self.libvirtd.answers['getInfo'] = [
            'x86_64', 1024, 2, 800, 1, 1, 2, 1]

        self.connection.getCPUStats(-1, 0)

        self.assertEqual(800, self.connection.getInfo()[3])

    def test_an_error_is_libvirts(self):
        error = fake_libvirtd.error(libvirt.VIR_ERR_NO_SUPPORT)
        self.libvirtd.answers['getHostname'] = error

        self.assertIs(error, self.assertRaises(
            libvirt.libvirtError, self.connection.getHostname))
        self.assertEqual([(0, 'getHostname')], self.libvirtd.asked())

    def test_shadow_compares(self):
        connection = self.made(shadow=True).connection
        self.all_values(connection)
        self.assertEqual('', self.log.output)
        self.libvirtd.answers['getHostname'] = 'renamed'

        self.assertEqual('renamed', connection.getHostname())
        self.assertIn(
            "shadow: values gives 'one', Nova gives 'renamed'",
            self.log.output)


class LivenessTest(TestCase):

    def is_alive(self):
        return self.watch.is_alive(nova_host.Host._test_connection)

    def test_libvirtd_is_not_asked(self):
        self.assertIs(True, self.is_alive())
        self.assertEqual([], self.libvirtd.asked())

    def test_it_is_dead(self):
        self.libvirtd.die()

        self.assertIs(False, self.is_alive())

    def test_shadow_asks_too(self):
        self.watch = self.made(shadow=True)
        # What is remembered must not answer.
        self.watch.connection.getLibVersion()
        self.libvirtd.asked()

        self.assertIs(True, self.is_alive())
        self.assertEqual([(1, 'getLibVersion')], self.libvirtd.asked())
        self.libvirtd.die(seen=False)
        self.assertIs(False, self.is_alive())
        self.assertEqual('', self.log.output)

    def test_a_connection_of_a_test_is_asked_as_nova_does(self):
        self.watch.liveness = None

        self.assertIs(True, self.is_alive())
        self.assertEqual([(0, 'getLibVersion')], self.libvirtd.asked())


class LongCallsTest(TestCase):

    def test_a_boot(self):
        """What starts a guest goes over the second, the rest does not."""
        domain = self.connection.defineXML('b')
        domain.createWithFlags(0)
        self.watch.seen['b'] = fake_libvirtd.Domain(self.raw, 'b')
        domain.state()
        domain.state()

        self.assertEqual([
            (1, 'defineXML'), (1, 'createWithFlags'), (0, 'state'),
            (0, 'state')], self.libvirtd.asked())

    def test_a_domain_whose_event_comes_late_is_not_looked_up(self):
        domain = self.connection.defineXML('b')
        domain.state()
        self.assertFalse(domain.is_novas())
        self.watch.seen['b'] = fake_libvirtd.Domain(self.raw, 'b')
        domain.state()

        self.assertTrue(domain.is_novas())
        self.assertEqual([
            (1, 'defineXML'), (1, 'state'), (0, 'state')],
            self.libvirtd.asked())

    def test_a_delete(self):
        for _ in range(2):
            domain = self.connection.lookupByUUIDString('a')
            domain.destroy()
        domain.undefineFlags(0)

        self.assertEqual([
            (0, 'lookupByUUIDString'), (1, 'lookupByUUIDString'),
            (1, 'destroy'), (0, 'lookupByUUIDString'), (1, 'destroy'),
            (0, 'undefineFlags')], self.libvirtd.asked())

    def test_what_is_undefined_is_forgotten(self):
        domain = self.connection.lookupByUUIDString('a')
        self.watch.seen['a'] = 'seen'
        domain.destroy()
        domain.undefineFlags(0)

        self.assertEqual({}, self.watch.seen)
        self.assertIsNone(self.second.domain('a'))

    def test_libvirts_c_code_gets_the_one_of_novas_connection(self):
        self.assertEqual(
            'b of connection 0', self.connection.defineXML('b')._o)

    def test_the_id_is_that_of_the_start(self):
        domain = self.connection.lookupByUUIDString('a')
        self.assertEqual(-1, domain.ID())
        domain.createWithFlags(0)
        domain.state()

        self.assertEqual(7, domain.ID())

    def test_nova_starts_a_guest(self):
        guest = libvirt_guest.Guest(self.connection.defineXML('b'))
        guest.launch()

        self.assertEqual(7, guest.id)
        self.assertEqual('guest-b', guest.name)

    def test_no_domain(self):
        """The error is the one of Nova's own connection."""
        domain = self.connection.lookupByUUIDString('a')
        self.libvirtd.domains.clear()
        self.libvirtd.answers['destroy'] = fake_libvirtd.error(
            libvirt.VIR_ERR_NO_DOMAIN)

        error = self.assertRaises(libvirt.libvirtError, domain.destroy)

        self.assertEqual(libvirt.VIR_ERR_NO_DOMAIN, error.get_error_code())
        self.assertEqual((0, 'destroy'), self.libvirtd.asked()[-1])

    def test_an_error_of_a_long_call_is_as_it_is(self):
        domain = self.connection.lookupByUUIDString('a')
        error = fake_libvirtd.error(libvirt.VIR_ERR_OPERATION_INVALID)
        self.libvirtd.answers['destroy'] = error

        self.assertIs(error, self.assertRaises(
            libvirt.libvirtError, domain.destroy))
        self.assertEqual(1, self.made_calls('destroy'))

    def made_calls(self, name):
        return sum(call == name for _, call in self.libvirtd.asked())

    def test_a_second_that_cannot_be_had(self):
        with mock.patch.object(
                self.second, '_connect', autospec=True,
                side_effect=fake_libvirtd.broken()):
            domain = self.connection.defineXML('b')
            domain.createWithFlags(0)

        self.assertEqual(
            [(0, 'defineXML'), (0, 'createWithFlags')],
            self.libvirtd.asked())

    def test_a_second_that_was_lost(self):
        domain = self.connection.lookupByUUIDString('a')
        domain.destroy()
        self.libvirtd.connections[1].is_alive = False
        self.libvirtd.asked()

        domain.destroy()

        self.assertEqual(
            [(2, 'lookupByUUIDString'), (2, 'destroy')],
            self.libvirtd.asked())

    def test_without_a_second(self):
        self.watch.second = None
        domain = self.connection.defineXML('b')
        domain.createWithFlags(0)
        domain.undefineFlags(0)

        self.assertEqual({(0, name) for name in (
            'defineXML', 'createWithFlags', 'undefineFlags')},
            set(self.libvirtd.asked()))


class BrokenTest(TestCase):
    """libvirtd was started anew, and the library has not seen it yet."""

    def setUp(self):
        super().setUp()
        self.domain = self.connection.lookupByUUIDString('a')
        self.after = self.made()
        self.watch.reconnect = mock.Mock(
            return_value=self.after.connection)
        self.libvirtd.connections[0].is_up = False
        self.libvirtd.asked()

    def test_what_only_asks_is_asked_again(self):
        self.assertEqual(['a'], [
            domain.UUIDString()
            for domain in self.connection.listAllDomains()])
        self.assertEqual([1, 1], self.domain.state())

        self.assertEqual([
            (0, 'listAllDomains'), (1, 'listAllDomains'), (0, 'state'),
            (1, 'lookupByUUIDString'), (1, 'state')], self.libvirtd.asked())

    def test_a_value_is_asked_again(self):
        self.assertEqual(7002000, self.connection.getVersion())

    def test_what_changes_something_is_not_done_again(self):
        self.watch.second = None

        self.assertRaises(libvirt.libvirtError, self.domain.destroy)
        self.assertRaises(
            libvirt.libvirtError, self.connection.defineXML, 'b')
        self.assertEqual(
            [(0, 'destroy'), (0, 'defineXML')], self.libvirtd.asked())

    def test_it_is_asked_again_once(self):
        self.raw.is_up = False
        self.after.reconnect = mock.Mock(
            return_value=self.made().connection)

        self.assertRaises(
            libvirt.libvirtError, self.connection.listAllDomains)
        self.assertEqual(2, len(self.libvirtd.asked()))

    def test_other_errors_are_as_they_are(self):
        self.libvirtd.connections[0].is_up = True
        self.libvirtd.answers['state'] = fake_libvirtd.error(
            libvirt.VIR_ERR_INTERNAL_ERROR)

        self.assertRaises(libvirt.libvirtError, self.domain.state)
        self.assertEqual([(0, 'state')], self.libvirtd.asked())

    def test_none_comes_while_the_connection_is_made(self):
        self.watch.reconnect = None

        self.assertRaises(
            libvirt.libvirtError, self.connection.listAllDomains)

    def test_the_same_connection_is_not_asked_again(self):
        self.watch.reconnect.return_value = self.connection

        self.assertRaises(libvirt.libvirtError, self.domain.state)
        self.assertEqual([(0, 'state')], self.libvirtd.asked())


class RawTest(TestCase):

    def test_only_a_connection_to_a_libvirtd_is_real(self):
        connection = self.libvirtd.openAuth()

        self.assertTrue(watched.is_real(connection))
        self.assertFalse(watched.is_real(mock.Mock()))
        with mock.patch.object(
                nova_host, 'libvirt', mock.Mock(__name__='of a test')):
            self.assertFalse(watched.is_real(connection))
