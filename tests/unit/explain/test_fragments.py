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

from lxml import etree
import testtools

from nova_numa_ext.explain import fragments

NOVA = """\
<domain>
  <vcpu>32</vcpu>
  <iothreads>1</iothreads>
  <cpu><topology sockets='4'/><numa><cell id='0'/><cell id='1'/>
    <cell id='2'/><cell id='3'/><cell id='4'/></numa></cpu>
  <devices><disk a='1'/><disk a='2'/></devices>
</domain>
"""
TUNED = """\
<domain>
  <metadata><a/></metadata>
  <vcpu>32</vcpu>
  <cpu><topology sockets='1'/><numa><cell id='0'/><cell id='1'/>
    <cell id='2'/><cell id='3'/><cell id='4'/></numa></cpu>
  <devices><disk a='1'/><disk a='3'/></devices>
</domain>
"""


class TestFragments(testtools.TestCase):

    def found(self):
        return {fragment.path: fragment for fragment in fragments.fragments(
            etree.fromstring(NOVA), etree.fromstring(TUNED))}

    def test_what_differs(self):
        self.assertEqual(['cpu', 'devices/disk[2]', 'iothreads'],
                         list(self.found()))

    def test_lines(self):
        self.assertEqual(
            ((' ', '<cpu>'),
             ('-', '  <topology sockets="4"/>'),
             ('+', '  <topology sockets="1"/>'),
             (' ', '  <numa>'),
             (' ', '    <cell id="0"/>'),
             ('~', '  ... 5 lines as Nova has them'),
             (' ', '</cpu>')),
            self.found()['cpu'].lines)

    def test_gone(self):
        self.assertEqual((('-', '<iothreads>1</iothreads>'),),
                         self.found()['iothreads'].lines)

    def test_nothing(self):
        self.assertEqual((), fragments.fragments(
            etree.fromstring(NOVA), etree.fromstring(NOVA)))

    def test_text(self):
        self.assertEqual('<a>\n  <b/>\n</a>\n',
                         fragments.text_of(etree.fromstring('<a><b/></a>')))
