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
import json

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import testtools

from nova_numa_ext.explain import fragments
from nova_numa_ext.explain import hosts
from nova_numa_ext.explain import missing
from nova_numa_ext.explain import report
from nova_numa_ext.explain import show
from nova_numa_ext.explain import sources
from nova_numa_ext.picture import words
from tests.unit.picture import maps

REPORT = report.Report(
    sources.Flavor('web', 2, 1024, 1, {'hw:cpu_policy': 'dedicated'}),
    sources.Image(), hosts.Host('compute-1', '', ''),
    host_map=maps.small(),
    guest={'words': '2 vCPUs, 1 GiB', 'vcpus': 2},
    profile=missing.Profile('high-performance', ('cpu_cache=auto',),
                            ('flavor numa_ext:ksm=on instead of ksm=off',)),
    settings=(('cpu_cache', 'auto', 'profile'),),
    left_out=('Left out: this.',), missing=('Set that.',),
    warnings=('Mind this.',), notes=('Some note.',),
    fragments=(fragments.Fragment('cpu', (
        (' ', '<cpu>'), ('-', '  <a/>'), ('+', '  <b/>'),
        ('~', '  ... 5 lines as Nova has them'), (' ', '</cpu>'))),),
    domain='<domain/>\n')

TEXT = """\

The guest sees: 2 vCPUs, 1 GiB.

Profile high-performance sets:
  cpu_cache=auto

Set otherwise than by the profile:
  flavor numa_ext:ksm=on instead of ksm=off

Left out on this host:
  this.

Missing for the full effect:
  Set that.

Warnings:
  Mind this.

Notes:
  Some note.

Domain: + is written by this project, - is Nova's own that it replaces
  <cpu>
-   <a/>
+   <b/>
    ... 5 lines as Nova has them
  </cpu>
"""
LACKS = """\
web does not fit on compute-1:
  Guest node 0 fits nowhere, and this sentence is so long that
    it is broken.
"""


class TestText(testtools.TestCase):

    def test_whole(self):
        self.assertEqual(
            TEXT, show.as_text(REPORT)[-len(TEXT):])

    def test_lacks(self):
        text = show.as_text(dataclasses.replace(
            REPORT, lacks=(
                'Guest node 0 fits nowhere, and this sentence is so long '
                'that it is broken.',), guest={}, fragments=()), 62)

        self.assertEqual(LACKS, text[:len(LACKS)])
        self.assertIn('node 0: 4 GiB', text)

    def test_refused(self):
        self.assertEqual('No.\n', show.as_text(report.Report(
            REPORT.flavor, REPORT.image, REPORT.host, refused='No.')))

    def test_colour(self):
        text = show.as_text(REPORT, colour=True)

        self.assertIn('\033[31m-   <a/>\033[0m\n\033[32m+   <b/>\033[0m\n',
                      text)

    @settings(max_examples=30)
    @given(st.lists(maps.TEXT), maps.MAPS, st.integers(24, 120),
           st.booleans())
    def test_any_report(self, texts, host_map, width, ascii_only):
        """No line is too long, and nothing reaches the terminal raw."""
        texts = tuple(texts)
        text = show.as_text(dataclasses.replace(
            REPORT, host_map=host_map, lacks=texts, left_out=texts,
            warnings=texts, fragments=()), width, ascii_only)

        for line in text.splitlines():
            self.assertLessEqual(words.width(line), width)
        self.assertNotIn('\033', text)
        if ascii_only:
            text.encode('ascii')


class TestData(testtools.TestCase):

    def test_whole(self):
        data = json.loads(json.dumps(show.as_data(REPORT)))

        self.assertEqual(
            {'fits', 'refused', 'lacks', 'flavor', 'image', 'host', 'nodes',
             'guest', 'settings', 'profile', 'left_out', 'missing',
             'warnings', 'notes', 'changed', 'domain'}, set(data))
        self.assertIs(True, data['fits'])
        self.assertEqual({'vcpus': 2}, data['guest'])
        self.assertEqual({'name': 'cpu_cache', 'value': 'auto',
                          'source': 'profile'}, data['settings'][0])
        self.assertEqual(['cpu'], data['changed'])
        self.assertEqual({'use': 'realtime', 'label': 'r1'},
                         data['nodes'][0]['cpus']['4'])
        self.assertEqual([[[0, 4], [1, 5]]], data['nodes'][0]['caches'])

    def test_refused(self):
        data = show.as_data(dataclasses.replace(
            REPORT, refused='No.', host_map=None, profile=None))

        self.assertIs(False, data['fits'])
        self.assertEqual([], data['nodes'])
        self.assertIsNone(data['profile'])
