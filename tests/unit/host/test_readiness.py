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

from nova_numa_ext.host import reader
from nova_numa_ext.host import readiness
from tests.unit.host import base

ROOT = pathlib.Path(__file__).parents[3]


class ReadinessTest(base.TestCase):

    def judged(self, name, *args):
        return readiness.judge(self.reader(name), *args)

    def test_a_tuned_host(self):
        items = self.judged('realtime')
        self.assertEqual({True}, {item.ok for item in items})
        self.assertIsNone(readiness.refusal(items))

    def test_a_stock_host(self):
        items = self.judged('debian', frozenset({2, 3}))
        self.assertEqual(
            ('kernel', 'isolcpus', 'nohz_full', 'rcu_nocbs', 'IRQ affinity',
             'sched_rt_runtime_us'),
            tuple(item.name for item in readiness.missing(items)))
        self.assertEqual(
            {'governor', 'idle states', 'transparent huge pages',
             'huge pages', 'swap'},
            {item.name for item in items
             if item.ok is False and not item.needed})

    def test_an_epyc_with_smt(self):
        self.assertEqual(
            'host is not ready: kernel, nohz_full, rcu_nocbs, IRQ affinity, '
            'sched_rt_runtime_us, memlock limit',
            readiness.refusal(self.judged('epyc')))

    def test_isolated_cpus_stand_for_dedicated_ones(self):
        self.assertEqual(
            self.judged('epyc'),
            self.judged('epyc', frozenset({4, 5, 6, 7, 12, 13, 14, 15})))

    def test_each_item_has_all_its_words(self):
        for name in ('realtime', 'debian', 'epyc'):
            for item in self.judged(name):
                for words in (item.name, item.found, item.wanted,
                              item.remedy):
                    self.assertTrue(words)
                    self.assertNotIn('\n', words)

    def test_the_administrators_guide_has_each(self):
        page = (ROOT / 'doc' / 'source' / 'admin' / 'realtime-host.rst'
                ).read_text()
        for item in self.judged('debian'):
            needed = 'yes' if item.needed else 'no'
            self.assertIn(f'   * - {item.name}\n     - {needed}\n', page)

    def test_names_differ(self):
        names = [item.name for item in self.judged('debian')]
        self.assertEqual(len(names), len(set(names)))

    def test_the_worst_host_has_room_in_a_message(self):
        items = [item for item in self.judged('debian') if item.needed]
        names = ', '.join(item.name for item in items)
        message = ("flavor hw:cpu_realtime='true': host is not ready: "
                   f'{names}. See nova-numa-ext host.')
        self.assertLessEqual(len(message), 190)

    def test_an_empty_tree_is_unknown_rather_than_broken(self):
        nothing = reader.HostReader(self.useFixture(
            base.tree.Tree()).root)
        self.assertEqual(
            {'isolcpus', 'nohz_full', 'rcu_nocbs'},
            {item.name for item in readiness.judge(nothing)
             if item.ok is False})

    def test_this_machine(self):
        self.assertEqual(
            len(readiness.ITEMS), len(readiness.judge(reader.THIS)))
