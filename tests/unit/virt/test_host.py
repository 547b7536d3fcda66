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

import threading
from unittest import mock

import fixtures
import libvirt
from nova import exception
import nova.conf
from nova.virt import event as virtevent
from nova.virt.libvirt import event as libvirtevent
from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.compat import concurrency
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import connection as watched
from nova_numa_ext.virt import host
from tests.unit.virt import fake_libvirtd
from tools.demo import processes

CONF = nova.conf.CONF
UUID = '7a7b8a0f-1c51-4b5b-8c0b-3c8f6f3b6f11'


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        opts.register_opts(CONF)
        self.addCleanup(CONF.clear)
        self.log = self.useFixture(fixtures.FakeLogger())
        self.libvirtd = fake_libvirtd.Libvirtd()
        self.handled = []
        self.host = self.made()

    def made(self):
        adopted = host.NumaHost.adopt(nova_host.Host(
            'qemu:///system', lifecycle_event_handler=self.handled.append))
        adopted._libvirt_proxy = adopted._wrap_libvirt_proxy(self.libvirtd)
        return adopted

    def spawn_later(self):
        """Have handlers of events wait until ``run_all`` is called."""
        self.waiting = []
        self.host._events = host.event_queue.EventQueue(self.waiting.append)

    def run_all(self):
        while self.waiting:
            self.waiting.pop()()


class AdoptTest(TestCase):

    def test_adopt(self):
        novas = nova_host.Host('qemu:///system')

        self.assertIs(novas, host.NumaHost.adopt(novas))
        self.assertIsInstance(novas, host.NumaHost)

    def test_an_unknown_nova_keeps_its_own(self):
        novas = nova_host.Host('qemu:///system')
        with mock.patch.object(
                nova_host.Host, '_get_new_connection',
                lambda self, something_new: None):
            adopted = host.NumaHost.adopt(novas)

        self.assertIs(novas, adopted)
        self.assertIs(nova_host.Host, type(adopted))
        self.assertEqual(
            '[numa_ext] reduce_libvirt_calls is without effect: this Nova is '
            'not known to it (Host._get_new_connection). Nova does it in its '
            'own way.\n', self.log.output)


class ConnectionTest(TestCase):

    def test_each_new_connection_is_shown(self):
        shown = []
        self.host.on_connected(shown.append)

        first = self.host.get_connection()
        self.host.get_connection()
        self.assertEqual([first], shown)
        self.libvirtd.die()
        second = self.host.get_connection()
        self.assertEqual([first, second], shown)
        self.assertIsInstance(second, watched.WatchedConnection)

    def test_events_are_registered_before_it_is_shown(self):
        self.host.on_connected(
            lambda connection: connection.listAllDomains())

        self.host.get_connection()

        self.assertEqual([
            *3 * ['domainEventRegisterAny'], 'registerCloseCallback',
            *3 * ['domainEventRegisterAny'], 'listAllDomains',
        ], [name for _, name in self.libvirtd.asked()])

    def test_two_at_once_get_the_same(self):
        lock = self.host._wrapped_conn_lock = fake_libvirtd.SeenLock()
        got = []
        other = threading.Thread(
            target=lambda: got.append(self.host.get_connection()))
        connect = self.libvirtd.openAuth

        def wait_for_other(*args):
            # On this thread, or on a native one.
            processes.wait_for(
                'the other', lambda: lock.is_waited_for, 60)
            return connect(*args)

        with mock.patch.object(self.libvirtd, 'openAuth', wait_for_other):
            other.start()
            mine = self.host.get_connection()
            other.join()

        self.assertEqual([mine], got)
        self.assertEqual(1, len(self.libvirtd.connections))
        self.assertEqual(6, [name for _, name in self.libvirtd.asked()].count(
            'domainEventRegisterAny'))

    def test_no_ping(self):
        self.host.get_connection()
        self.libvirtd.asked()

        for _ in range(5):
            self.assertTrue(self.host.has_min_version((8, 0, 0), (7, 0, 0)))

        self.assertEqual(
            [(0, 'getLibVersion'), (0, 'getVersion')], self.libvirtd.asked())

    def test_libvirtd_was_started_anew(self):
        self.host.get_connection().defineXML(UUID)
        self.assertEqual('one', self.host.get_connection().getHostname())
        self.libvirtd.answers['getHostname'] = 'two'
        self.libvirtd.die()

        self.assertEqual('two', self.host.get_connection().getHostname())
        # The second is made when it is needed.
        self.assertEqual(3, len(self.libvirtd.connections))
        self.host.get_connection().defineXML(UUID)
        self.assertEqual((3, 'defineXML'), self.libvirtd.asked()[-1])

    def test_libvirtd_was_started_anew_and_nobody_saw_it(self):
        connection = self.host.get_connection()
        self.libvirtd.domains[UUID] = 1
        domain = connection.lookupByUUIDString(UUID)
        self.libvirtd.die(seen=False)

        self.assertEqual(
            UUID, connection.listAllDomains()[0].UUIDString())
        self.assertEqual([1, 1], domain.state())
        self.assertEqual(1, len(self.host.list_instance_domains()))

    def test_the_second_of_a_lost_connection_is_let_go(self):
        self.host.get_connection().defineXML(UUID)
        watch = self.host._watch
        self.libvirtd.die()

        self.host.get_connection()

        self.assertIsNone(watch.second._current)

    def test_a_broken_connection_while_it_is_made(self):
        """It must end, and not wait for the lock that Nova holds."""
        self.host.on_connected(
            lambda connection: connection.listAllDomains())
        self.libvirtd.answers['listAllDomains'] = fake_libvirtd.broken()

        with mock.patch.object(nova_host, 'rpc', autospec=True), \
                mock.patch.object(
                    nova_host.compute_utils,
                    'notify_about_libvirt_connect_error', autospec=True):
            self.assertRaises(
                exception.HypervisorUnavailable, self.host.get_connection)

    def close(self, connection):
        """Have libvirt say that a connection was closed, and Nova see it."""
        if hasattr(self.host, '_connection_closed'):
            self.host._connection_closed(connection, False, '')
            return
        # Before Nova 33 it comes by a queue.
        self.host._init_events_pipe()
        self.host._close_callback(connection, 0, None)
        self.host._dispatch_events()

    def test_novas_close_callback_knows_it(self):
        connection = self.host.get_connection()
        self.close(self.libvirtd.connections[0])

        self.assertIsNot(connection, self.host.get_connection())

    def test_a_test_of_the_connection_finds_that_it_was_closed(self):
        """libvirt says so to that thread, which has Nova's lock."""
        if not hasattr(self.host, '_connection_closed'):
            self.skipTest('before Nova 33 another thread is told')
        first = self.host.get_connection()
        self.host._watch.liveness = None

        def get_lib_version(connection):
            if not connection.is_up:
                self.close(connection)
                raise fake_libvirtd.broken()
            return 9000000

        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.virt.fake_libvirtd.Connection.getLibVersion',
            get_lib_version))
        self.libvirtd.die()
        found = []
        thread = threading.Thread(
            target=lambda: found.append(self.host.get_connection()),
            daemon=True)
        thread.start()
        thread.join(10)

        self.assertEqual(1, len(found))
        self.assertIsNot(first, found[0])

    def test_another_connection_was_closed(self):
        connection = self.host.get_connection()
        self.close(self.libvirtd.openAuth())

        self.assertIs(connection, self.host.get_connection())

    def test_domains_are_wrapped_once(self):
        self.libvirtd.domains[UUID] = 1

        for domain in (
            *self.host.list_instance_domains(),
            *self.host.get_connection().listAllDomains(),
        ):
            domain = getattr(domain, '_domain', domain)
            self.assertIs(watched.WatchedDomain, type(domain))
            self.assertIs(
                self.libvirtd.connections[0], watched.raw(domain).connect())

    def test_under_eventlet_the_calls_are_made_from_its_threads(self):
        if concurrency.is_threading():
            self.skipTest('Nova is not under eventlet here')
        made_on = []
        connection = self.host.get_connection()
        self.libvirtd.domains[UUID] = 1
        native = concurrency.eventlet().patcher.original('threading')
        raw = self.libvirtd.connections[0]
        ask = fake_libvirtd.Domain.state

        def state(domain):
            made_on.append(native.get_ident())
            return ask(domain)

        with mock.patch.object(fake_libvirtd.Domain, 'state', state):
            for domain in (
                connection.lookupByUUIDString(UUID),
                connection.listAllDomains()[0],
                connection.getAllDomainStats()[0][0],
                *self.host.list_instance_domains(),
            ):
                domain.state()
            domain = connection.defineXML(UUID)
            self.host._watch.seen[UUID] = fake_libvirtd.Domain(raw, UUID)
            domain.state()

        self.assertEqual(5, len(made_on))
        self.assertNotIn(native.get_ident(), made_on)


class EventsTest(TestCase):

    @property
    def queue(self):
        # Before Nova 33 the host has it.
        return getattr(self.host, '_event_handler', self.host)

    def event(self, number, detail=0, connection=None):
        """Have libvirt send a life-cycle event."""
        if connection is None:
            self.host.get_connection()
            connection = self.libvirtd.connections[0]
        self.libvirtd.domains.setdefault(UUID, 7)
        self.host._event_lifecycle_callback(
            connection, fake_libvirtd.Domain(connection, UUID), number,
            detail, self.host)

    def test_they_are_shown_before_nova_has_them(self):
        seen = []
        self.host.on_lifecycle(lambda *event: seen.append(event))
        with mock.patch.object(
                self.queue, '_queue_event', autospec=True,
                side_effect=seen.append):
            self.event(libvirt.VIR_DOMAIN_EVENT_STARTED, 1)

        self.assertEqual(
            (UUID, libvirt.VIR_DOMAIN_EVENT_STARTED, 1), seen[0])
        self.assertEqual(UUID, seen[1].uuid)

    def test_nova_has_them_where_the_one_before_it_fails(self):
        self.host.on_lifecycle(mock.Mock(side_effect=KeyError))
        with mock.patch.object(
                self.queue, '_queue_event',
                autospec=True) as novas:
            self.assertRaises(
                KeyError, self.event, libvirt.VIR_DOMAIN_EVENT_STARTED)

        novas.assert_called_once()

    def test_a_removed_device_is_shown_before_nova_has_it(self):
        seen = []
        self.host.on_device_removed(seen.append)
        connection = self.libvirtd.openAuth()
        self.libvirtd.domains[UUID] = 7
        with mock.patch.object(
                self.queue, '_queue_event', autospec=True,
                side_effect=seen.append):
            self.host._event_device_removed_callback(
                connection, fake_libvirtd.Domain(connection, UUID), 'vdb',
                self.host)

        self.assertEqual(UUID, seen[0])
        self.assertEqual((UUID, 'vdb'), (seen[1].uuid, seen[1].dev))

    def test_the_domain_that_comes_with_one_saves_a_lookup(self):
        self.spawn_later()
        domain = self.host.get_connection().defineXML(UUID)
        self.event(libvirt.VIR_DOMAIN_EVENT_DEFINED)
        self.libvirtd.asked()

        domain.state()

        self.assertEqual([(0, 'state')], self.libvirtd.asked())

    def test_an_undefined_domain_is_forgotten(self):
        self.event(libvirt.VIR_DOMAIN_EVENT_DEFINED)
        self.event(libvirt.VIR_DOMAIN_EVENT_UNDEFINED)

        self.assertEqual({}, self.host._watch.seen)

    def test_one_of_an_older_connection(self):
        old = self.libvirtd.openAuth()
        self.host.get_connection()
        self.event(libvirt.VIR_DOMAIN_EVENT_DEFINED, connection=old)

        self.assertEqual({}, self.host._watch.seen)

    def test_one_before_there_is_a_connection(self):
        self.event(libvirt.VIR_DOMAIN_EVENT_DEFINED,
                   connection=self.libvirtd.openAuth())

    def test_under_eventlet_novas_own_thread_handles_them(self):
        if concurrency.is_threading():
            self.skipTest('Nova is not under eventlet here')
        event = virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_STARTED)

        self.host._event_emit(event)

        self.assertEqual([event], self.handled)


class HandOverTest(TestCase):
    """Life-cycle events, where no eventlet takes them from their thread."""

    def setUp(self):
        super().setUp()
        if not concurrency.is_threading():
            self.skipTest('under eventlet Nova handles events elsewhere')
        self.spawn_later()
        self.stopped = virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_STOPPED)
        self.started = virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_STARTED)
        self.resumed = virtevent.LifecycleEvent(
            UUID, virtevent.EVENT_LIFECYCLE_RESUMED)

    def queue(self, *events):
        for event in events:
            # What libvirt's event thread calls.
            self.host._event_handler._queue_event(event)

    def test_novas_handler_runs_elsewhere_and_in_order(self):
        self.queue(self.started, self.resumed)
        self.assertEqual([], self.handled)

        self.run_all()
        self.assertEqual([self.started, self.resumed], self.handled)

    def test_a_handler_that_waits_keeps_nobody(self):
        self.host = self.made()
        release = threading.Event()
        self.addCleanup(release.set)
        done = threading.Event()

        def handler(event):
            if event is self.started:
                release.wait(60)
            else:
                done.set()

        self.host._lifecycle_event_handler = handler
        other = virtevent.LifecycleEvent(
            'of another', virtevent.EVENT_LIFECYCLE_STARTED)

        self.queue(self.started, other)

        self.assertTrue(done.wait(60))

    def test_a_stop_waits_for_a_start_as_in_nova(self):
        self.host._delayed_executor = mock.Mock()
        future = self.host._delayed_executor.submit_with_delay.return_value

        self.queue(self.stopped, self.started)
        self.run_all()

        future.cancel.assert_called_once_with()
        self.assertEqual([self.started], self.handled)

    def test_others_are_handled_at_once(self):
        """A detach waits for its event, and no RPC is made for it."""
        removed = libvirtevent.DeviceRemovedEvent(UUID, 'vdb')

        self.queue(self.started, removed)

        self.assertEqual([removed], self.handled)

    def test_without_a_thread_it_is_handled_as_nova_does(self):
        self.host._events = host.event_queue.EventQueue(
            mock.Mock(side_effect=RuntimeError('shut down')))

        self.queue(self.started)

        self.assertEqual([self.started], self.handled)
