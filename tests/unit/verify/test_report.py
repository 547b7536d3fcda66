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

from nova_numa_ext.verify import report
from tests.unit.host import tree
from tests.unit.verify import base


class ReportTest(base.TestCase):

    def report(self):
        return report.of_guest(
            self.useFixture(tree.Tree(self.files)).reader, self.defined,
            self.live)

    def test_all_is_kept(self):
        found = self.report()
        self.assertEqual('edge-1', found.names.server)
        self.assertEqual(((), ()), (found.broken, found.unread))
        self.assertEqual(20, len(found.rows))

    def test_broken_and_unread(self):
        self.files[f'{base.PROC}/numa_maps'] = None
        self.change('task/4006/status', 'list:\t1', 'list:\t0')
        found = self.report()
        self.assertEqual(['IO thread 2'], [
            row.subject for row in found.broken])
        self.assertEqual(['guest node 0', 'guest node 1'], [
            row.subject for row in found.unread])

    def test_what_is_done_by_hand_is_no_promise(self):
        self.live = self.live.replace("priority='3'", "priority='4'")
        self.change('task/4011/stat', ' 3 1 0 0 0 ', ' 4 1 0 0 0 ')
        self.assertEqual(['vCPU 1, scheduler: asked for fifo:3, got fifo:4'],
                         [str(row) for row in self.report().broken])

    def test_no_process(self):
        self.files = {}
        found = self.report()
        self.assertIsNone(found.rows)
        self.assertEqual(((), ()), (found.broken, found.unread))
