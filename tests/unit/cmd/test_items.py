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

from nova_numa_ext.cmd import items
from nova_numa_ext.host import item

ITEMS = (
    item.Item('a', 'x', 'y', False, 'do it', needed=True),
    item.Item('b', 'x', 'y', False, 'do it'),
    item.Item('c', 'y', 'y', True, 'never'),
    item.Item('d', '?', 'y', None, 'never'),
    item.Item('e', 'x', 'y', False, 'do that'),
)


class ItemsTest(testtools.TestCase):

    def test_table(self):
        self.assertEqual(
            ['MISSING', 'advised', 'ok', 'unknown', 'advised'],
            [line.split('|')[-2].strip()
             for line in items.table('title', ITEMS).splitlines()[3:-1]])
        self.assertIn('| title | found | wanted |',
                      items.table('title', ITEMS))

    def test_remedies_are_said_once(self):
        self.assertEqual(
            ['a, b: do it.', 'e: do that.'], items.remedies(ITEMS))

    def test_plain(self):
        self.assertEqual(
            {'name': 'a', 'found': 'x', 'wanted': 'y', 'ok': False,
             'needed': True, 'remedy': 'do it'}, items.plain(ITEMS)[0])
