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

import hypothesis
from hypothesis import strategies
import testtools

from nova_numa_ext.tune import workers

#: Enough of all but cores.
BIG = {'memory_mib': 1 << 20, 'connections': 1 << 20,
       'broker_connections': 1 << 20}


class PlanTest(testtools.TestCase):

    def numbers(self, wishes=None, **facts):
        found = workers.plan(
            workers.Facts(**{**BIG, **facts}), wishes or {})
        return tuple(found.numbers[name] for name in (
            workers.CONDUCTOR, workers.SCHEDULER, workers.API))

    def test_cores(self):
        for cores, numbers in (
            (1, (1, 1, 1)), (2, (1, 1, 2)), (8, (4, 2, 8)),
            (24, (12, 4, 24)), (128, (16, 4, 32)),
        ):
            self.assertEqual(numbers, self.numbers(cores=cores))

    def test_memory(self):
        # 16 workers of 256 MiB in half of 8 GiB.
        self.assertEqual((4, 2, 10), self.numbers(cores=16, memory_mib=8192))
        self.assertEqual((1, 1, 1), self.numbers(cores=16, memory_mib=64))

    def test_database(self):
        # 853 of 1024 are to be had; a conductor may take 110.
        self.assertEqual((5, 1, 32), self.numbers(cores=32, connections=1024))
        # One of each does not fit: what takes little is left.
        self.assertEqual((1, 1, 8), self.numbers(cores=8, connections=151))

    def test_others_of_the_database(self):
        self.assertEqual((2, 1, 8), self.numbers(
            cores=8, connections=1024, other_connections=480))
        self.assertEqual((2, 1, 8), self.numbers(
            cores=8, connections=1024, controllers=2))

    def test_pools(self):
        self.assertEqual((4, 2, 8), self.numbers(
            cores=8, connections=300, pool=15, api_pool=15))
        # More connections than threads are of no use to a process.
        self.assertEqual((4, 2, 8), self.numbers(
            cores=8, connections=300, threads=15))

    def test_cells(self):
        facts = workers.Facts(8, 16384, cells=3)
        self.assertEqual(55 * 4, facts.of_database(workers.CONDUCTOR))
        # cell0, too.
        self.assertEqual(5, facts.of_database(workers.API))

    def test_broker(self):
        self.assertEqual(
            (2, 1, 8), self.numbers(cores=8, broker_connections=150))

    def test_wishes(self):
        wishes = {workers.CONDUCTOR: 9, workers.API: None}
        self.assertEqual((9, 1, 8), self.numbers(
            wishes, cores=8, connections=1000))

    @hypothesis.given(
        strategies.integers(1, 300), strategies.integers(256, 1 << 20),
        strategies.integers(0, 20000), strategies.integers(1, 4),
        strategies.integers(1, 80))
    def test_what_is_not_noted_fits(
        self, cores, memory, connections, controllers, threads,
    ):
        facts = workers.Facts(
            cores, memory, connections=connections, controllers=controllers,
            api_threads=threads, broker_connections=1 << 20)
        found = workers.plan(facts, {})
        total = controllers * sum(row.connections for row in found.rows)
        if not any('database lets in' in note for note in found.notes):
            self.assertLessEqual(total, connections / 1.2)
        self.assertLessEqual(1, min(found.numbers.values()))
        for row in found.rows:
            self.assertEqual(row.workers, row.limits['broker'])
            self.assertEqual(
                sorted(row.limits.values(), reverse=True),
                list(row.limits.values()))


class WordsTest(testtools.TestCase):

    def plan(self, wishes=None, **facts):
        return workers.plan(
            workers.Facts(**{'cores': 8, **BIG, **facts}), wishes or {})

    def test_sums(self):
        self.assertEqual((
            'Connections to the database, at most: conductor 4 x 110 + '
            'scheduler 2 x 110 + api 8 x 3 = 684; with 20% to spare 821.',
            'Connections to the broker, at most: conductor 4 x 32 + scheduler '
            '2 x 32 + api 8 x 3 = 216; with 20% to spare 260.',
        ), self.plan().sums)
        self.assertIn(
            '3 hosts x (conductor 4 x 110 + scheduler 2 x 110 + api 8 x 3) + '
            '100 of others = 2152; with 20% to spare 2583.',
            self.plan(controllers=3, other_connections=100).sums[0])

    def test_reasons(self):
        rows = {row.service: row for row in self.plan(
            {workers.SCHEDULER: 3}, connections=700).rows}
        self.assertEqual('as set', rows[workers.SCHEDULER].reason)
        self.assertEqual('connections that the database lets in',
                         rows[workers.CONDUCTOR].reason)
        self.assertIn('one for each core', rows[workers.API].reason)
        self.assertEqual(
            {'cores': 4, 'memory': 4, 'database': 2, 'broker': 2},
            rows[workers.CONDUCTOR].limits)
        self.assertIn('1/2 of the memory',
                      self.plan(memory_mib=2048).rows[0].reason)

    def test_what_is_not_enough(self):
        (note,) = self.plan(connections=151).notes
        self.assertEqual(
            'The database lets in 151 connections, and 244 may be wanted: set '
            'max_connections to at least 293, or make the pools smaller.',
            note)
        self.assertEqual((), self.plan().notes)
        # With what it names, all is well, for the same numbers.
        self.assertEqual((), self.plan(
            {workers.CONDUCTOR: 1, workers.SCHEDULER: 1, workers.API: 8},
            connections=293).notes)

    def test_what_is_not_known(self):
        notes = self.plan(connections=None, broker_connections=None).notes
        self.assertEqual(
            ['database', 'broker'],
            [note.split()[4] for note in notes])
        self.assertIn('--max-connections', notes[0])

    def test_threads_that_share_a_pool(self):
        self.assertEqual((), self.plan(api_threads=55).notes)
        self.assertIn('60 threads, and they share 55 connections',
                      self.plan(api_threads=60).notes[0])


class WishTest(testtools.TestCase):

    def test_parsed(self):
        self.assertIsNone(workers.parse('auto'))
        self.assertEqual(12, workers.parse(' 12'))
        for text in ('0', '-1', 'many', '', '1.5'):
            self.assertRaises(ValueError, workers.parse, text)


class FilesTest(testtools.TestCase):

    NUMBERS = {workers.CONDUCTOR: 4, workers.SCHEDULER: 2, workers.API: 8}

    def test_drop_ins(self):
        files = {file.path: file.text
                 for file in workers.drop_ins(self.NUMBERS, False)}
        self.assertEqual([
            'etc/nova/nova-conductor.conf.d/50-nova-numa-ext.conf',
            'etc/nova/nova-scheduler.conf.d/50-nova-numa-ext.conf',
        ], sorted(files))
        self.assertEqual("""\
# Written by "nova-numa-ext tune workers --write", removed by
# "nova-numa-ext tune workers --revert".

[conductor]
workers = 4
""", files['etc/nova/nova-conductor.conf.d/50-nova-numa-ext.conf'])

    def test_drop_ins_of_a_nova_with_workers_of_the_api(self):
        files = {file.path.split('/')[2]: file.text.split('\n\n')[1]
                 for file in workers.drop_ins(self.NUMBERS, True)}
        both = 'osapi_compute_workers = 8\nmetadata_workers = 8\n'
        self.assertEqual({
            'nova-conductor.conf.d': '[conductor]\nworkers = 4\n',
            'nova-scheduler.conf.d': '[scheduler]\nworkers = 2\n',
            'nova-api.conf.d': f'[DEFAULT]\n{both}',
            'nova-api-os-compute.conf.d':
                '[DEFAULT]\nosapi_compute_workers = 8\n',
            'nova-api-metadata.conf.d': '[DEFAULT]\nmetadata_workers = 8\n',
        }, files)

    def test_uwsgi(self):
        text = workers.with_uwsgi(
            '[uwsgi]\nworkers = 2\nprocesses = 2\n', self.NUMBERS)
        self.assertEqual(
            ['[uwsgi]', 'processes = 8'],
            [line for line in text.splitlines() if line[0] != '#'])

    def test_mod_wsgi(self):
        text = workers.with_mod_wsgi(
            'WSGIDaemonProcess nova processes=1\n', self.NUMBERS)
        self.assertIn('\nWSGIDaemonProcess nova processes=8\n', text)


class RunningTest(testtools.TestCase):

    def test_children_are_counted(self):
        processes = {
            1: ('systemd', 0),
            10: ('nova-conductor', 1),
            11: ('nova-conductor', 10),
            12: ('nova-conductor:', 10),
            20: ('nova-conductor', 1),
            30: ('nova-scheduler', 1),
            31: ('sh', 30),
        }
        self.assertEqual(
            [2, 1], workers.running(processes, 'nova-conductor'))
        self.assertEqual([1], workers.running(processes, 'nova-scheduler'))
        self.assertEqual([], workers.running(processes, 'nova-api'))
