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


from nova_numa_ext.domain import memballoon
from tests import golden
from tests.unit.domain import base


class TestConfigure(base.ElementTestCase):

    def test_off(self):
        self.assertEqual(
            memballoon.NoMemballoon(), memballoon.configure(
                base.guest(golden.specs(memballoon='off'))))

    def test_novas_own(self):
        for specs in ({'memballoon': 'on'}, {'ksm': 'off'}):
            self.assertIsNone(memballoon.configure(
                base.guest(golden.specs(**specs))))


class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<devices><memballoon model="none"/></devices>',
            memballoon.NoMemballoon(), '')

    def test_in_place_of_novas(self):
        self.assertWrites(
            '<devices><disk/><memballoon model="none"/></devices>',
            memballoon.NoMemballoon(),
            '<devices><disk/><memballoon model="virtio">'
            '<stats period="10"/></memballoon></devices>')
