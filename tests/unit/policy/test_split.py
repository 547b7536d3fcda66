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

import ddt
import testtools

from nova_numa_ext.policy import split

AUTO = {'numa_ext:numa_nodes': 'auto'}


@ddt.ddt
class TestMostNodes(testtools.TestCase):

    @ddt.data(
        (AUTO, 16),
        ({'numa_ext:numa_nodes': ' auto ', 'numa_ext:numa_max_nodes': '4'}, 4),
    )
    @ddt.unpack
    def test_auto(self, specs, most):
        self.assertEqual(most, split.most_nodes(specs, {}))

    @ddt.data(
        ({}, {}),
        # What is wrong, which the driver refuses.
        ({'numa_ext:numa_nodes': 'Auto'}, {}),
        ({**AUTO, 'numa_ext:numa_max_nodes': '17'}, {}),
        ({'numa_ext:numa_max_nodes': '2'}, {}),
        ({**AUTO, 'hw:numa_nodes': '2'}, {}),
        ({**AUTO, 'hw:numa_cpus.0': '0-1'}, {}),
        (AUTO, {'hw_numa_nodes': '2'}),
        (AUTO, {'hw_numa_cpus.0': '0-1'}),
    )
    @ddt.unpack
    def test_not_auto(self, specs, properties):
        self.assertIsNone(split.most_nodes(specs, properties))

    def test_what_only_the_image_completes_is_not_judged(self):
        self.assertEqual(16, split.most_nodes(
            {**AUTO, 'numa_ext:iothread_scheduler': 'fifo:1'}, {}))
