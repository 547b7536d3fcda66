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

import testtools

from nova_numa_ext.topology import affinity
from tests.unit.topology import affine
from tests.unit.topology.affine import guest
from tests.unit.topology.affine import host

TWO = host((8, 16), (8, 16))


def many(count, node, vcpus=1, memory_gib=0, strict=False, first=0):
    return [guest(f'{node}-{number}', vcpus, memory_gib, strict, [node])
            for number in range(first, first + count)]


class MovesTestCase(testtools.TestCase):

    def moves(self, guests, somewhere=TWO, **kwargs):
        plan = affinity.plan(somewhere, guests, **kwargs)
        self.assertEqual({}, plan.refused)
        self.plan = plan
        return list(plan.moves)


class TestBalance(MovesTestCase):

    def test_as_few_as_lower_the_worst_enough(self):
        self.assertEqual(['0-0'], self.moves([
            *many(4, 0, 2), *many(2, 1, 2)], hysteresis=0.2))
        self.assertEqual(
            'cell 0 had a load of 1.00', self.plan.places['0-0'].reason)
        self.assertEqual('it stands there', self.plan.places['0-1'].reason)
        # One of them lowers it by an eighth only.
        self.assertEqual(['0-0', '0-1'], self.moves(
            many(8, 0), hysteresis=0.2)[:2])

    def test_what_does_not_pay(self):
        self.assertEqual([], self.moves(
            [*many(4, 0, 2), *many(2, 1, 2)], hysteresis=0.26))
        # Swapping the two helps nobody.
        self.assertEqual([], self.moves([
            guest('a', 6, nodes=[0]), guest('b', 5, nodes=[1])]))

    def test_it_goes_on_while_it_pays(self):
        guests = many(8, 0)
        found = self.moves(guests)
        self.assertEqual(4, len(found))
        self.assertEqual([], self.moves(
            affine.standing(guests, self.plan)))

    def test_soft_ones_move_first(self):
        self.assertEqual(['soft'], self.moves([
            guest('a', 2, strict=True, nodes=[0]),
            guest('soft', 2, nodes=[0]),
            guest('b', 2, strict=True, nodes=[0])], hysteresis=0.2))

    def test_not_away_from_its_devices(self):
        self.assertEqual(['b'], self.moves([
            guest('a', 4, nodes=[0], near=[0]), guest('b', 4, nodes=[0])]))

    def test_not_onto_a_node_without_memory(self):
        self.assertEqual([], self.moves([
            *many(4, 0, 2, 1), guest('full', 1, 16, nodes=[1])]))

    def test_packed_guests_stay(self):
        self.assertEqual([], self.moves(many(8, 0), policy='pack'))
        self.assertEqual(['0-0'], self.moves(
            many(5, 0, 2), policy='pack'))

    def test_back_after_a_guest_went(self):
        """Who came in its place stays there."""
        guests = [guest('a', 4), guest('b', 4), guest('c', 2)]
        plan = affinity.plan(TWO, guests)
        stand = affine.standing(guests, plan)
        left = [found for found in stand if found.name != 'c']
        self.assertEqual([], self.moves(left))
        self.assertEqual([], self.moves(
            [*left, guest('d', 2)]))


class TestRelieve(MovesTestCase):

    def test_the_smallest_that_will_do(self):
        self.assertEqual(['c'], self.moves([
            guest('a', 1, 8, nodes=[0]), guest('b', 1, 6, nodes=[0]),
            guest('c', 1, 4, nodes=[0])], hysteresis=1.0))
        self.assertEqual(
            'cell 0 has too little memory', self.plan.places['c'].reason)

    def test_soft_ones_first(self):
        self.assertEqual(['b'], self.moves([
            guest('a', 1, 4, True, [0]), guest('b', 1, 6, nodes=[0]),
            guest('c', 1, 8, True, [0])], hysteresis=1.0))

    def test_who_can_go_nowhere_stays(self):
        self.assertEqual([], self.moves([
            guest('a', 1, 10, True, [0]), guest('b', 1, 10, True, [0]),
            guest('c', 1, 12, True, [1])], hysteresis=1.0))

    def test_the_order(self):
        """Who makes room goes first."""
        guests = [
            guest('a', 1, 12, True, [0]), guest('b', 1, 8, True, [0]),
            guest('c', 1, 4, True, [1])]
        self.assertEqual(['b'], self.moves(guests, hysteresis=1.0))


class TestGather(MovesTestCase):

    def test_where_there_is_room_again(self):
        guests = [guest('a', 6), guest('b', 6), guest('c', 4)]
        plan = affinity.plan(TWO, guests)
        self.assertEqual([0, 1], sorted(plan.places['c'].nodes))
        stand = affine.standing(guests, plan)[1:]
        self.assertEqual(['c'], self.moves(stand))
        self.assertEqual([0], sorted(self.plan.places['c'].nodes))
        self.assertEqual(
            'fewer cells hold it now', self.plan.places['c'].reason)

    def test_not_away_from_devices(self):
        wide = guest('a', 6, nodes=[0, 1], near=[0, 1])
        self.assertEqual([], self.moves([wide]))

    def test_overcommitted(self):
        """It does not make the worst of the nodes worse."""
        self.assertEqual([], self.moves(
            [*many(6, 0, 2), *many(6, 1, 2), guest('a', 4, nodes=[0, 1])],
            overcommitted=True))
        self.assertEqual(['a'], self.moves(
            [*many(6, 0, 2), *many(2, 1, 2), guest('a', 4, nodes=[0, 1])],
            overcommitted=True, hysteresis=2.0))


class TestSqueezed(MovesTestCase):

    def test_off_a_node_that_lost_cpus(self):
        self.assertEqual(['a'], self.moves(
            [guest('a', 6, nodes=[0])], host((4, 16), (8, 16))))
        self.assertEqual(['a'], self.moves(
            [guest('a', 4, nodes=[7])], host((4, 16), (8, 16))))
