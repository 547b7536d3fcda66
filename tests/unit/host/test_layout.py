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

from nova_numa_ext.host import layout
from nova_numa_ext.host import reader
from tests.unit.host import base


class LayoutTest(base.TestCase):

    def test_nodes(self):
        host = layout.topology(self.reader('epyc'))
        self.assertEqual(
            [(0, {0, 1, 2, 3, 8, 9, 10, 11}, 725688, {0: 10, 1: 32}),
             (1, {4, 5, 6, 7, 12, 13, 14, 15}, 771800, {0: 32, 1: 10})],
            [(cell.id, cell.cpus, cell.memory_kib, cell.distances)
             for cell in host.cells])

    def test_cores_and_caches(self):
        host = layout.topology(self.reader('epyc'))
        self.assertEqual({4, 12}, host.siblings[4])
        self.assertEqual(
            [{0, 1, 2, 3, 8, 9, 10, 11}, {4, 5, 6, 7, 12, 13, 14, 15}],
            list(host.l3))

    def test_a_kernel_without_numa(self):
        host = layout.topology(self.useFixture(base.tree.Tree({
            'sys/devices/system/cpu/online': '0-1',
            'proc/meminfo': 'MemTotal:   2048 kB\nMemFree:   1 kB'})).reader)
        (cell,) = host.cells
        self.assertEqual((0, {0, 1}, 2048),
                         (cell.id, cell.cpus, cell.memory_kib))
        self.assertEqual({0: {0}, 1: {1}}, host.siblings)
        self.assertEqual((), host.l3)

    def test_nothing(self):
        host = layout.topology(
            self.useFixture(base.tree.Tree()).reader)
        self.assertEqual((), host.cells)

    def test_memory(self):
        self.assertEqual(
            layout.NodeMemory(726700, 562864,
                              (layout.HugePages(2048, 64, 64),)),
            layout.memory(self.reader('realtime'), 0))
        self.assertEqual(
            layout.NodeMemory(0, 0, ()),
            layout.memory(self.reader('realtime'), 9))

    def test_this_machine(self):
        self.assertTrue(layout.topology(reader.THIS).cells)
