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

from nova_numa_ext.topology import affinity_loads
from tests.unit.topology.affine import guest
from tests.unit.topology.affine import host


class TestShares(testtools.TestCase):

    def shares(self, found, *sizes):
        loads = affinity_loads.Loads(host(*sizes))
        return [
            (share.vcpus, share.memory_mib) for share in loads.shares(
                found, frozenset(range(len(sizes))))]

    def test_even(self):
        self.assertEqual(
            [(2, 512), (2, 512)],
            self.shares(guest('a', 4, 1), (8, 16), (8, 16)))
        self.assertEqual(
            [(3, 512), (2, 512)],
            self.shares(guest('a', 5, 1), (8, 16), (8, 16)))

    def test_in_proportion(self):
        self.assertEqual(
            [(6, 3072), (2, 1024)],
            self.shares(guest('a', 8, 4), (12, 24), (4, 8)))

    @given(st.integers(1, 64), st.lists(
        st.integers(1, 32), min_size=1, max_size=8))
    def test_enough_in_all_is_enough_on_each(self, vcpus, cpus):
        shares = [share for share, _memory in self.shares(
            guest('a', vcpus), *((count, 64) for count in cpus))]
        self.assertEqual(vcpus, sum(shares))
        if vcpus <= sum(cpus):
            self.assertTrue(all(
                share <= count for share, count in zip(shares, cpus)))


class TestLoads(testtools.TestCase):

    def test_added_and_taken_away(self):
        loads = affinity_loads.Loads(host((4, 16), (8, 16)))
        found = guest('a', 6, 4)
        loads.add(found, frozenset((1,)))
        self.assertEqual([0.0, 0.75], [loads.load(0), loads.load(1)])
        self.assertEqual(0.75, loads.worst((0, 1)))
        self.assertEqual(6, loads.free_cpus())
        loads.add(guest('b', 3, 4), frozenset((1,)))
        self.assertTrue(loads.is_over(1))
        self.assertEqual(4, loads.free_cpus())
        loads.add(guest('c', 1, 9), frozenset((1,)))
        self.assertEqual(1024, loads.excess_mib(1))
        loads.add(found, frozenset((1,)), -1)
        self.assertEqual(13 / 16, loads.load(1))

    def test_weigh(self):
        loads = affinity_loads.Loads(host((4, 16), (4, 16)))
        loads.add(guest('a', 2, 4), frozenset((0,)))
        one = frozenset((0,))
        self.assertEqual((False, 1.0), loads.weigh(guest('b', 2), one))
        self.assertEqual((True, 1.25), loads.weigh(guest('b', 3), one))
        self.assertEqual(
            (False, 0.75), loads.weigh(guest('b', 1, 8), one))
        self.assertIsNone(loads.weigh(guest('b', 1, 13), one))
        self.assertIsNone(loads.weigh(guest('b', 5), one))
        self.assertEqual((True, 1.25), loads.weigh(
            guest('b', 5), frozenset((0, 1))))

    def test_nodes_that_hold_nobody(self):
        loads = affinity_loads.Loads(host((4, 16), (0, 16), (4, 0)))
        self.assertEqual((0,), loads.nodes)
        self.assertFalse(loads.is_wide_enough(
            guest('a'), frozenset((0, 1))))
        self.assertFalse(loads.is_wide_enough(guest('a'), frozenset()))
        self.assertFalse(loads.is_wide_enough(
            guest('a', 5), frozenset((0,))))
        self.assertTrue(loads.is_wide_enough(
            guest('a', 4), frozenset((0,))))


class TestSets(testtools.TestCase):

    LINE = [[10 + 10 * abs(one - other) for other in range(16)]
            for one in range(16)]

    def test_the_nearest_first(self):
        loads = affinity_loads.Loads(
            host(*[(4, 16)] * 3, distances=self.LINE))
        self.assertEqual(
            [{0}, {1}, {2}], list(map(set, loads.sets(1))))
        self.assertEqual(
            [{0, 1}, {1, 2}, {0, 2}], list(map(set, loads.sets(2))))

    def test_of_many_nodes(self):
        loads = affinity_loads.Loads(
            host(*[(4, 16)] * 16, distances=self.LINE))
        sets = loads.sets(8)
        self.assertLess(len(sets), 200)
        self.assertEqual(set(range(8)), sets[0])
        self.assertEqual(set(range(16)), set().union(*sets))
        self.assertEqual({8}, set(map(len, sets)))
        self.assertEqual([set(range(16))], list(map(set, loads.sets(16))))

    def test_away(self):
        loads = affinity_loads.Loads(
            host(*[(4, 16)] * 4, distances=self.LINE))
        found = guest('a', near=(0, 3))
        self.assertEqual(10 + 40, loads.away(found, frozenset((0,))))
        self.assertEqual(20 + 20, loads.away(found, frozenset((1, 2))))
        self.assertEqual(0, loads.away(guest('a'), frozenset((1,))))
