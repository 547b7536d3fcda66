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

import fixtures
import testtools

from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affinity_known
from tests.unit.domain import test_standing
from tests.unit.host import tree

HOST = affinity.Host(tuple(
    affinity.Node(number, frozenset(range(4 * number, 4 * number + 4)), 4096)
    for number in (0, 1)))
ELSEWHERE = affinity.Place(
    frozenset({1}), (frozenset({4}), frozenset({5})),
    frozenset(range(4, 8)), 'it is')


class KnownTest(testtools.TestCase):

    def known(self, files=None, **kwargs):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(files or {})).reader))
        return affinity_known.of_domain(test_standing.domain(**kwargs), HOST)

    def test_a_domain(self):
        self.assertEqual(
            affinity_known.Known(
                affinity.Guest(
                    '6fd2a4f8-5a3c-4c5e-9d0a-8a1b2c3d4e5f', 2, 512, True,
                    frozenset({0}), frozenset(),
                    (frozenset({1}), frozenset({2}))),
                frozenset(range(4)), (1,)),
            self.known(asked='strict'))

    def test_a_domain_without_a_place(self):
        found = self.known(place='')
        self.assertEqual(
            (frozenset(), ()), (found.guest.nodes, found.guest.pins))

    def test_a_domain_without_affinity(self):
        self.assertIsNone(self.known(asked='none'))

    def test_devices(self):
        folder = 'sys/bus/pci/devices'
        found = self.known({
            f'{folder}/0000:81:02.1/numa_node': '1',
            f'{folder}/0001:06:00.0/numa_node': '-1'})
        self.assertEqual(frozenset({1}), found.guest.near)

    def test_where_it_is(self):
        found = self.known()
        self.assertFalse(found.is_at(ELSEWHERE))
        moved = found.at(ELSEWHERE)
        self.assertTrue(moved.is_at(ELSEWHERE))
        for other in (
                {'nodes': frozenset({0, 1})},
                {'pins': (frozenset({4}), frozenset({6}))},
                {'emulator': frozenset({4})}):
            self.assertFalse(moved.is_at(
                affinity_known.dataclasses.replace(ELSEWHERE, **other)))

    def test_where_it_is_to_be(self):
        waits = affinity_known.dataclasses.replace(
            self.known(), waits_on=frozenset({1}))
        self.assertTrue(waits.is_at(ELSEWHERE))
        self.assertIsNone(waits.at(ELSEWHERE).waits_on)
