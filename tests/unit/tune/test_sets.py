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

from nova_numa_ext.tune import sets


class SetsTest(testtools.TestCase):

    def test_all_settings_are_guests(self):
        found = sets.read({
            sets.DEDICATED: '2-3', sets.SHARED: '5', sets.PINNED: '7'})
        self.assertEqual({2, 3, 5, 7}, found.all)
        self.assertEqual({2, 3}, found.dedicated)

    def test_nothing_is_set(self):
        found = sets.read({
            sets.DEDICATED: None, sets.SHARED: '', sets.PINNED: None})
        self.assertEqual(set(), found.all)
        self.assertIsNone(found.dedicated)

    def test_lists_of_novas(self):
        self.assertEqual({0, 1, 4}, sets.parse(' 0-4 , ^2,^3, '))
        self.assertEqual({0, 4}, sets.parse('^1-3,0-4'))

    def test_no_list(self):
        error = self.assertRaises(
            ValueError, sets.read, {sets.SHARED: '0-x'})
        self.assertEqual(
            "cpu_shared_set = 0-x: '0-x' is not a range of CPUs", str(error))
