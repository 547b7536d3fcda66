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
import testtools

from nova_numa_ext.domain import capabilities
from tests import golden

MODES = """<domainCapabilities><domain>kvm</domain><arch>x86_64</arch><cpu>
<mode name='maximum' supported='no'/>
<mode name='host-model' supported='yes'><model>Nehalem</model></mode>
<mode name='custom' supported='yes'>
<model usable='yes'>one</model><model usable='no'>two</model>
<model usable='unknown'>three</model><model>four</model>
</mode></cpu></domainCapabilities>"""


@ddt.ddt
class TestFromXml(testtools.TestCase):

    def test_modes_and_models(self):
        found = capabilities.from_xml(MODES)

        self.assertEqual('kvm', found.virt_type)
        self.assertEqual('x86_64', found.arch)
        self.assertEqual(('host-model', 'custom'), found.cpu_modes)
        self.assertEqual(
            {'one': True, 'two': False, 'three': True, 'four': True},
            found.cpu_models)
        self.assertEqual(('one', 'three', 'four'), found.usable_models)

    @ddt.data(
        ('kvm', ('host-passthrough', 'maximum', 'host-model', 'custom')),
        ('qemu', ('maximum', 'host-model', 'custom')),
    )
    @ddt.unpack
    def test_files_of_the_golden_domains(self, virt_type, modes):
        found = golden.domain_capabilities(virt_type)

        self.assertEqual(virt_type, found.virt_type)
        self.assertEqual(modes, found.cpu_modes)

    def test_nothing_in_it(self):
        self.assertEqual(
            capabilities.DomainCapabilities('', '', (), {}),
            capabilities.from_xml('<domainCapabilities/>'))

    def test_iothreads(self):
        for text, expected in (
            ("<iothreads supported='yes'/>", True),
            ("<iothreads supported='no'/>", False), ('', False),
        ):
            found = capabilities.from_xml(
                f'<domainCapabilities>{text}</domainCapabilities>')
            self.assertIs(expected, found.iothreads)

    @ddt.data('', 'x', '<domain/>', '<domainCapabilities>', '\0', '\ud800')
    def test_not_domain_capabilities(self, xml):
        self.assertRaises(ValueError, capabilities.from_xml, xml)

    @ddt.data(
        ('kvm', 'x86_64', True), ('qemu', 'x86_64', True),
        ('kvm', 'i686', True), ('kvm', 'aarch64', False),
        ('qemu', 's390x', False), ('lxc', 'x86_64', False),
        ('xen', 'x86_64', False),
    )
    @ddt.unpack
    def test_has_cpu_cache(self, virt_type, arch, expected):
        found = capabilities.DomainCapabilities(virt_type, arch, (), {})

        self.assertIs(expected, found.has_cpu_cache)

    @ddt.data(
        ((9000000, 7002000), True), ((0, 0), True), ((0, 7002000), True),
        ((8999999, 7002000), False), ((9000000, 7001999), False),
        ((0, 7001999), False),
    )
    @ddt.unpack
    def test_has(self, versions, expected):
        libvirt, qemu = versions
        found = capabilities.DomainCapabilities(
            'kvm', 'x86_64', (), {}, qemu, libvirt)

        self.assertIs(expected, found.has(9000000, 7002000))
