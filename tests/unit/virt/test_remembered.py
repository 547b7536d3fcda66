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

import pathlib

import fixtures
import testtools

from nova_numa_ext import figures
from nova_numa_ext.virt import remembered


class RememberedTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.memory = remembered.Remembered(lambda: self.now)
        self.answers = []
        sysfs = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.online = sysfs / 'online'
        self.online.write_text('0-1')
        self.useFixture(fixtures.MockPatchObject(
            remembered, '_CPUS', [self.online]))

    def get(self, call, answer):
        return self.memory.get(call, lambda: answer)

    def test_what_holds_as_long_as_the_connection(self):
        for call in ('getLibVersion', 'getType'):
            self.get(call, 'first')
            self.now += 1e6
            self.assertEqual('first', self.get(call, 'second'))

    def test_what_is_too_old_is_asked_again(self):
        for call in ('getVersion', 'getHostname', 'getInfo', 'getCPUMap'):
            self.get(call, 'first')
            self.now += 599
            self.assertEqual('first', self.get(call, 'second'))
            self.now += 1
            self.assertEqual('third', self.get(call, 'third'))

    def test_a_cpu_came_or_went(self):
        for call in ('getInfo', 'getCPUMap'):
            self.online.write_text('0-1')
            self.get(call, 'first')
            self.online.write_text('0')
            self.assertEqual('second', self.get(call, 'second'))

    def test_a_cpu_changes_nothing_of_the_rest(self):
        self.get('getHostname', 'first')
        self.online.write_text('0')

        self.assertEqual('first', self.get('getHostname', 'second'))

    def test_what_the_asker_does_to_an_answer_stays_with_it(self):
        for _ in range(2):
            answer = self.get('getCPUMap', (2, [True, True], 2))
            answer[1].append('spoilt')

        self.assertEqual(
            (2, [True, True], 2), self.get('getCPUMap', None))

    def test_an_error_is_not_remembered(self):
        def fails():
            raise RuntimeError('gone')

        self.assertRaises(RuntimeError, self.memory.get, 'getType', fails)
        self.assertEqual('QEMU', self.get('getType', 'QEMU'))

    def test_figures(self):
        before = [figures.value(name, cache='host')
                  for name in ('cache_hits_total', 'cache_misses_total')]
        for _ in range(3):
            self.get('getType', 'QEMU')

        self.assertEqual([2, 1], [
            figures.value(name, cache='host') - count
            for name, count in zip(
                ('cache_hits_total', 'cache_misses_total'), before)])

    def test_the_clock_of_a_cpu_is_no_difference(self):
        info = ['x86_64', 1024, 2, 2445, 1, 1, 2, 1]
        slower = [*info[:3], 800, *info[4:]]
        smaller = [*info[:1], 512, *info[2:]]

        self.assertTrue(remembered.is_same('getInfo', info, slower))
        self.assertFalse(remembered.is_same('getInfo', info, smaller))
        self.assertFalse(remembered.is_same('getVersion', 1, 2))


class CpusTest(testtools.TestCase):

    def test_the_kernel_is_read(self):
        self.assertEqual(2, len(remembered.cpus()))
        self.assertIn('0', remembered.cpus()[0])
