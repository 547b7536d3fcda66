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

from nova_numa_ext.domain import priority
from tests import golden
from tests.unit.domain import base

ASKED = golden.specs(emulator_scheduler='fifo:51')


@ddt.ddt
class TestJudge(base.ElementTestCase):

    @ddt.data(1, 50)
    def test_within(self, asked):
        guest = base.guest(ASKED, max_priority=50)

        self.assertIsNone(
            priority.judge(guest, 'emulator_scheduler', asked))

    def test_above(self):
        def judge(guest):
            return priority.judge(guest, 'emulator_scheduler', 51)

        refused = self.refused(judge, ASKED, max_priority=50)

        self.assertEqual(
            "flavor numa_ext:emulator_scheduler='fifo:51': above [numa_ext] "
            'max_realtime_priority of this host, 50. Ask for 50 or less, or '
            'raise the option.', str(refused))
