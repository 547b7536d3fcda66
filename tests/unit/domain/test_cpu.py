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

from nova_numa_ext.domain import cpu
from tests import golden
from tests.unit.domain import base


def specs(mode=None, models=None, migratable=None):
    found = {'cpu_mode': mode, 'cpu_models': models,
             'cpu_migratable': migratable}
    return golden.specs(**{
        name: text for name, text in found.items() if text})


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(cpu.configure(base.guest(
            golden.specs(cpu_topology='auto'))))

    @ddt.data('host-passthrough', 'maximum', 'host-model')
    def test_mode(self, mode):
        self.assertEqual(
            cpu.Cpu(mode, None, None), cpu.configure(base.guest(specs(mode))))

    @ddt.data(('on', True), ('off', False))
    @ddt.unpack
    def test_migratable(self, text, expected):
        self.assertEqual(
            cpu.Cpu('maximum', None, expected),
            cpu.configure(base.guest(specs('maximum', None, text))))

    def test_migratable_of_novas_mode(self):
        self.assertEqual(
            cpu.Cpu(None, None, False),
            cpu.configure(base.guest(
                specs(migratable='off'),
                nova=golden.NovaCpu('host-passthrough'))))

    @ddt.data((None, 'none'), ('host-model', 'host-model'),
              ('custom', 'custom'))
    @ddt.unpack
    def test_migratable_without_a_mode_that_has_it(self, mode, shown):
        refused = self.refused(cpu.configure, specs(migratable='on'),
                               nova=golden.NovaCpu(mode))

        self.assertEqual('numa_ext:cpu_migratable', refused.origin.key)
        self.assertIn(f'CPU mode {shown}', refused.reason)
        self.assertIn('host-passthrough or maximum', refused.remedy)

    def test_mode_that_emulation_has_not(self):
        refused = self.refused(
            cpu.configure, specs('host-passthrough'), capabilities='qemu')

        self.assertIn('qemu guests', refused.reason)
        self.assertEqual(
            'Use one of maximum, host-model, custom, or a host with '
            '[libvirt] virt_type = kvm', refused.remedy)

    def test_mode_that_no_guest_has(self):
        guest = base.guest(specs('maximum'))
        guest.capabilities.__dict__['cpu_modes'] = ()

        refused = self.assertRaises(
            cpu.HostCannot, cpu.configure, guest)

        self.assertEqual('Remove it', refused.remedy)

    @ddt.data(
        ('Nehalem', 'Nehalem'),
        ('EPYC,Nehalem', 'Nehalem'),
        ('nehalem', 'Nehalem'),
        ('NoSuchModel,Westmere,Nehalem', 'Westmere'),
    )
    @ddt.unpack
    def test_first_usable_model(self, models, expected):
        self.assertEqual(
            cpu.Cpu('custom', expected, None),
            cpu.configure(base.guest(
                specs('custom', models), capabilities='qemu')))

    def test_unusable_models(self):
        refused = self.refused(
            cpu.configure, specs('custom', 'EPYC,Icelake-Server'))

        self.assertIn('unusable for kvm guests', refused.reason)
        self.assertEqual(
            'Usable: qemu64, kvm64, Cascadelake-Server, Nehalem, ...',
            refused.remedy)

    @ddt.data(
        ('Neahlem', 'Did you mean Nehalem? See `virsh domcapabilities`'),
        ('EPYC,xyzzy', 'See `virsh domcapabilities`'),
    )
    @ddt.unpack
    def test_unknown_model(self, models, remedy):
        refused = self.refused(cpu.configure, specs('custom', models))

        self.assertIn('does not know ' + models.split(',')[-1],
                      refused.reason)
        self.assertEqual(remedy, refused.remedy)

    def test_unknown_model_with_the_longest_name(self):
        refused = self.refused(cpu.configure, specs('custom', 'M' * 64))

        self.assertLessEqual(len(str(refused)), 190)
        self.assertIn('See `virsh domcapabilities`', str(refused))


class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<cpu mode="maximum" match="exact" migratable="on"/>',
            cpu.Cpu('maximum', None, True), '')

    def test_what_is_not_asked_for_stays(self):
        self.assertWrites(
            '<cpu mode="host-passthrough" match="exact" migratable="off">'
            '<topology/></cpu>',
            cpu.Cpu(None, None, False),
            '<cpu mode="host-passthrough" match="exact"><topology/></cpu>')

    def test_model_comes_first(self):
        self.assertWrites(
            '<cpu mode="custom" match="exact"><model>Nehalem</model>'
            '<topology/><feature name="aes" policy="require"/></cpu>',
            cpu.Cpu('custom', 'Nehalem', None),
            '<cpu mode="host-model" match="exact"><topology/>'
            '<feature name="aes" policy="require"/></cpu>')

    def test_model_and_vendor_of_another_mode_go(self):
        self.assertWrites(
            '<cpu mode="host-model" match="exact"><topology/></cpu>',
            cpu.Cpu('host-model', None, None),
            '<cpu mode="custom" match="exact"><model>Westmere</model>'
            '<vendor>Intel</vendor><topology/></cpu>')
