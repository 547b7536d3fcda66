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

from nova_numa_ext.policy import row
from nova_numa_ext.policy import values


class TestRow(testtools.TestCase):

    def row(self, **rules):
        return row.Row('size', values.Count(1, 9, ('auto',)), 'Help.', **rules)

    def test_names(self):
        self.assertEqual('numa_ext:size', self.row().spec)
        self.assertEqual('numa_ext_size', self.row().image_property)

    def test_rules_for_a_value(self):
        always, one, auto = (row.Needs(name) for name in 'abc')
        of_size = self.row(needs=(
            (row.ANY, always), ('1', one), ('auto', auto)))

        self.assertEqual(
            (always, one), of_size.rules_for(of_size.needs, 1))
        self.assertEqual(
            (always, auto), of_size.rules_for(of_size.needs, 'auto'))
        self.assertEqual((always,), of_size.rules_for(of_size.needs, 2))

    def test_no_rules(self):
        self.assertEqual((), self.row().rules_for(self.row().excludes, 1))
