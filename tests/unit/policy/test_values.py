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
TYPES = (
    FRUIT, values.Switch(), values.Count(1, 16, ('off', 'per-node')),
    values.SchedulerAndPriority(), values.CacheShares(), values.CpuModels(),
    values.CpuFeatures())
# Near enough to each type that the branches behind a first check are reached.
TEXT = (st.text() | st.text('+-, .aAon\n\0', max_size=300)
        | st.text('0123:,KMiB fiorr²٣', max_size=300))


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
class TestCount(testtools.TestCase):

    count = values.Count(2, 16, ('off', 'per-node'))

    @ddt.data(('2', 2), ('16', 16), ('007', 7), ('off', 'off'))
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(expected, self.count.parse(text))

    @ddt.data('0', '1', '17', '999999999')
    def test_out_of_range(self, text):
        bad = self.assertRaises(values.BadValue, self.count.parse, text)

        self.assertEqual('out of range', bad.reason)
        self.assertEqual(
            'Use off or per-node or a number from 2 to 16', bad.remedy)

    @ddt.data('', '-2', '+2', '2.0', '1_0', '0x8', '٣', '²', '4\n', '9' * 5000)
    def test_not_a_number(self, text):
        bad = self.assertRaises(values.BadValue, self.count.parse, text)

        self.assertEqual('no such value', bad.reason)

    def test_near_a_word(self):
        bad = self.assertRaises(values.BadValue, self.count.parse, 'pernode')

        self.assertEqual(
            'Did you mean per-node? Known: off, per-node, 2 to 16',
            bad.remedy)

    def test_help(self):
        self.assertEqual('off, per-node, 2 to 16', self.count.help)
        self.assertEqual('1 to 9', values.Count(1, 9).help)


@ddt.ddt
class TestSchedulerAndPriority(testtools.TestCase):

    @ddt.data(
        ('fifo:1', values.Scheduler('fifo', 1)),
        ('rr:99', values.Scheduler('rr', 99)),
        ('rr:09', values.Scheduler('rr', 9)),
    )
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(expected, values.SchedulerAndPriority().parse(text))

    @ddt.data('', 'fifo', 'fifo:', 'fifo:0', 'fifo:00', 'fifo:100', 'rr:-1',
              'FIFO:1', 'other:1', 'batch:1', ' fifo:1', 'fifo: 1', 'rr:1\n',
              'fifo:٣', 'rr:1,fifo:1')
    def test_bad(self, text):
        bad = self.assertRaises(
            values.BadValue, values.SchedulerAndPriority().parse, text)

        self.assertIn('fifo:N or rr:N', bad.remedy)


@ddt.ddt
class TestCacheShares(testtools.TestCase):

    @ddt.data(
        ('0:4MiB', ((0, 4096),)),
        ('1:4096KiB, 0:1MiB', ((0, 1024), (1, 4096))),
        ('12:1KiB', ((12, 1),)),
    )
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(
            tuple(values.CacheShare(*share) for share in expected),
            values.CacheShares().parse(text))

    @ddt.data('', '0', '0:', '4MiB', '0:4', '0:4MB', '0:4GiB', '0:0MiB',
              '0:-4MiB', '-1:4MiB', '0:4MiB,', '0:4 MiB', '0:٤MiB',
              '0:9999999999KiB', '0:4MiB;1:4MiB')
    def test_bad(self, text):
        bad = self.assertRaises(
            values.BadValue, values.CacheShares().parse, text)

        self.assertIn('is not node:size', bad.reason)

    def test_twice(self):
        bad = self.assertRaises(
            values.BadValue, values.CacheShares().parse, '1:4MiB,01:4MiB')

        self.assertEqual('node 1 is there twice', bad.reason)


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

    @ddt.data('', ',', 'Nehalem,', ',Nehalem', 'two words', 'a,\x1cb',
              'a\t,b', '-x', 'a\nb',
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
              '+a,\n+b', '+a\xa0,+b', '+' + 'f' * 65)
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
