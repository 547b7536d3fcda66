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

from nova_numa_ext.topology import refusals


class RefusalsTest(testtools.TestCase):

    def test_one_host(self):
        self.assertEqual(
            'compute1: cell 1 lacks 2 free dedicated CPUs',
            refusals.of_host(
                'compute1', 'cell 1 lacks 2 free dedicated CPUs'))

    def test_a_request_is_one_line(self):
        self.assertEqual(
            'No place for the guest on a: this; b: that',
            refusals.of_request([('a', 'this'), ('b', 'that')]))
