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

import hypothesis
from hypothesis import strategies
import testtools

from nova_numa_ext.tune import marked

FLAT = """\
# a = 1
a = 1
  b=2
ab = 3
"""
INI = """\
[other]
a = 1

[uwsgi]
a = 1
; a = 2
b = 2
[more]
b = 3
"""


class ValuesTest(testtools.TestCase):

    def test_in_a_file_without_sections(self):
        self.assertEqual("""\
# a = 1
#nova-numa-ext# a = 1
#nova-numa-ext#   b=2
ab = 3
# BEGIN nova-numa-ext
a = 5
b = 6
# END nova-numa-ext
""", marked.with_values(FLAT, {'a': 5, 'b': 6}))

    def test_in_a_section(self):
        self.assertEqual("""\
[other]
a = 1

[uwsgi]
# BEGIN nova-numa-ext
a = 5
# END nova-numa-ext
#nova-numa-ext# a = 1
; a = 2
#nova-numa-ext# b = 2
[more]
b = 3
""", marked.with_values(INI, {'a': 5}, 'uwsgi', ('b',)))

    def test_a_section_that_is_missing(self):
        text = marked.with_values('[other]\n', {'a': 5}, 'uwsgi')
        self.assertEqual("""\
[other]
# BEGIN nova-numa-ext
[uwsgi]
a = 5
# END nova-numa-ext
""", text)
        self.assertEqual('[other]\n', marked.restored(text))

    def test_again_with_others(self):
        once = marked.with_values(FLAT, {'a': 5})
        self.assertEqual(
            marked.with_values(FLAT, {'b': 7}),
            marked.with_values(once, {'b': 7}))

    def test_an_empty_file(self):
        text = marked.with_values('', {'a': 5})
        self.assertEqual('', marked.restored(text))

    def test_a_last_line_without_an_end(self):
        text = marked.with_values('x', {'a': 5})
        self.assertEqual(
            ['x', marked.BEGIN, 'a = 5', marked.END], text.splitlines())
        self.assertEqual('x\n', marked.restored(text))

    @hypothesis.given(strategies.lists(strategies.sampled_from(
        ['a = 1\n', 'b=1\n', '[uwsgi]\n', '[x]\n', '# a = 1\n', '\n'])))
    def test_all_of_it_comes_back(self, lines):
        text = ''.join(lines)
        for section in ('', 'uwsgi'):
            changed = marked.with_values(text, {'a': 2}, section)
            self.assertEqual(text, marked.restored(changed))
            self.assertEqual(
                changed, marked.with_values(changed, {'a': 2}, section))
            self.assertEqual('2', marked.value(changed, 'a', section))

    def test_what_others_have_changed_since_stays(self):
        text = marked.with_values(FLAT, {'a': 5}) + 'c = 9\n'
        self.assertEqual(FLAT + 'c = 9\n', marked.restored(text))


class WordTest(testtools.TestCase):

    TEXT = """\
<VirtualHost *:8774>
    WSGIDaemonProcess nova-api processes=2 threads=1 user=nova
    WSGIProcessGroup nova-api
    # WSGIDaemonProcess nova-api processes=2
"""

    def test_in_the_place_of_another(self):
        text = marked.with_word(
            self.TEXT, 'WSGIDaemonProcess', 'processes', 4)
        self.assertEqual("""\
<VirtualHost *:8774>
#nova-numa-ext#     WSGIDaemonProcess nova-api processes=2 threads=1 user=nova
# BEGIN nova-numa-ext
    WSGIDaemonProcess nova-api processes=4 threads=1 user=nova
# END nova-numa-ext
    WSGIProcessGroup nova-api
    # WSGIDaemonProcess nova-api processes=2
""", text)
        self.assertEqual(self.TEXT, marked.restored(text))

    def test_where_there_was_none(self):
        text = marked.with_word(
            'WSGIDaemonProcess nova-api\n', 'WSGIDaemonProcess',
            'processes', 4)
        self.assertIn('\nWSGIDaemonProcess nova-api processes=4\n', text)

    def test_as_it_is(self):
        self.assertEqual(self.TEXT, marked.with_word(
            self.TEXT, 'WSGIDaemonProcess', 'processes', 2))


class ValueTest(testtools.TestCase):

    def test_the_first(self):
        self.assertEqual('1', marked.value(FLAT + 'a = 7\n', 'a'))
        self.assertEqual('2', marked.value(INI, 'b', 'uwsgi'))
        self.assertIsNone(marked.value(INI, 'c', 'uwsgi'))
        self.assertIsNone(marked.value(FLAT, 'a', 'uwsgi'))
