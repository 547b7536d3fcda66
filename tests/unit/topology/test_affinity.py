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

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import testtools

from nova_numa_ext.topology import affinity
from nova_numa_ext.topology import affinity_loads
from tests.unit.topology import affine
from tests.unit.topology.affine import guest
from tests.unit.topology.affine import host

FOUR = host(*[(8, 16)] * 4)

HOSTS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 24)),
    min_size=1, max_size=5).map(lambda sizes: host(*sizes, siblings=True))
GUESTS = st.lists(
    st.tuples(st.integers(1, 16), st.integers(1, 24), st.booleans(),
              st.frozensets(st.integers(0, 4), max_size=2)),
    max_size=14).map(lambda found: [
        guest(f'g{number}', vcpus, memory, strict, near=near)
        for number, (vcpus, memory, strict, near) in enumerate(found)])
POLICIES = st.sampled_from([affinity.SPREAD, affinity.PACK])


class TestNewGuests(testtools.TestCase):

    def test_the_least_loaded(self):
        plan = affinity.plan(FOUR, [
            guest('a', 4, nodes=[0]), guest('b', 2, nodes=[1]),
            guest('c', 3, nodes=[2]), guest('d', 3, nodes=[3]),
            guest('e', 2)])
        self.assertEqual([1], sorted(plan.places['e'].nodes))
        self.assertEqual(((), {}), (plan.moves, plan.refused))
        self.assertEqual(
            'the least loaded cell that can hold it',
            plan.places['e'].reason)

    def test_the_fullest_that_holds_it(self):
        stand = [guest('a', 6, nodes=[0]), guest('b', 4, nodes=[2])]
        plan = affinity.plan(
            FOUR, [*stand, guest('c', 3)], affinity.PACK)
        self.assertEqual([2], sorted(plan.places['c'].nodes))
        self.assertEqual(
            'the fullest cell that can hold it', plan.places['c'].reason)

    def test_packing_ends_where_vcpus_would_share(self):
        stand = [guest(str(node), 8, nodes=[node]) for node in range(3)]
        for overcommitted in (False, True):
            plan = affinity.plan(
                FOUR, [*stand, guest('new', 2)], affinity.PACK,
                overcommitted)
            self.assertEqual([3], sorted(plan.places['new'].nodes))
        # Then the least loaded is taken.
        stand = [guest('a', 8, nodes=[0]), guest('b', 8, nodes=[1]),
                 guest('c', 8, nodes=[2]), guest('d', 7, nodes=[3])]
        plan = affinity.plan(
            FOUR, [*stand, guest('new', 2)], affinity.PACK, True)
        self.assertEqual([3], sorted(plan.places['new'].nodes))

    def test_memory_counts_as_vcpus_do(self):
        plan = affinity.plan(host((8, 16), (8, 16)), [
            guest('a', 1, 12, nodes=[0]), guest('b', 4, 1, nodes=[1]),
            guest('c', 1, 1)])
        self.assertEqual([1], sorted(plan.places['c'].nodes))

    def test_on_several_nodes(self):
        plan = affinity.plan(FOUR, [guest('wide', 12, 20, True)])
        place = plan.places['wide']
        self.assertEqual([0, 1], sorted(place.nodes))
        self.assertEqual(
            [6, 6], [sum(pin <= node.cpus for pin in place.pins)
                     for node in FOUR.nodes[:2]])
        self.assertEqual(
            'the least loaded 2 cells that can hold it', place.reason)

    def test_the_nearest_of_several(self):
        far = host(*[(4, 16)] * 4, distances=[
            [10, 31, 21, 31], [31, 10, 31, 21],
            [21, 31, 10, 31], [31, 21, 31, 10]])
        plan = affinity.plan(
            far, [guest('a', 2, nodes=[0]), guest('wide', 6)])
        self.assertEqual([1, 3], sorted(plan.places['wide'].nodes))

    def test_beside_its_devices(self):
        plan = affinity.plan(
            FOUR, [guest('a', 4, nodes=[2]), guest('b', 4, near=[2])])
        self.assertEqual([2], sorted(plan.places['b'].nodes))
        self.assertIn('beside its devices', plan.places['b'].reason)
        # Where they do not fit, as near as can be.
        line = host(*[(8, 16)] * 4, distances=[
            [10 + 10 * abs(one - other) for other in range(4)]
            for one in range(4)])
        plan = affinity.plan(
            line, [guest('a', 6, nodes=[3]), guest('b', 4, near=[3])])
        self.assertEqual([2], sorted(plan.places['b'].nodes))

    def test_strict_ones_come_first(self):
        plan = affinity.plan(host((8, 16)), [
            guest('soft', 1, 10), guest('strict', 1, 8, True)])
        self.assertEqual({'strict': [0]}, affine.nodes_of(plan))
        self.assertEqual(
            {'soft': 'cell 0 lacks 2 GiB of free memory'}, plan.refused)

    def test_never_squeezed(self):
        narrow = host((4, 64), (2, 64))
        for overcommitted in (False, True):
            plan = affinity.plan(
                narrow, [guest('a', 6), guest('b', 7, strict=True)],
                overcommitted=overcommitted)
            self.assertEqual({'a': [0, 1]}, affine.nodes_of(plan))
            self.assertEqual({
                'b': 'cell 0 lacks 3 free shared CPUs, cell 1 lacks 5 free '
                     'shared CPUs'}, plan.refused)

    def test_what_is_named(self):
        plan = affinity.plan(FOUR, [guest('a', 9, 70, True)])
        self.assertEqual({
            'a': 'cell 0 lacks 1 free shared CPU and 54 GiB of free memory, '
                 'cell 1 lacks 1 free shared CPU and 54 GiB of free memory '
                 'and others'}, plan.refused)
        self.assertEqual(
            {'a': 'no cell has CPUs and memory for it'},
            affinity.plan(host((0, 16), (4, 0)), [guest('a')]).refused)

    def test_a_host_that_tells_of_no_nodes(self):
        plan = affinity.plan(affinity.Host(()), [guest('a')])
        self.assertEqual({}, plan.places)
        self.assertEqual(['a'], list(plan.refused))

    def test_many_nodes(self):
        wide = host(*[(4, 16)] * 16)
        plan = affinity.plan(wide, [guest('a', 30), guest('b', 30)])
        self.assertEqual(
            [8, 8], [len(place.nodes) for place in plan.places.values()])
        affine.check(
            self, wide, [guest('a', 30), guest('b', 30)], plan, False)


class TestPlace(testtools.TestCase):

    def test_others_stay(self):
        stand = [guest('a', 4, nodes=[0]), guest('b', 4, nodes=[0]),
                 guest('c', 8, nodes=[1])]
        small = host((8, 16), (8, 16))
        place = affinity.place(small, stand, guest('d', 2))
        self.assertEqual([0], sorted(place.nodes))
        self.assertEqual({small.nodes[0].cpus}, set(place.pins))

    def test_one_that_is_there_already(self):
        """Where others are as good it stays."""
        for nodes in ([0], [1]):
            found = guest('a', 4, nodes=nodes)
            self.assertEqual(nodes, sorted(affinity.place(
                FOUR, [found], found).nodes))

    def test_refused(self):
        self.assertEqual(
            'cell 0 lacks 1 GiB of free memory',
            affinity.place(host((4, 4)), [guest('a', 1, 3, nodes=[0])],
                           guest('b', 1, 2, True)))

    def test_all_at_once(self):
        """Each is told of those before it."""
        guests = []
        for number in range(4):
            new = guest(str(number), 2)
            place = affinity.place(FOUR, guests, new)
            guests.append(dataclasses.replace(
                new, nodes=place.nodes, pins=place.pins))
        self.assertEqual(
            [[0], [1], [2], [3]], [sorted(found.nodes) for found in guests])


class TestProperties(testtools.TestCase):

    @settings(deadline=None)
    @given(HOSTS, GUESTS, POLICIES, st.booleans(), st.data())
    def test_guests_that_come_and_go(
            self, somewhere, guests, policy, overcommitted, data):
        plan = affinity.plan(somewhere, guests, policy, overcommitted)
        affine.check(self, somewhere, guests, plan, overcommitted)
        stand = affine.standing(guests, plan)
        affine.check_settled(self, somewhere, stand, policy, overcommitted)

        gone = data.draw(st.frozensets(st.integers(0, 13)), 'gone')
        left = [found for number, found in enumerate(stand)
                if number not in gone]
        plan = affinity.plan(somewhere, left, policy, overcommitted)
        affine.check(self, somewhere, left, plan, overcommitted)
        # Who goes takes nobody's place.
        self.assertLessEqual(
            {found.name for found in left if found.nodes}, set(plan.places))
        self.assertMovesPay(somewhere, left, plan)
        affine.check_settled(
            self, somewhere, affine.standing(left, plan), policy,
            overcommitted)

    def assertMovesPay(self, somewhere, guests, plan):
        """Assert that the worst of the nodes that were touched is better."""
        after = affine.standing(guests, plan)
        if any(len(found.nodes) != 1 for found in (*guests, *after)):
            # Some waited, or came together on fewer nodes.
            return
        touched = set().union(*(
            one.nodes | other.nodes for one, other in zip(guests, after)
            if one.nodes != other.nodes))
        if touched:
            before, now = (
                max(affine.loads(somewhere, found)[node] for node in touched)
                for found in (guests, after))
            self.assertGreaterEqual(
                before - now, affinity.HYSTERESIS - 1e-6)

    @settings(deadline=None)
    @given(st.integers(1, 6), GUESTS, st.booleans())
    def test_pack_uses_no_more_nodes(self, nodes, guests, overcommitted):
        alike = host(*[(16, 24)] * nodes)
        used = []
        for policy in (affinity.PACK, affinity.SPREAD):
            plan = affinity.plan(
                alike,
                [dataclasses.replace(found, near=frozenset())
                 for found in guests], policy, overcommitted)
            if plan.refused:
                return
            used.append(len(frozenset().union(*(
                place.nodes for place in plan.places.values()))))
        self.assertLessEqual(used[0], used[1])

    @settings(deadline=None)
    @given(HOSTS, GUESTS, POLICIES, st.booleans())
    def test_the_order_to_move_in(self, somewhere, guests, policy, over):
        """Who moves finds memory, but in a ring of those that move."""
        plan = affinity.plan(somewhere, guests, policy, over)
        stand = affine.standing(guests, plan)
        # All are mixed up: each stands where the next one did.
        places = [found.nodes for found in stand]
        mixed = [
            dataclasses.replace(found, nodes=there, pins=())
            for found, there in zip(stand, [*places[1:], *places[:1]])]
        plan = affinity.plan(somewhere, mixed, policy, over)
        loads = affinity_loads.Loads(somewhere)
        there = {
            found.name: found for found in mixed
            if loads.is_wide_enough(found, found.nodes)}
        for found in there.values():
            loads.add(found, found.nodes)

        def can_go(found):
            if found.name in there:
                loads.add(found, found.nodes, -1)
            can = loads.weigh(found, plan.places[found.name].nodes)
            if found.name in there:
                loads.add(found, found.nodes)
            return can is not None

        waiting = {found.name: found for found in mixed
                   if found.name in plan.moves}
        for name in plan.moves:
            can = [found.name for found in waiting.values()
                   if can_go(found)]
            self.assertIn(name, can or waiting)
            found = waiting.pop(name)
            if there.pop(name, None) is not None:
                loads.add(found, found.nodes, -1)
            loads.add(found, plan.places[name].nodes)
        affine.check_settled(
            self, somewhere, affine.standing(mixed, plan), policy, over)
