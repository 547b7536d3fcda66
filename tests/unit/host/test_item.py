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

from nova_numa_ext.host import item
from tests.unit.host import base

CMDLINE = 'proc/cmdline'


class ItemTest(base.TestCase):

    def test_missing(self):
        for ok, needed, missing in (
            (False, True, True), (False, False, False), (None, True, False),
            (True, True, False),
        ):
            self.assertIs(missing, item.Item(
                'n', 'f', 'w', ok, 'r', needed).missing)


class HostTest(base.TestCase):

    def host(self, *cpus, files=None):
        return item.Host(self.reader('epyc', files or {}), frozenset(cpus))

    def test_arguments(self):
        found = self.host().arguments
        self.assertEqual('4-7,12-15', found['isolcpus'])
        self.assertEqual('', found['ro'])

    def test_cpus_in_remedies(self):
        self.assertEqual('4-5', self.host(4, 5).cpus)
        self.assertEqual('0-3,6-15', self.host(4, 5).others)
        self.assertEqual('CPUS', self.host().cpus)
        self.assertEqual('THE-OTHERS', self.host().others)

    def test_nodes(self):
        self.assertEqual((0, 1), self.host().nodes)
        self.assertEqual((1,), self.host(4, 12).nodes)
        self.assertEqual((0, 1), self.host(3, 4).nodes)

    def test_covers(self):
        for dedicated, found, ok in (
            ((4, 5), {4, 5, 6}, True), ((4, 5), {4}, False),
            ((4, 5), (), False), ((), {1}, True), ((), (), False),
        ):
            self.assertIs(ok, item.covers(
                self.host(*dedicated), 'n', frozenset(found), 'r').ok)
        self.assertIsNone(item.covers(self.host(4), 'n', None, 'r').ok)

    def test_list_of(self):
        for words, expected in (
            ('x=2-3', {2, 3}), ('x=managed_irq,domain,2-3,8', {2, 3, 8}),
            ('x=all', set(range(16))), ('x=', set()), ('y=1', set()),
            ('x=1-N', None), ('x=0-7:2/4', None),
        ):
            self.assertEqual(expected, item.list_of(
                self.host(files={CMDLINE: words}), 'x'), words)
