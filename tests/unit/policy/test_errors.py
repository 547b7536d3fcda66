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
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.policy import errors

TEXT = st.text(st.characters() | st.sampled_from('\0\n\r\x85\u2028<&\'"'))


@ddt.ddt
class TestRefused(testtools.TestCase):

    def test_message(self):
        origin = errors.Origin('flavor', 'numa_ext:cpu_mode', 'passtrough')

        refused = errors.InvalidRequest(
            origin, 'no such value', 'Use host-passthrough')

        self.assertEqual(
            "flavor numa_ext:cpu_mode='passtrough': no such value. "
            'Use host-passthrough.', str(refused))
        self.assertEqual(origin, refused.origin)
        self.assertEqual('no such value', refused.reason)
        self.assertEqual('Use host-passthrough', refused.remedy)

    @ddt.data(errors.InvalidRequest, errors.HostCannot)
    def test_kinds(self, kind):
        self.assertTrue(issubclass(kind, errors.Refused))

    def test_value_gives_way_to_reason_and_remedy(self):
        origin = errors.Origin('image', 'numa_ext_cpu_models', 'M' * 40)
        reason = 'r' * 80
        remedy = 'w' * 62

        message = str(errors.HostCannot(origin, reason, remedy))

        self.assertEqual(errors.MOST, len(message))
        self.assertThat(message, testtools.matchers.EndsWith(
            f"M...': {reason}. {remedy}."))

    def test_value_that_just_fits(self):
        origin = errors.Origin('flavor', 'numa_ext:cpu_models', 'M' * 40)

        self.assertIn(f"='{'M' * 40}':", str(
            errors.HostCannot(origin, 'why', 'do')))

    @given(TEXT, TEXT, TEXT, TEXT)
    def test_any_text_is_one_short_line(self, key, value, reason, remedy):
        message = str(errors.Refused(
            errors.Origin('image', key, value),
            errors.plain(reason, 60), errors.plain(remedy, 60)))

        self.assertLessEqual(len(message.encode()), errors.MOST)
        self.assertTrue(message.isprintable(), ascii(message))

    def test_reason_beyond_all_measure(self):
        origin = errors.Origin('flavor', 'numa_ext:cpu_models', 'M')

        message = str(errors.HostCannot(origin, 'é' * 500, 'do'))

        self.assertLessEqual(len(message.encode()), errors.MOST)


@ddt.ddt
class TestPlain(testtools.TestCase):

    @ddt.data(
        ('', ''),
        ('on', 'on'),
        ('é<b>&"', 'é<b>&"'),
        ('a\nb\0c', r'a\nb\x00c'),
        ('\u2028\x85\x1b[31m', r'\u2028\x85\x1b[31m'),
        ('\ud800', r'\ud800'),
        ('x' * 40, 'x' * 40),
        ('x' * 41, 'x' * 40 + '...'),
        ('é' * 21, 'é' * 20 + '...'),
    )
    @ddt.unpack
    def test_plain(self, text, expected):
        self.assertEqual(expected, errors.plain(text))

    def test_huge_text_is_not_read_to_its_end(self):
        class Endless(str):
            def __iter__(self):
                while True:
                    yield 'x'

        self.assertEqual('xxxx...', errors.plain(Endless(), 4))

    def test_shown(self):
        self.assertEqual(r"'a\tb...'", errors.shown('a\tbc', 4))


class TestListed(testtools.TestCase):

    def test_few(self):
        self.assertEqual('a, b', errors.listed(('a', 'b')))

    def test_many(self):
        self.assertEqual('a, b, ...', errors.listed(('a', 'b', 'c'), 2))

    def test_none(self):
        self.assertEqual('', errors.listed(()))
