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


from nova_numa_ext.domain import nosharepages
from tests import golden
from tests.unit.domain import base


class TestConfigure(base.ElementTestCase):

    def test_off(self):
        self.assertEqual(
            nosharepages.NoSharePages(), nosharepages.configure(
                base.guest(golden.specs(ksm='off'))))

    def test_novas_own(self):
        for specs in ({'memballoon': 'off'}, {'ksm': 'on'}):
            self.assertIsNone(nosharepages.configure(
                base.guest(golden.specs(**specs))))


class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<memory/><memoryBacking><nosharepages/></memoryBacking><os/>',
            nosharepages.NoSharePages(), '<memory/><os/>')

    def test_beside_hugepages_and_locked(self):
        self.assertWrites(
            '<memoryBacking><hugepages/><nosharepages/><locked/>'
            '</memoryBacking>', nosharepages.NoSharePages(),
            '<memoryBacking><hugepages/><locked/></memoryBacking>')

    def test_novas_own_for_realtime(self):
        novas = '<memoryBacking><nosharepages/><locked/></memoryBacking>'
        self.assertWrites(novas, nosharepages.NoSharePages(), novas)
