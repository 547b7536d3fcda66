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

from nova_numa_ext.policy import values

FRUIT = values.Choice(('apple', 'pear', 'plum'))
TYPES = (FRUIT, values.Switch(), values.CpuModels(), values.CpuFeatures())
# Near enough to each type that the branches behind a first check are reached.
TEXT = st.text() | st.text('+-, .aAon\n\0', max_size=300)


def feature(name, policy):
    return values.CpuFeature(name, policy)


@ddt.ddt
class TestNearest(testtools.TestCase):

    @ddt.data(
        ('aple', 'apple'), ('APPLE', 'apple'), ('plumm', 'plum'),
        ('', None), ('zzz', None),
    )
    @ddt.unpack
    def test_nearest(self, word, expected):
        self.assertEqual(expected, values.nearest(word, FRUIT.words))

    def test_huge(self):
        self.assertIsNone(values.nearest('a' * 100000, FRUIT.words))


@ddt.ddt
class TestChoice(testtools.TestCase):

    @ddt.data(*FRUIT.words)
    def test_good(self, text):
        self.assertEqual(text, FRUIT.parse(text))

    @ddt.data('Apple', 'aple', 'apple\n')
    def test_near(self, text):
        bad = self.assertRaises(values.BadValue, FRUIT.parse, text)

        self.assertIn('Did you mean apple?', bad.remedy)

    @ddt.data('', 'kiwi', 'xyzzy', '\0')
    def test_far(self, text):
        bad = self.assertRaises(values.BadValue, FRUIT.parse, text)

        self.assertEqual('Use one of apple, pear, plum', bad.remedy)

    def test_help(self):
        self.assertEqual('apple, pear, plum', FRUIT.help)


@ddt.ddt
class TestSwitch(testtools.TestCase):

    @ddt.data(('on', True), ('off', False))
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertIs(expected, values.Switch().parse(text))

    @ddt.data('', 'yes', 'true', '1', 'ON', 'On')
    def test_bad(self, text):
        bad = self.assertRaises(values.BadValue, values.Switch().parse, text)

        self.assertIn('on, off', bad.remedy)


@ddt.ddt
class TestCpuModels(testtools.TestCase):

    @ddt.data(
        ('Nehalem', ('Nehalem',)),
        ('Skylake-Client-noTSX-IBRS, EPYC', (
            'Skylake-Client-noTSX-IBRS', 'EPYC')),
        ('b,a,b', ('b', 'a')),
        ('z13.2-base', ('z13.2-base',)),
        ('M' * 64, ('M' * 64,)),
    )
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(expected, values.CpuModels().parse(text))

    @ddt.data('', ',', 'Nehalem,', ',Nehalem', 'two words', '-x', 'a\nb',
              'a;b', '<model>', 'é', '\0', 'M' * 65)
    def test_bad(self, text):
        bad = self.assertRaises(
            values.BadValue, values.CpuModels().parse, text)

        self.assertIn('not a name of a CPU model', bad.reason)


@ddt.ddt
class TestCpuFeatures(testtools.TestCase):

    @ddt.data(
        ('+vmx', (feature('vmx', 'require'),)),
        ('-vmx', (feature('vmx', 'disable'),)),
        ('+pdpe1gb, -vmx', (
            feature('pdpe1gb', 'require'), feature('vmx', 'disable'))),
        ('+b,+a', (feature('b', 'require'), feature('a', 'require'))),
        ('+a,+a', (feature('a', 'require'),)),
        ('-vmx-ins-outs', (feature('vmx-ins-outs', 'disable'),)),
        ('+3dnow,+sse4.1', (
            feature('3dnow', 'require'), feature('sse4.1', 'require'))),
    )
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(expected, values.CpuFeatures().parse(text))

    @ddt.data('', 'vmx', '+', '+a,', '+a -b', '++a', '+é', '+a\n+b', '*a',
              '+' + 'f' * 65)
    def test_bad(self, text):
        bad = self.assertRaises(
            values.BadValue, values.CpuFeatures().parse, text)

        self.assertIn('is not +name or -name', bad.reason)

    def test_both(self):
        bad = self.assertRaises(
            values.BadValue, values.CpuFeatures().parse, '+vmx,-vmx')

        self.assertEqual('vmx is both required and disabled', bad.reason)


@ddt.ddt
class TestAnyType(testtools.TestCase):

    @ddt.data(*TYPES)
    def test_any_text_is_a_value_or_bad(self, kind):
        @given(TEXT)
        def parse(text):
            try:
                kind.parse(text)
            except values.BadValue as bad:
                self.assertNotIn('\n', bad.reason + bad.remedy)
                self.assertLessEqual(len(bad.reason.encode()), 80)
                self.assertLessEqual(len(bad.remedy.encode()), 100)

        parse()

    @ddt.data(*TYPES)
    def test_has_help(self, kind):
        self.assertTrue(kind.help)
