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

"""Saved hosts, and what can be changed of them."""

import testtools

from nova_numa_ext.host import item
from tests.unit.host import tree


class TestCase(testtools.TestCase):

    def reader(self, name, *files):
        return self.useFixture(tree.Tree(tree.saved(name), *files)).reader

    def judge(self, function, name, files=None, dedicated='isolated'):
        """Return the item of a saved host.

        :param files: what else is there, or None for what is not
        :param dedicated: the CPUs that guests are pinned to
        """
        reader = self.reader(name, files or {})
        if dedicated == 'isolated':
            dedicated = reader.cpus('sys/devices/system/cpu/isolated')
        return function(item.Host(reader, frozenset(dedicated or ())))

    def assertItem(self, found, ok, *args, **kwargs):
        judged = self.judge(*args, **kwargs)
        self.assertEqual((found, ok), (judged.found, judged.ok))
        self.assertTrue(judged.remedy)
        self.assertFalse(judged.remedy.endswith('.'), judged.remedy)
        return judged
