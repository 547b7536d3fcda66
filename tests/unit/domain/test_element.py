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

import ddt
from lxml import etree
import testtools

from nova_numa_ext.domain import element
from tests import golden
from tests.unit.domain import base


@ddt.ddt
class TestChild(testtools.TestCase):

    @ddt.data(ElementTree, etree)
    def test_finds(self, library):
        parent = library.fromstring('<a><b/><c x="1"/></a>')

        self.assertEqual('1', element.child(parent, 'c', ('b',)).get('x'))
        self.assertEqual(2, len(parent))

    @ddt.data(
        ('<a/>', ('c',), ['b']),
        ('<a><c/></a>', (), ['c', 'b']),
        ('<a><c/></a>', ('d',), ['c', 'b']),
        ('<a><c/></a>', ('c',), ['b', 'c']),
        ('<a><x/><d/><c/></a>', ('c', 'd'), ['x', 'b', 'd', 'c']),
    )
    @ddt.unpack
    def test_makes(self, xml, before, expected):
        for library in (ElementTree, etree):
            parent = library.fromstring(xml)
            element.child(parent, 'b', before)

            self.assertEqual(expected, [node.tag for node in parent])

    def test_passes_by_comments(self):
        parent = etree.fromstring('<a><!-- c --><c/></a>')
        element.child(parent, 'b', ('c',))

        self.assertEqual('b', parent[1].tag)


class TestGuest(testtools.TestCase):

    def test_mode_of_policy_wins(self):
        guest = base.guest(
            {'numa_ext:cpu_mode': 'maximum'},
            nova=golden.NovaCpu('host-model'))

        self.assertEqual('maximum', guest.cpu_mode)

    def test_mode_of_nova(self):
        self.assertEqual('host-model', base.guest(
            nova=golden.NovaCpu('host-model')).cpu_mode)

    def test_no_mode(self):
        self.assertIsNone(base.guest(nova=golden.NovaCpu(None)).cpu_mode)
