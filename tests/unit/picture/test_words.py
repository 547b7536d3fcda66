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

from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.picture import words


class TestWords(testtools.TestCase):

    def test_clean(self):
        self.assertEqual('a\\nb\\x1b[31m', words.clean('a\nb\033[31m'))
        self.assertEqual('\u00e9 \u7f51', words.clean('\u00e9 \u7f51'))
        self.assertEqual('\\xe9', words.clean('\u00e9', ascii_only=True))

    def test_width(self):
        self.assertEqual(5, words.width('a\u0301bc\u7f51'))

    def test_cut(self):
        self.assertEqual('node', words.cut('node', 4))
        self.assertEqual('n...', words.cut('node 0', 4))
        self.assertEqual('..', words.cut('node 0', 2))
        self.assertEqual('', words.cut('node 0', 0))

    def test_pad(self):
        self.assertEqual('a--', words.pad('a', 3, '-'))
        self.assertEqual('  a', words.right('a', 3))

    def test_wrapped(self):
        self.assertEqual(['one two', '  three', '  four'],
                         words.wrapped('one two three four', 9, '  '))
        self.assertEqual([''], words.wrapped('', 9))
        self.assertEqual(['abcde...'], words.wrapped('abcdefghij', 8))

    @given(st.text(), st.integers(1, 40), st.sampled_from(['', '  ']))
    def test_lines_are_within_the_width(self, text, columns, indent):
        text = words.clean(text)

        for line in words.wrapped(text, columns, indent):
            self.assertLessEqual(words.width(line), columns)

    @given(st.text(st.sampled_from('ab \u7f51'), max_size=60))
    def test_nothing_is_lost(self, text):
        lines = words.wrapped(text, 200)

        self.assertEqual(text.split(), ' '.join(lines).split())
