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

from nova_numa_ext.verify import compare
from nova_numa_ext.verify.promise import Row
from tests.unit.verify import base


def row(number, got='rr:7', kept=True, kind='vCPU'):
    return Row(f'{kind} {number}', 'scheduler', 'rr:7', got, kept)


class CompareTest(base.TestCase):

    def test_all_is_kept(self):
        self.assertEqual((), compare.broken(self.rows()))
        self.assertEqual({True}, {each.kept for each in self.rows()})

    def test_grouped(self):
        self.assertEqual(
            ('vCPUs 2-3', 'IO thread 1', 'memory'),
            tuple(each.subject for each in compare.grouped((
                row(2), row(3), row(1, kind='IO thread'),
                Row('memory', 'locked', 'yes', '1 MiB', True)))))

    def test_what_is_broken_has_a_row_of_its_own(self):
        rows = (row(0), row(1, 'other', False), row(2, 'other', False),
                row(3), row(4))
        self.assertEqual(
            ['vCPU 0', 'vCPU 1', 'vCPU 2', 'vCPUs 3-4'],
            [each.subject for each in compare.grouped(rows)])

    def test_what_cannot_be_read_is_not_broken(self):
        unread = Row('guest node 0', 'host nodes', '0 strict',
                     'cannot be read', None)
        self.assertEqual((), compare.broken((unread,)))
        self.assertEqual((unread,), compare.grouped((unread,)))
