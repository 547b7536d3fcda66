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

from nova_numa_ext.domain import pmu
from tests import golden
from tests.unit.domain import base

REALTIME = {
    **golden.nova(cpu_policy='dedicated', cpu_realtime='yes',
                  cpu_realtime_mask='^0'),
    **golden.specs(profile='realtime'),
}


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    @ddt.data('x86_64', 'i686', 'aarch64')
    def test_realtime(self, arch):
        self.assertEqual(
            pmu.NoPmu(), pmu.configure(base.guest(REALTIME, arch)))

    def test_another_profile(self):
        self.assertIsNone(pmu.configure(base.guest(
            golden.specs(profile='high-performance'))))

    @ddt.data('on', 'off')
    def test_novas_spec_wins(self, state):
        self.assertIsNone(pmu.configure(base.guest(
            {**REALTIME, 'hw:pmu': state})))

    def test_where_libvirt_has_none(self):
        self.assertIsNone(pmu.configure(base.guest(REALTIME, 's390x')))


class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<os/><features><pmu state="off"/></features><cputune/>',
            pmu.NoPmu(), '<os/><cputune/>')

    def test_beside_others(self):
        self.assertWrites(
            '<features><acpi/><pmu state="off"/></features>',
            pmu.NoPmu(), '<features><acpi/></features>')
