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

from nova_numa_ext.verify import promise


class RowTest(testtools.TestCase):

    def test_in_words(self):
        self.assertEqual(
            'vCPU 3, scheduler: asked for fifo:3, got other',
            str(promise.Row('vCPU 3', 'scheduler', 'fifo:3', 'other', False)))
