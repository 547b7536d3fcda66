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

from nova_numa_ext.topology import cpuset

RANGES = st.lists(st.tuples(
    st.integers(0, cpuset.MOST_CPUS - 1), st.integers(0, 70)))


@ddt.ddt
class TestParse(testtools.TestCase):

    @ddt.data(
        ('', set()),
        (' \n', set()),
        ('0', {0}),
        ('0-3,8', {0, 1, 2, 3, 8}),
        ('8, 0-1\n', {0, 1, 8}),
        ('1,1-2,2', {1, 2}),
        ('5-5', {5}),
        ('65535', {65535}),
    )
    @ddt.unpack
    def test_good(self, text, expected):
        self.assertEqual(expected, cpuset.parse(text))

    @ddt.data('a', '-', '-1', '1-', '3-2', '1-2-3', '1 2', '1,,2', ',', '1,',
              '+1', '1_0', '\u0661', '^2', '0-3,^2', '0x1', '1.0', '\0',
              '65536', '0-65536', '0-99999999999', '0000001')
    def test_bad(self, text):
        self.assertRaises(ValueError, cpuset.parse, text)

    @given(RANGES)
    def test_round_trip(self, ranges):
        ranges = [(low, min(low + more, cpuset.MOST_CPUS - 1))
                  for low, more in ranges]
        text = ','.join(f'{low}-{high}' if high > low else str(low)
                        for low, high in ranges)

        self.assertEqual(
            {cpu for low, high in ranges for cpu in range(low, high + 1)},
            cpuset.parse(text))

    @given(st.text() | st.text('0123456789-,'))
    def test_any_text(self, text):
        try:
            cpus = cpuset.parse(text)
        except ValueError as error:
            self.assertLess(len(str(error)), 250)
        else:
            self.assertLessEqual(len(cpus), cpuset.MOST_CPUS)


@ddt.ddt
class TestShow(testtools.TestCase):

    @ddt.data(
        ((), ''),
        ((3,), '3'),
        ((8, 0, 1, 2, 0), '0-2,8'),
        ((0, 2, 3), '0,2-3'),
    )
    @ddt.unpack
    def test_show(self, cpus, expected):
        self.assertEqual(expected, cpuset.show(cpus))

    @given(st.frozensets(st.integers(0, 200)))
    def test_round_trip(self, cpus):
        self.assertEqual(cpus, cpuset.parse(cpuset.show(cpus)))
