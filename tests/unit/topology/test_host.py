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


import dataclasses
from xml.etree import ElementTree

import ddt
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.topology import host
from tests import golden

CELL = """<capabilities><host><topology><cells><cell id='0'>
<memory unit='KiB'>1024</memory><cpus><cpu id='0' siblings='0,2'/></cpus>
</cell></cells></topology>
<cache><bank id='0' level='3' type='both' size='8' unit='MiB'
  cpus='0-1'/></cache>
</host></capabilities>"""


@ddt.ddt
class TestFromCapabilities(testtools.TestCase):

    def test_intel(self):
        found = host.from_capabilities(golden.host_xml('intel-2-sockets'))

        self.assertEqual(('x86_64', 'Intel'), (found.arch, found.vendor))
        self.assertEqual([0, 1], [cell.id for cell in found.cells])
        self.assertEqual({*range(8), *range(16, 24)}, found.cells[0].cpus)
        self.assertEqual({*range(8, 16), *range(24, 32)}, found.cells[1].cpus)
        self.assertEqual(128 << 20, found.cells[0].memory_kib)
        self.assertEqual({3, 19}, found.siblings[19])
        self.assertEqual(32, len(found.siblings))
        self.assertEqual(
            tuple(cell.cpus for cell in found.cells), found.l3)

    def test_epyc(self):
        found = host.from_capabilities(golden.host_xml('epyc-2-nodes'))

        self.assertEqual('AMD', found.vendor)
        self.assertEqual([8] * 4, [len(cpus) for cpus in found.l3])
        self.assertEqual({0, 1, 2, 3, 16, 17, 18, 19}, found.l3_of(17))
        self.assertIsNone(found.l3_of(32))

    def test_distances(self):
        cell = "<cell id='0'>"
        found = host.from_capabilities(CELL.replace(cell, cell + (
            "<distances><sibling id='0' value='10'/>"
            "<sibling id='1' value='21'/></distances>")))

        self.assertEqual({0: 10, 1: 21}, found.cells[0].distances)

    def test_cache_that_cannot_be_allocated(self):
        self.assertEqual(
            (host.CacheBank(0, frozenset({0, 1}), 8192),),
            host.from_capabilities(CELL).banks)

    def test_cache_that_can_be_allocated(self):
        found = host.from_capabilities(CELL.replace(
            "cpus='0-1'/>",
            "cpus='0-1'><control granularity='1' unit='MiB' min='2' "
            "type='both' maxAllocs='16'/></bank>"))

        self.assertEqual(
            (host.CacheBank(0, frozenset({0, 1}), 8192, 1024, 2048),),
            found.banks)

    def test_no_smt(self):
        found = host.from_capabilities(golden.host_xml('intel-4-sockets'))

        self.assertEqual(4, len(found.cells))
        self.assertEqual({31}, found.siblings[31])

    def test_as_nova_writes_it(self):
        """Nova's copy of the document has no caches and fewer attributes."""
        from nova.virt.libvirt import config
        kept = config.LibvirtConfigCaps()
        xml = golden.host_xml('intel-2-sockets')
        kept.parse_str(xml)

        ours, novas = (host.from_capabilities(text)
                       for text in (xml, kept.to_xml()))

        self.assertEqual(ours.arch, novas.arch)
        self.assertEqual(ours.vendor, novas.vendor)
        self.assertEqual(
            tuple(dataclasses.replace(cell, distances={})
                  for cell in ours.cells),
            novas.cells)
        self.assertEqual(ours.siblings, novas.siblings)
        self.assertEqual((), novas.l3)

    def test_nothing_known(self):
        self.assertEqual(
            host.HostTopology('', (), {}, ()),
            host.from_capabilities('<capabilities><host/></capabilities>'))

    def test_offline_cpu(self):
        found = host.from_capabilities(CELL.replace(" siblings='0,2'", ''))

        self.assertEqual({0}, found.cells[0].cpus)
        self.assertEqual({}, found.siblings)

    @ddt.data(
        ("level='3'", "level='2'"), ("type='both'", "type='code'"),
        ("level='3'", ''),
    )
    @ddt.unpack
    def test_other_caches(self, old, new):
        self.assertEqual(
            (), host.from_capabilities(CELL.replace(old, new)).l3)

    @ddt.data(
        '', 'x', '<capabilities>', '<capabilities/>', '<host/>', '\0', '<a>\0',
        '<capabilities><host>&undefined;</host></capabilities>', '\ud800',
    )
    def test_not_capabilities(self, xml):
        self.assertRaises(ValueError, host.from_capabilities, xml)

    @ddt.data(
        ("cell id='0'", 'cell'), ("cell id='0'", "cell id='x'"),
        ("cell id='0'", "cell id='-1'"), ("cell id='0'", "cell id='1_0'"),
        ("cpu id='0'", 'cpu'), ("cpu id='0'", "cpu id=''"),
        ("cpu id='0'", "cpu id='0x1'"), ("cpu id='0'", "cpu id='\u0661'"),
        ("cpu id='0'", "cpu id='" + '9' * 30 + "'"),
        ('1024', ''), ('1024', '1.5'), ('1024', '-1'),
        ("siblings='0,2'", "siblings='0-x'"), ("cpus='0-1'", "cpus='1-0'"),
        ("cpus='0-1'", "cpus='0-999999999'"),
        ("size='8'", ''), ("size='8'", "size='x'"), ("'MiB'", "'MB'"),
        ("bank id='0'", 'bank'),
    )
    @ddt.unpack
    def test_hostile(self, old, new):
        host.from_capabilities(CELL)

        self.assertRaises(
            ValueError, host.from_capabilities, CELL.replace(old, new))

    def test_external_entity_is_not_read(self):
        xml = ('<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
               + CELL.replace('1024', '&e;'))

        self.assertRaises(ValueError, host.from_capabilities, xml)

    def test_entity_bomb(self):
        """libvirt wrote the document; expat (2.4.1 on) stops bombs too."""
        entities = ['<!ENTITY e0 "00000000">'] + [
            f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
        xml = f'<!DOCTYPE c [{"".join(entities)}]>' + CELL.replace(
            '1024', '&e9;')

        self.assertRaises(ValueError, host.from_capabilities, xml)

    @given(st.data())
    def test_any_change_of_a_document(self, data):
        """A document with texts, tags and attributes changed or gone."""
        root = ElementTree.fromstring(CELL)
        for _time in range(data.draw(st.integers(1, 4))):
            node = data.draw(st.sampled_from(list(root.iter())))
            change = data.draw(st.sampled_from(['text', 'attribute', 'less']))
            junk = data.draw(st.text('0123456789-,ax\u0661 '))
            if change == 'text':
                node.text = junk
            elif change == 'attribute':
                key = data.draw(st.sampled_from(
                    sorted(node.attrib) or ['id']))
                node.set(key, junk)
            elif len(node):
                del node[0]
            else:
                node.attrib.clear()
        try:
            found = host.from_capabilities(
                ElementTree.tostring(root, 'unicode'))
        except ValueError:
            return
        self.assertIsInstance(found, host.HostTopology)
