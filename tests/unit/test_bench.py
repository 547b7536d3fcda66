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

"""The benchmark's counting, and the tables made of it."""

import json
import os
import pathlib
import threading
import types

import fixtures
from lxml import etree
from oslo_concurrency import lockutils
import testtools

from tools.bench import bars
from tools.bench import chart
from tools.bench import figures
from tools.bench import image
from tools.bench import instrument
from tools.bench import report
from tools.bench import rounds

UUID = '5c978e2e-ec9e-4159-b338-9ecde204aefe'


def saved(**data):
    return {'method': 'object_action', 'args': {
        'objmethod': 'save', 'objinst': {
            'nova_object.name': 'Instance',
            'nova_object.data': {'uuid': UUID, **data},
            'nova_object.changes': list(data)}}}


class InstrumentTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.recorder = instrument.Recorder()

    def drained(self):
        return [(kind, name, event, more) for
                kind, name, _start, _end, event, more in self.recorder.drain()]

    def test_libvirt(self):
        module = types.SimpleNamespace(**{
            name: lambda *args, name=name: (name, *args)
            for name in ('virDomainGetState', 'virDomainGetVcpus',
                         'virConnectGetType', 'virConnectIsAlive',
                         'virDomainGetUUIDString', 'virEventRunDefaultImpl',
                         'virNodeGetFreeMemory')})
        instrument.wrap_libvirt(module, self.recorder)
        one, other = object(), object()

        self.assertEqual(
            ('virDomainGetState', one, 0), module.virDomainGetState(one, 0))
        module.virDomainGetVcpus(one)
        for connection in (one, one, other):
            module.virConnectGetType(connection)
        module.virConnectIsAlive(one)
        module.virDomainGetUUIDString(one)
        module.virEventRunDefaultImpl()
        module.virNodeGetFreeMemory(one)

        self.assertEqual(
            [('libvirt', 'virDomainGetState', False, 1),
             ('libvirt', 'virDomainGetVcpus', False, 3),
             ('libvirt', 'virConnectGetType', False, 1),
             ('libvirt', 'virConnectGetType', False, 1),
             ('libvirt', 'virNodeGetFreeMemory', False, 1)],
            self.drained())

    def test_libvirt_refuses(self):
        def refuse():
            raise RuntimeError('no domain')

        module = types.SimpleNamespace(virDomainCreate=refuse)
        instrument.wrap_libvirt(module, self.recorder)

        self.assertRaises(RuntimeError, module.virDomainCreate)
        self.assertEqual(1, len(self.drained()))

    def test_messages(self):
        sent = []

        class Transport:
            def _send(self, target, ctxt, message, retry=None):
                sent.append((target, message, retry))

        instrument.wrap_rpc(Transport, self.recorder)
        transport = Transport()
        gone = saved()
        gone['args']['objmethod'] = 'destroy'
        action = {'method': 'object_class_action_versions', 'args': {
            'objname': 'Service', 'objmethod': 'get_by_compute_host'}}
        with self.recorder.event():
            transport._send('conductor', None, saved(power_state=1), retry=2)
        for message in (saved(vm_state='active'), saved(vm_state='building'),
                        gone, action, {'method': 'ping', 'args': {}}):
            transport._send('conductor', None, message)

        self.assertEqual(('conductor', saved(power_state=1), 2), sent[0])
        self.assertEqual(
            [('rpc', 'Instance.save', True, None),
             ('rpc', 'Instance.save', False, ('active', UUID)),
             ('rpc', 'Instance.save', False, None),
             ('rpc', 'Instance.destroy', False, ('gone', UUID)),
             ('rpc', 'Service.get_by_compute_host', False, None),
             ('rpc', 'ping', False, None)],
            self.drained())

    def test_placement(self):
        class Session:
            def request(self, url, method, **kwargs):
                return url

        instrument.wrap_placement(Session, self.recorder)
        for service in ('placement', 'image'):
            self.assertEqual(f'/allocations/{UUID}?x=1', Session().request(
                f'/allocations/{UUID}?x=1', 'GET',
                endpoint_filter={'service_type': service}))
        Session().request('/v3', 'GET')

        self.assertEqual(
            [('placement', 'GET /allocations/{}', False, None)],
            self.drained())

    def test_lock(self):
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_concurrency.lockutils.internal_fair_lock',
            lockutils.internal_fair_lock))
        instrument.wrap_lock(lockutils, self.recorder)
        held, asked = threading.Event(), threading.Event()

        def wait():
            held.wait()
            asked.set()
            with lockutils.lock('compute_resources', fair=True):
                pass

        thread = threading.Thread(target=wait)
        thread.start()
        with lockutils.lock('compute_resources', fair=True):
            held.set()
            asked.wait()
            # Of the same thread, again: it has it.
            with lockutils.lock('compute_resources', fair=True):
                pass
            with lockutils.lock('another', fair=True):
                pass
        thread.join()

        one, other = (figures.Record(*each) for each in self.recorder.drain())
        for record in (one, other):
            self.assertEqual('compute_resources', record.name)
            self.assertTrue(record.start <= record.more <= record.end)
        # The second had it when the first had given it back.
        self.assertLessEqual(one.end, other.more)


def record(kind, name, start=0.0, end=0.0, event=False, more=None):
    return figures.Record(kind, name, start, end, event, more)


class FiguresTest(testtools.TestCase):

    def test_counts(self):
        found = figures.counts([
            record('libvirt', 'virDomainGetVcpus', more=3),
            record('libvirt', 'virDomainGetState', more=1),
            record('rpc', 'ComputeNode.save'),
            record('rpc', 'Instance.save'),
            record('rpc', 'Instance.get_by_uuid', event=True),
            record('rpc', 'Service.save'),
            record('placement', 'GET /allocations/{}'),
            record('lock', 'compute_resources', 1.0, 4.0, more=3.0),
            record('lock', 'compute_resources', 2.0, 6.0, more=4.5),
            record('probe', 'getFreeMemory', 1.0, 2.0),
        ], ['info', 'create', 'info'])

        self.assertEqual(
            {'libvirt': 4, 'rpc': 2, 'rpc_events': 1, 'placement': 1,
             'qemu_img': 3, 'saves': 1, 'lock_taken': 2, 'lock_wait': 4.5,
             'lock_held': 2.5, 'by_name': {
                 'libvirt': {'virDomainGetVcpus': 3, 'virDomainGetState': 1},
                 'rpc': {'ComputeNode.save': 1, 'Instance.save': 1,
                         'Instance.get_by_uuid': 1},
                 'placement': {'GET /allocations/{}': 1},
                 'qemu_img': {'info': 2, 'create': 1}}},
            found)

    def test_shown(self):
        self.assertEqual({'one': 2.0}, figures.shown([
            record('rpc', 'Instance.save', 1.0, 2.0, more=['active', 'one']),
            record('rpc', 'Instance.save', 1.0, 3.0, more=['error', 'two']),
            record('libvirt', 'virDomainGetState', more=1),
            record('rpc', 'Instance.save'),
        ], 'active'))

    def test_percentile(self):
        self.assertEqual(95, figures.percentile(range(1, 101), 95))
        self.assertEqual(3, figures.percentile([3, 1, 2], 95))
        self.assertEqual(2, figures.percentile([3, 1, 2], 50))
        self.assertEqual(7, figures.percentile([7], 1))

    def test_a_call_that_waits_counts_for_those_not_asked_for(self):
        self.assertEqual(
            [0.25, 2.0, 1.5, 1.0, 0.5, 0.5],
            figures.as_asked([0.25, 2.0, 0.5], 0.5))
        self.assertEqual([0.5, 0.9], figures.as_asked([0.5, 0.9], 0.5))

    def test_probes(self):
        """Only what ran beside a create is of interest."""
        self.assertEqual([0.5, 2.0], figures.probes([
            record('libvirt', 'virDomainCreateWithFlags', 10.0, 12.0, more=1),
            record('libvirt', 'virDomainGetState', 0.0, 99.0, more=1),
            record('probe', 'getFreeMemory', 9.0, 9.5),
            record('probe', 'getFreeMemory', 9.75, 10.25),
            record('probe', 'getFreeMemory', 11.0, 13.0),
            record('probe', 'getFreeMemory', 13.0, 13.5),
        ]))

    def test_cpu(self):
        proc = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        second = os.sysconf('SC_CLK_TCK')

        def process(pid, name, session, own, children, folder=''):
            path = proc / str(pid)
            path.mkdir()
            fields = ['S', 1, session, session, *[0] * 7, own * second, 0,
                      children * second, 0, *[0] * 30]
            words = ' '.join(map(str, fields))
            (path / 'stat').write_text(f'{pid} ({name}) {words}\n')
            (path / 'environ').write_bytes(
                f'A=b\0TMPDIR={folder}\0'.encode())

        process(10, 'nova-compute', 10, 4, 2, '/tmp/nova-compute')
        # A helper that left the session, with a name to stumble over.
        process(11, 'a) b (c', 11, 1, 0, '/tmp/nova-compute')
        process(20, 'tini', 20, 1, 50, '/tmp/libvirtd')
        process(21, 'libvirtd', 20, 3, 1, '/tmp/libvirtd')
        process(22, 'qemu-system-x86', 20, 60, 0, '/tmp/libvirtd')
        process(30, 'bash', 30, 70, 70, '/tmp')
        (proc / 'meminfo').write_text('')

        self.assertEqual(
            {'nova-compute': 7.0, 'libvirtd': 5.0},
            figures.cpu_seconds(
                {10: 'nova-compute', 20: 'libvirtd'}, proc))


class ImageTest(testtools.TestCase):

    def test_boot_sector(self):
        sector = image.boot_sector()

        self.assertEqual(512, len(sector))
        self.assertEqual(b'\x55\xaa', sector[510:])
        self.assertIn(image.UP, sector[:446])
        # One partition: without any, Nova takes it for a broken GPT.
        self.assertEqual(
            [0xda, 0, 0, 0], [sector[446 + 16 * n + 4] for n in range(4)])


class RoundsTest(testtools.TestCase):

    size = rounds.Size(
        scenarios=(rounds.Scenario('restart', 0), rounds.Scenario('tasks', 0),
                   rounds.Scenario('burst', 0, 4, rounds=1),
                   rounds.Scenario('restart', 9),
                   rounds.Scenario('boot', 9, 4)),
        rounds=2, rounds_of_many=1, many=9, idle_seconds=0)

    def setUp(self):
        super().setUp()
        self.results = rounds.Results(
            self.useFixture(fixtures.TempDir()).path, 'threading')

    def visits(self, only=''):
        return [(visit.standing, visit.round, visit.side,
                 [each.name for each in visit.scenarios])
                for visit in rounds.visits(self.size, self.results, only)]

    def test_sides_take_turns(self):
        empty, many = ['restart-k0', 'tasks-k0'], ['restart-k9', 'boot-4-k9']
        self.assertEqual(
            [(0, 1, 'stock', [*empty, 'burst-4-k0']),
             (0, 1, 'ours', [*empty, 'burst-4-k0']),
             (0, 2, 'ours', empty), (0, 2, 'stock', empty),
             (9, 1, 'stock', many), (9, 1, 'ours', many)],
            self.visits())

    def test_what_is_there_is_not_made_again(self):
        for scenario, number, side in (
            (self.size.scenarios[1], 1, 'stock'),
            (self.size.scenarios[0], 2, 'ours'),
            (self.size.scenarios[1], 2, 'ours'),
        ):
            self.results.write(scenario, number, side, {'a': 1})

        self.assertEqual(
            [(0, 1, 'stock', ['restart-k0', 'burst-4-k0']),
             (0, 1, 'ours', ['restart-k0', 'tasks-k0', 'burst-4-k0']),
             (0, 2, 'stock', ['restart-k0', 'tasks-k0'])],
            self.visits()[:3])
        self.assertEqual(
            {'a': 1}, json.loads(self.results.path(
                self.size.scenarios[1], 1, 'stock').read_text()))

    def test_only(self):
        self.assertEqual(
            [(9, 1, 'stock', ['boot-4-k9']), (9, 1, 'ours', ['boot-4-k9'])],
            self.visits(only='boot'))

    def test_fewer_rounds(self):
        self.size = self.size.at_most(1)

        self.assertEqual([(0, 1), (0, 1), (9, 1), (9, 1)], [
            (standing, turn) for standing, turn, *_ in self.visits()])
        self.assertEqual(1, self.size.at_most(5).rounds)

    def test_patches_in_place_of_this_driver(self):
        self.assertEqual(
            ['stock', 'patched'],
            [visit.side for visit in rounds.visits(
                self.size.at_most(1), self.results, 'boot',
                rounds.PATCHED)])

    def test_estimate(self):
        todo = rounds.visits(self.size, self.results)

        self.assertEqual(0, rounds.estimate(self.size, []))
        self.assertGreater(
            rounds.estimate(self.size, todo),
            rounds.estimate(self.size, todo[1:]))
        self.assertEqual('2 min', rounds.minutes(95))
        self.assertEqual('2 h 05 min', rounds.minutes(7500))

    def test_quick_is_of_the_same_kind(self):
        self.assertLess(set(rounds.QUICK.scenarios),
                        {*rounds.FULL.scenarios,
                         rounds.Scenario('boot', 20, 10)})


def content(scenario, number, standing, side, kinds, turn=1):
    return {'scenario': scenario, 'number': number, 'standing': standing,
            'side': side, 'round': turn, 'figures': kinds, 'commit': 'abc',
            'nova': '34.0.0', 'cpus': 2, 'cpu_model': 'some',
            'load_before': 0.5}


def boots(number, standing, turn, **seconds):
    return [content('boot', number, standing, side, {
        'boot': {'seconds': value, 'libvirt': 2 * number},
        'delete': {'seconds': value}}, turn)
        for side, value in seconds.items()]


class ReportTest(testtools.TestCase):

    def rows(self, *contents):
        return {row['what']: row for row in bars.rows(bars.Figures(
            [each for part in contents for each in part]))}

    def test_bars(self):
        rows = self.rows(
            boots(20, 0, 1, stock=10.0, ours=8.0),
            boots(20, 0, 2, stock=12.0, ours=6.0),
            boots(20, 0, 3, stock=20.0, ours=10.0),
            boots(20, 100, 1, stock=40.0, ours=10.0))

        empty = rows['20 boots at once, s']
        self.assertEqual((10.0, 12.0, 20.0), empty['stock'])
        # Of the same round each.
        self.assertEqual((0.5, 0.5, 0.8), empty['ratio'])
        self.assertTrue(empty['met'])
        many = rows['20 boots at once, K = 100, s']
        self.assertEqual((0.25, 0.25, 0.25), many['ratio'])
        self.assertTrue(many['met'])
        against = rows['20 boots at once, K = 100: times those at K = 0']
        self.assertEqual(10 / 8, against['ours'][1])
        self.assertEqual('at most 1.2', against['bar'])
        self.assertFalse(against['met'])
        self.assertFalse(rows['20 deletes at once, K = 100, s']['met'])

    def test_smaller_sizes_have_no_verdict(self):
        rows = self.rows(boots(10, 0, 1, stock=10.0, ours=1.0))

        row = rows['10 boots at once, s']
        self.assertIsNone(row['met'])
        self.assertEqual(
            'at most 0.7 of stock (N = 20, K = 0)', row['bar'])
        self.assertEqual(
            (2.0, 2.0, 2.0), rows['libvirt calls per boot, 10 at once'][
                'ours'])

    def test_one_side(self):
        row = self.rows(boots(20, 0, 1, stock=10.0))['20 boots at once, s']

        self.assertEqual((None, None, None),
                         (row['ours'], row['ratio'], row['met']))

    def test_patches_in_place_of_this_driver(self):
        found = report.merged(boots(20, 0, 1, stock=10.0, patched=5.0))

        text = report.text('threading', found)
        self.assertIn('| stock | patched |', text)
        self.assertRegex(text, r'20 boots at once, s +\| +10 \| +5 ')
        self.assertIn('>patches/</text>', chart.svg(
            chart.panels(found['bars'], found['more']), 'threading',
            found['other']))

    def test_counts_of_zero(self):
        audits = [content('tasks', 0, 0, side, {
            'audit': {'libvirt': value, 'seconds': 1.0},
            'sync': {'libvirt': 0, 'seconds': 1.0}})
            for side, value in (('stock', 26), ('ours', 9))]

        rows = self.rows(audits)

        self.assertFalse(rows['libvirt calls per audit, K = 0']['met'])
        sync = rows['libvirt calls per power sync, K = 0']
        self.assertEqual((None, True), (sync['ratio'], sync['met']))

    def test_table(self):
        found = report.table([{
            'what': 'one', 'stock': (1, 2, 3.25), 'ours': (0.05,) * 3,
            'ratio': (0.5, 0.5, 0.5), 'rounds': 2, 'bar': 'at most 1',
            'met': False,
        }, {
            'what': 'other', 'stock': (1234.5,) * 3, 'ours': None,
            'ratio': None, 'rounds': 1, 'bar': '', 'met': None,
        }], with_bars=True)

        self.assertEqual(
            ['| one   | 2 (1-3.25) | 0.050 |      0.5 / 0.5 / 0.5 '
             '|      2 | at most 1 | MISSED |',
             '| other |       1234 |     - |                    - '
             '|      1 |           |        |'],
            found.splitlines()[3:5])

    def test_report(self):
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.assertEqual('', report.report(folder))
        results = rounds.Results(folder, 'eventlet')
        for each in boots(20, 0, 1, stock=10.0, ours=8.0):
            results.write(
                rounds.Scenario('boot', 0, 20), 1, each['side'], each)

        text = report.report(folder)

        self.assertIn('eventlet: nova 34.0.0, commit abc, 2 CPUs', text)
        self.assertEqual(text, (folder / 'report.txt').read_text())
        self.assertEqual(
            ['eventlet'], list(json.loads(
                (folder / 'report.json').read_text())))
        picture = etree.parse(str(folder / 'eventlet.svg'))
        widths = [
            float(bar.get('width')) for bar in picture.iterfind('.//{*}rect')
            if bar.get('x') == str(chart.LABELS)]
        # A pair each for boots and deletes, stock's first.
        self.assertEqual(4, len(widths))
        self.assertAlmostEqual(0.8, widths[1] / widths[0], places=2)
