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

from xml.etree import ElementTree

from lxml import etree
import testtools

from nova_numa_ext import policy
from nova_numa_ext.domain import metadata

SETTINGS = (
    metadata.Setting('cpu_mode', 'maximum', 'flavor'),
    metadata.Setting('memballoon', 'off', 'profile'),
)
XML = (
    '<metadata>{}<numa_ext:guest '
    'xmlns:numa_ext="urn:nova-numa-ext:guest:1.0">'
    '<numa_ext:setting name="cpu_mode" value="maximum" source="flavor"/>'
    '<numa_ext:setting name="memballoon" value="off" source="profile"/>'
    '</numa_ext:guest></metadata>')


class MetadataTest(testtools.TestCase):

    def written(self, xml):
        domain = etree.fromstring(xml)
        etree.register_namespace(metadata.PREFIX, metadata.NAMESPACE)
        metadata.Metadata(SETTINGS).write(domain)
        return etree.tostring(domain).decode()

    def test_write(self):
        self.assertEqual(
            f'<domain>{XML.format("")}<devices/></domain>',
            self.written('<domain><devices/></domain>'))

    def test_beside_what_nova_keeps(self):
        nova = '<n:instance xmlns:n="http://nova"/>'
        self.assertEqual(
            f'<domain>{XML.format(nova)}</domain>',
            self.written(f'<domain><metadata>{nova}</metadata></domain>'))

    def test_read(self):
        self.assertEqual(SETTINGS, metadata.read(
            ElementTree.fromstring(self.written('<domain/>'))))

    def test_nothing_to_read(self):
        self.assertEqual((), metadata.read(
            ElementTree.fromstring('<domain><metadata/></domain>')))

    def test_a_value_that_is_no_xml(self):
        domain = ElementTree.fromstring('<domain/>')
        hostile = metadata.Setting('cpu_models', '"/><devices>', 'image')
        metadata.Metadata((hostile,)).write(domain)
        again = ElementTree.fromstring(ElementTree.tostring(domain))
        self.assertEqual((hostile,), metadata.read(again))
        self.assertIsNone(again.find('.//devices'))

    def test_of_options(self):
        asked = policy.resolve({'numa_ext:ksm': 'off'}, {})
        self.assertEqual((
            metadata.Setting('ksm', 'off', 'flavor'),
            metadata.Setting('numa_affinity', 'soft', 'option'),
        ), metadata.of_policy(asked, {'numa_affinity': 'soft'}).settings)
        asked = policy.resolve({'numa_ext:numa_affinity': 'strict'}, {})
        self.assertEqual((
            metadata.Setting('numa_affinity', 'strict', 'flavor'),
        ), metadata.of_policy(asked, {'numa_affinity': 'strict'}).settings)

    def test_of_policy(self):
        asked = policy.resolve(
            {'numa_ext:profile': 'high-performance',
             'numa_ext:cpu_mode': ' maximum '},
            {'numa_ext_cpu_topology': 'auto'}).without('iothreads')
        self.assertEqual({
            metadata.Setting('profile', 'high-performance', 'flavor'),
            metadata.Setting('cpu_mode', 'maximum', 'flavor'),
            metadata.Setting('cpu_topology', 'auto', 'image'),
            metadata.Setting('cpu_cache', 'auto', 'profile'),
            metadata.Setting('kvm_hints', 'auto', 'profile'),
            metadata.Setting('memballoon', 'off', 'profile'),
            metadata.Setting('ksm', 'off', 'profile'),
        }, set(metadata.of_policy(asked).settings))
