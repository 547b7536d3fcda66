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

from nova_numa_ext.topology import host
from nova_numa_ext.topology import prealloc

CELLS = tuple(
    host.HostCell(node, frozenset(range(4 * node, 4 * node + 4)), 1 << 20)
    for node in range(3))


class UnreachableTest(testtools.TestCase):

    def test_nodes_without_a_cpu(self):
        self.assertEqual((0, 2), prealloc.unreachable(
            CELLS, [2, 1, 0], frozenset({4})))

    def test_a_cpu_of_each(self):
        self.assertEqual((), prealloc.unreachable(
            CELLS, [0, 2], frozenset({3, 8})))

    def test_nodes_that_the_guest_is_not_on(self):
        self.assertEqual((), prealloc.unreachable(
            CELLS, [1], frozenset({4})))
