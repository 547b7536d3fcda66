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


from nova_numa_ext.domain import cpu_feature
from nova_numa_ext.policy import values
from tests import golden
from tests.unit.domain import base

AES = values.CpuFeature('aes', 'require')
NO_VMX = values.CpuFeature('vmx', 'disable')


class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(cpu_feature.configure(base.guest(
            golden.specs(cpu_mode='maximum'))))

    def test_features(self):
        self.assertEqual(
            cpu_feature.CpuFeatures((AES, NO_VMX)),
            cpu_feature.configure(base.guest(
                golden.specs(cpu_features='+aes,-vmx'))))

    def test_no_mode_to_add_them_to(self):
        refused = self.refused(
            cpu_feature.configure, golden.specs(cpu_features='+aes'),
            nova=golden.NovaCpu(None))

        self.assertIn('Set numa_ext:cpu_mode', refused.remedy)

    def test_mode_of_the_policy_is_enough(self):
        self.assertEqual(
            cpu_feature.CpuFeatures((AES,)),
            cpu_feature.configure(base.guest(
                golden.specs(cpu_features='+aes', cpu_mode='maximum'),
                nova=golden.NovaCpu(None))))


class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<cpu><feature name="aes" policy="require"/>'
            '<feature name="vmx" policy="disable"/></cpu>',
            cpu_feature.CpuFeatures((AES, NO_VMX)), '')

    def test_wins_over_novas(self):
        self.assertWrites(
            '<cpu><feature name="vmx" policy="disable"/>'
            '<feature name="pcid" policy="require"/><numa/>'
            '<feature name="aes" policy="require"/></cpu>',
            cpu_feature.CpuFeatures((AES, NO_VMX)),
            '<cpu><feature name="vmx" policy="require"/>'
            '<feature name="pcid" policy="require"/><numa/></cpu>')
