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


from nova_numa_ext.domain import guest_agent
from tests import golden
from tests.unit.domain import base
from tests.unit.domain import test_pmu

AGENT = ('<channel type="unix"><target name="org.qemu.guest_agent.0"/>'
         '</channel>')
OTHERS = ('<channel type="spicevmc"><target name="com.redhat.spice.0"/>'
          '</channel><channel/>')


class TestConfigure(base.ElementTestCase):

    def test_realtime(self):
        self.assertEqual(
            guest_agent.NoGuestAgent(),
            guest_agent.configure(base.guest(test_pmu.REALTIME)))

    def test_another_profile(self):
        self.assertIsNone(guest_agent.configure(base.guest(
            golden.specs(profile='high-performance'))))


class TestWrite(base.ElementTestCase):

    def test_only_the_agents(self):
        self.assertWrites(
            f'<devices>{OTHERS}</devices>', guest_agent.NoGuestAgent(),
            f'<devices>{AGENT}{OTHERS}</devices>')

    def test_without_devices(self):
        self.assertWrites('<cpu/>', guest_agent.NoGuestAgent(), '<cpu/>')
