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

"""Nova's connection to a real libvirtd, and ours: what reaches libvirtd.

libvirtd's own log says what it was asked.
"""

import collections
import functools
import pathlib
import re
import stat
import textwrap
import threading
from unittest import mock
import uuid

import fixtures
import libvirt
from nova import exception
from nova import thread_pool_factory
from nova import utils
import nova.conf
from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.conf import opts
from nova_numa_ext.virt import host
from tests.e2e import libvirt_fixture
from tools.demo import processes

CONF = nova.conf.CONF
DelayedExecutor = (
    thread_pool_factory.StaticallyDelayingCancellableTaskExecutorWrapper)

LOG_CALLS = """
log_filters = "1:rpc.netserverprogram"
log_outputs = "1:file:/var/log/libvirt/calls.log"
"""
# libvirt's remote_protocol.h
CALLS = {
    1: 'connectOpen', 4: 'getVersion', 6: 'getInfo', 11: 'defineXML',
    12: 'destroy', 24: 'lookupByUUID', 35: 'undefine', 59: 'getHostname',
    60: 'supportsFeature', 66: 'authList', 157: 'getLibVersion',
    196: 'createWithFlags', 212: 'state', 273: 'listAllDomains',
    293: 'getCPUMap', 316: 'domainEventRegisterAny',
    344: 'getAllDomainStats', 360: 'registerCloseCallback',
}
CALL = re.compile(
    r'prog=536903814 ver=1 type=0 status=0 serial=\d+ proc=(\d+)')
#: libvirtd's max_client_requests, where it is not set.
AT_ONCE = 5
LONG = 300


@functools.lru_cache(maxsize=None)
def run_events():
    """Have libvirt's events come, as Nova does; once in a process."""
    nova_host.Host('test:///default')._event_handler.start()


def guest(name, emulator='/usr/bin/qemu-system-x86_64'):
    """Return a guest that does nothing, and its UUID."""
    its = str(uuid.uuid4())
    return its, textwrap.dedent(f"""\
        <domain type="qemu">
          <name>{name}</name>
          <uuid>{its}</uuid>
          <memory unit="MiB">16</memory>
          <os><type arch="x86_64" machine="pc">hvm</type></os>
          <devices><emulator>{emulator}</emulator></devices>
        </domain>""")


class TestCase(testtools.TestCase):

    settings = ''

    def setUp(self):
        super().setUp()
        opts.register_opts(CONF)
        self.addCleanup(CONF.clear)
        self.log = self.useFixture(fixtures.FakeLogger())
        run_events()
        self.libvirtd = self.useFixture(
            libvirt_fixture.Libvirtd(self.settings))
        self.handled = []

    def novas(self):
        made = nova_host.Host(
            self.libvirtd.uri, lifecycle_event_handler=self.handled.append)
        # Where Nova has a stop wait for a start.
        made._delayed_executor = mock.create_autospec(
            DelayedExecutor, instance=True)
        return made

    def ours(self):
        return host.NumaHost.adopt(self.novas())

    def wait_for(self, what, condition):
        return processes.wait_for(what, condition, LONG)

    def in_thread(self, call):
        """Return a list that has what a call returned when it has."""
        returned = []
        thread = threading.Thread(
            target=lambda: returned.append(call()), daemon=True)
        thread.start()
        return returned


class CountsTest(TestCase):

    settings = LOG_CALLS

    def setUp(self):
        super().setUp()
        self.asked()

    def asked(self):
        """Return what libvirtd was asked since the last time."""
        log = self.libvirtd.log / 'calls.log'
        numbers = CALL.findall(log.read_text())
        seen, self.seen = getattr(self, 'seen', 0), len(numbers)
        return [CALLS.get(int(number), int(number))
                for number in numbers[seen:]]

    def ask_of_the_host(self, of):
        of.has_min_version((8, 0, 0), (5, 2, 0))
        return (of.get_hostname(), of.get_version(), of.get_driver_type(),
                of.get_online_cpus(), of.get_memory_mb_total())

    def test_what_is_asked_of_the_host(self):
        novas, ours = self.novas(), self.ours()
        answers = self.ask_of_the_host(novas)
        self.asked()
        self.ask_of_the_host(novas)
        self.assertEqual(
            {'getLibVersion': 7, 'getVersion': 2, 'getHostname': 1,
             'getCPUMap': 1, 'getInfo': 1},
            collections.Counter(self.asked()))

        self.assertEqual(answers, self.ask_of_the_host(ours))
        self.asked()
        self.assertEqual(answers, self.ask_of_the_host(ours))
        self.assertEqual([], self.asked())

    def test_a_guest_is_started_and_deleted(self):
        ours = self.ours()
        connection = ours.get_connection()
        # The second connection is made for the first guest.
        connection.defineXML(guest('first')[1]).undefine()
        its, xml = guest('second')
        self.asked()

        started = ours.write_instance_config(xml)
        started.launch()
        # libvirt's events come on their own time.
        self.wait_for('the event', lambda: its in ours._watch.seen)
        self.assertEqual(
            libvirt.VIR_DOMAIN_RUNNING, started._domain.state()[0])
        self.assertEqual(
            ['defineXML', 'createWithFlags', 'state'], self.asked())

        started.poweroff()
        started._domain.undefine()
        self.assertEqual(['destroy', 'undefine'], self.asked())

    def test_a_guest_from_before_is_deleted(self):
        its, xml = guest('of another process')
        self.libvirtd.connection.defineXML(xml).create()
        ours = self.ours()
        connection = ours.get_connection()
        connection.defineXML(guest('first')[1]).undefine()
        self.asked()

        domain = connection.lookupByUUIDString(its)
        domain.destroy()
        domain.undefine()

        self.assertEqual(
            ['lookupByUUID', 'lookupByUUID', 'destroy', 'undefine'],
            self.asked())

    def test_libvirtd_was_started_anew(self):
        ours = self.ours()
        answers = self.ask_of_the_host(ours)
        self.libvirtd.kill()
        self.libvirtd.start()
        self.asked()

        self.assertEqual(answers, self.ask_of_the_host(ours))

        asked = collections.Counter(self.asked())
        self.assertEqual(
            [1, 1, 1, 1],
            [asked[call] for call in (
                'getVersion', 'getHostname', 'getCPUMap', 'getInfo')])


class RestartTest(TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.ours()
        self.connection = self.host.get_connection()
        self.uuid, xml = guest('standing')
        self.domain = self.connection.defineXML(xml)
        self.domain.create()

    def assert_stands(self, domain):
        self.assertEqual(libvirt.VIR_DOMAIN_RUNNING, domain.state()[0])

    def test_libvirtd_is_down(self):
        self.libvirtd.kill()

        with mock.patch.object(nova_host, 'rpc', autospec=True), \
                mock.patch.object(
                    nova_host.compute_utils,
                    'notify_about_libvirt_connect_error', autospec=True), \
                testtools.ExpectedException(exception.HypervisorUnavailable):
            self.host.get_connection()

        self.libvirtd.start()
        self.assert_stands(
            self.host.get_connection().lookupByUUIDString(self.uuid))

    def test_libvirtd_was_started_anew(self):
        self.libvirtd.kill()
        self.libvirtd.start()

        connection = self.host.get_connection()
        self.assertIsNot(self.connection, connection)
        domain = connection.lookupByUUIDString(self.uuid)
        self.assert_stands(domain)
        self.libvirtd.destroy(domain)
        self.assertEqual(libvirt.VIR_DOMAIN_SHUTOFF, domain.state()[0])

    def test_libvirtd_was_started_anew_and_nobody_saw_it(self):
        """libvirt's event thread has other things to do."""
        native = (
            threading if utils.concurrency_mode_threading()
            else utils.get_eventlet().patcher.original('threading'))
        release, stuck = native.Event(), native.Event()
        self.addCleanup(release.set)

        def wait(*event):
            stuck.set()
            release.wait(LONG)

        self.host.on_lifecycle(wait)
        self.libvirtd.connection.defineXML(guest('any')[1])
        self.assertTrue(stuck.wait(LONG))
        self.libvirtd.kill()
        self.libvirtd.start()
        self.assertTrue(self.connection.isAlive())

        self.assertEqual(
            {'any', 'standing'},
            {domain.name() for domain in self.connection.listAllDomains()})
        self.assert_stands(self.domain)
        self.assertIsNot(self.connection, self.host.get_connection())


class ShortCallsTest(TestCase):
    """While guests are started, and each takes its time."""

    def setUp(self):
        super().setUp()
        # QEMU runs as another user, and what is asked of it first is what it
        # can do.
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.folder.chmod(0o777)
        emulator = self.folder / 'qemu'
        emulator.write_text(textwrap.dedent(f"""\
            #!/bin/sh
            case "$*" in
            *guest=*)
                touch {self.folder}/waits-$$
                while [ -e {self.folder}/hold ]; do sleep 0.2; done
                ;;
            esac
            exec /usr/bin/qemu-system-x86_64 "$@"
            """))
        emulator.chmod(emulator.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP
                       | stat.S_IXOTH)
        self.emulator = emulator
        self.hold = self.folder / 'hold'
        self.addCleanup(self.hold.unlink, missing_ok=True)

    def start_guests(self, connection, number):
        """Return a list that has an item for each guest that is started."""
        domains = [connection.defineXML(guest(
            f'guest-{at}', self.emulator)[1]) for at in range(number)]
        self.hold.touch()
        started = [self.in_thread(functools.partial(
            domain.createWithFlags, 0)) for domain in domains]
        self.wait_for('the guests', lambda: len(
            list(self.folder.glob('waits-*'))) == AT_ONCE)
        return started

    def release(self, started):
        self.hold.unlink()
        self.wait_for('the guests', lambda: all(started))

    def ask_over_another(self):
        for _ in range(50):
            self.libvirtd.connection.getAllDomainStats(
                libvirt.VIR_DOMAIN_STATS_STATE, 0)

    def test_ours_answers(self):
        CONF.set_override('slow_call_seconds', 0.001, 'numa_ext')
        connection = self.ours().get_connection()
        started = self.start_guests(connection, 10)

        for _ in range(50):
            self.assertEqual(10, len(connection.getAllDomainStats(
                libvirt.VIR_DOMAIN_STATS_STATE, 0)))
        self.assertEqual(10 * [[]], started)

        self.assertRegex(
            self.log.output,
            r'libvirt: createWithFlags of guest-3 \(.*\), called by '
            r'\S+, has no answer after')
        self.release(started)

    def test_novas_waits(self):
        """So that it is known that this test would find a call that waits."""
        connection = self.novas().get_connection()
        started = self.start_guests(connection, 10)
        short = self.in_thread(lambda: connection.getAllDomainStats(
            libvirt.VIR_DOMAIN_STATS_STATE, 0))

        self.ask_over_another()
        self.assertEqual([], short)

        self.release(started)
        self.wait_for('the short call', lambda: short)


class EventsTest(TestCase):

    def test_a_handler_that_waits_keeps_no_other_guest(self):
        if not utils.concurrency_mode_threading():
            self.skipTest('under eventlet Nova handles events elsewhere')
        release = threading.Event()
        self.addCleanup(release.set)
        handled = []
        ours = self.ours()
        its, xml = guest('slow')

        def handler(event):
            handled.append((event.uuid, threading.get_ident()))
            if event.uuid == its:
                release.wait(LONG)

        ours._lifecycle_event_handler = handler
        seen_on = []
        ours.on_lifecycle(
            lambda *event: seen_on.append(threading.get_ident()))
        connection = ours.get_connection()

        connection.defineXML(xml).create()
        self.wait_for('the event', lambda: handled)
        others, xml = guest('other')
        connection.defineXML(xml).create()

        self.wait_for('the other event', lambda: others in [
            uuid for uuid, thread in handled])
        self.assertTrue(
            {thread for uuid, thread in handled}.isdisjoint(seen_on))
