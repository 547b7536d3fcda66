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

from nova_numa_ext.cmd import affine
from nova_numa_ext.host import affine as guests
from tests.unit.domain import test_standing
from tests.unit.host import test_affine
from tests.unit.host import tree

SOFT = guests.Affine(
    'instance-00000001', 2, 'soft', frozenset({0}), {0: 3072, 1: 1024})
STRICT = guests.Affine(
    'instance-00000002', 4, 'strict', frozenset({0, 1}), None,
    frozenset({2, 3}))


class AffineTest(testtools.TestCase):

    def test_table(self):
        found = affine.table([SOFT, STRICT]).splitlines()
        self.assertEqual([
            ['numa_affinity', 'asked', 'vCPUs', 'nodes', 'memory', 'remote'],
            ['instance-00000001', 'soft', '2', '0',
             '3.0 MiB on 0, 1.0 MiB on 1', '25.0%'],
            ['instance-00000002', 'strict', '4', '0-1', 'unknown',
             'unknown'],
        ], [[cell.strip() for cell in line.strip('|').split('|')]
            for line in found if '+' not in line])

    def test_waiting(self):
        self.assertEqual(
            ['instance-00000002 moves to NUMA node 2-3 at its next start: '
             'its memory is bound, and cannot be moved here while it runs. '
             'A hard reboot of the server moves it.'],
            affine.waiting([SOFT, STRICT]))

    def test_memory_that_does_not_follow(self):
        for balancing, found, number in (
                ('0', [SOFT, STRICT], 1), (None, [SOFT], 1),
                ('1', [SOFT], 0), ('0', [STRICT], 0), ('0', [], 0)):
            look = self.useFixture(tree.Tree({
                'proc/sys/kernel/numa_balancing': balancing})).reader
            self.assertEqual(number, len(affine.notes(look, found)))

    def test_of_each_node(self):
        self.assertEqual(
            [('numa_affinity: 2 guests, 6 vCPUs',),
             ('numa_affinity: 1 guest, 4 vCPUs',),
             ('numa_affinity: 0 guests, 0 vCPUs',)],
            [affine.lines([SOFT, STRICT], node) for node in range(3)])
        self.assertEqual((), affine.lines([], 0))

    def test_of_node(self):
        self.assertEqual(
            ['instance-00000002'], affine.of_node([SOFT, STRICT], 1))

    def test_plain(self):
        self.assertEqual([
            {'guest': 'instance-00000001', 'asked': 'soft', 'vcpus': 2,
             'nodes': [0], 'memory_kib': {'0': 3072, '1': 1024},
             'remote': 0.25, 'next_nodes': None},
            {'guest': 'instance-00000002', 'asked': 'strict', 'vcpus': 4,
             'nodes': [0, 1], 'memory_kib': None, 'remote': None,
             'next_nodes': [2, 3]},
        ], affine.plain([SOFT, STRICT]))

    def test_of_domains(self):
        live = test_standing.domain('strict')
        look = self.useFixture(tree.Tree(test_affine.files())).reader
        found, = affine.of_domains(look, test_affine.HOST, [
            (live, live), (test_standing.domain('none'), None)])
        self.assertEqual(('strict', 0.25), (found.asked, found.remote))

    def test_only_bound_memory_waits(self):
        self.assertTrue(affine.is_bound(test_standing.domain('strict')))
        for asked in ('soft', 'none'):
            self.assertFalse(affine.is_bound(test_standing.domain(asked)))
