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

from nova_numa_ext.topology import affinity_model


class TestNode(testtools.TestCase):

    def test_distance(self):
        node = affinity_model.Node(1, frozenset(), 0, {0: 31, 1: 10})
        self.assertEqual(31, node.distance(0))
        self.assertEqual(20, node.distance(2))

    def test_distances_that_are_unknown(self):
        node = affinity_model.Node(1, frozenset(), 0)
        self.assertEqual([20, 10], [node.distance(0), node.distance(1)])
