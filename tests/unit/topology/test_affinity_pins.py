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

import testtools

from nova_numa_ext.topology import affinity
from tests.unit.topology import affine
from tests.unit.topology.affine import guest
from tests.unit.topology.affine import host


class PinsTestCase(testtools.TestCase):

    def pins(self, somewhere, *guests, **kwargs):
        plan = affinity.plan(somewhere, guests, **kwargs)
        self.assertEqual({}, plan.refused)
        self.stand = affine.standing(guests, plan)
        return {
            name: [sorted(cpus) for cpus in place.pins]
            for name, place in plan.places.items()}


class TestOneToOne(PinsTestCase):

    def test_siblings_are_kept_together(self):
        self.assertEqual(
            {'a': [[4], [5]], 'b': [[0], [1], [2], [3]]},
            self.pins(
                host((8, 64), siblings=True), guest('a', 2, nodes=[0]),
                guest('b', 4, nodes=[0])))

    def test_a_single_one_takes_the_rest_of_a_core(self):
        somewhere = host((8, 64), siblings=True)
        self.pins(somewhere, guest('a', 3, nodes=[0]))
        found = self.pins(
            somewhere, *self.stand, guest('b', 2), guest('c', 1))
        self.assertEqual(
            {'a': [[0], [1], [2]], 'b': [[4], [5]], 'c': [[3]]}, found)

    def test_each_keeps_its_own(self):
        somewhere = host((8, 64))
        self.pins(somewhere, guest('a', 2), guest('b', 2), guest('c', 2))
        a, b, c = self.stand
        found = self.pins(somewhere, c, b, guest('d', 3))
        self.assertEqual([[2], [3]], found['b'])
        self.assertEqual([[4], [5]], found['c'])
        self.assertEqual([[0], [1], [6]], found['d'])

    def test_what_cannot_be_kept(self):
        somewhere = host((4, 64))
        for pins in ([0, 0], [0, 9], [0], [0, 1, 2]):
            stood = dataclasses.replace(
                guest('a', 2, nodes=[0]),
                pins=tuple(frozenset((cpu,)) for cpu in pins))
            self.assertEqual(
                {'a': [[0], [1]]}, self.pins(somewhere, stood))


class TestRange(PinsTestCase):

    def test_overcommitted(self):
        self.assertEqual(
            {'a': [[0, 1, 2, 3]] * 2},
            self.pins(host((4, 16)), guest('a', 2), overcommitted=True))

    def test_a_node_with_more_vcpus_than_cpus(self):
        found = self.pins(
            host((4, 16), (4, 16)), guest('a', 3, nodes=[0]),
            guest('b', 3, nodes=[0]), guest('c', 2, nodes=[1]),
            hysteresis=1.0)
        self.assertEqual([[0, 1, 2, 3]] * 3, found['a'])
        self.assertEqual([[0, 1, 2, 3]] * 3, found['b'])
        self.assertEqual([[4], [5]], found['c'])

    def test_its_cpus_are_its_own_again(self):
        somewhere = host((4, 16))
        self.pins(somewhere, guest('a', 3), guest('b', 3))
        self.assertEqual(
            {'a': [[0], [1], [2]]}, self.pins(somewhere, self.stand[0]))
