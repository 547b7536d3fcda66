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

import ddt
from hypothesis import given
from hypothesis import strategies
import testtools

from nova_numa_ext.domain import distances
from nova_numa_ext.topology import host
from tests import golden
from tests.unit.domain import base

HOST = golden.specs(numa_distances='host')


def guest(nodes, slit, specs=HOST):
    """Return a guest on these host nodes of a host with this SLIT."""
    made = base.guest(
        specs, cells=golden.unpinned(len(nodes), 1), host_nodes=nodes)
    cells = tuple(
        host.HostCell(number, frozenset(), 0, dict(enumerate(row)))
        for number, row in enumerate(slit))
    return dataclasses.replace(
        made, host=dataclasses.replace(made.host, cells=cells))


SLIT = ((10, 16, 28), (16, 10, 22), (28, 22, 10))


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    @ddt.data(
        ((0, 1), ((10, 16), (16, 10))),
        ((2, 0), ((10, 28), (28, 10))),
        ((2, 1, 0), ((10, 22, 28), (22, 10, 16), (28, 16, 10))),
        # libvirt wants 10 of a node to itself only.
        ((1, 1), ((10, 11), (11, 10))),
    )
    @ddt.unpack
    def test_of_the_nodes_that_it_stands_on(self, nodes, expected):
        self.assertEqual(
            distances.Distances(expected),
            distances.configure(guest(nodes, SLIT)))

    def test_not_asked_for(self):
        for specs in ({'numa_distances': 'off'}, {'ksm': 'off'}):
            self.assertIsNone(distances.configure(
                guest((0, 1), SLIT, golden.specs(**specs))))

    @ddt.data((), (0,), (None, None), (0, None))
    def test_nothing_to_tell(self, nodes):
        self.assertIsNone(distances.configure(guest(nodes, SLIT)))

    @ddt.data((), ((10,), (10,)), ((), (20, 10)))
    def test_unknown(self, slit):
        refused = self.assertRaises(
            distances.HostCannot, distances.configure, guest((0, 1), slit))

        self.assertEqual('numa_ext:numa_distances', refused.origin.key)
        self.assertIn('set it to off', refused.remedy)


class TestWrite(base.ElementTestCase):

    def test_cells(self):
        def cells(first='', second=''):
            return (f'<cpu><numa><cell id="0" cpus="0">{first}</cell>'
                    f'<cell id="1" cpus="1">{second}</cell></numa></cpu>')

        self.assertWrites(
            cells('<distances><sibling id="0" value="10"/>'
                  '<sibling id="1" value="16"/></distances>',
                  '<distances><sibling id="0" value="21"/>'
                  '<sibling id="1" value="10"/></distances>'),
            distances.Distances(((10, 16), (21, 10))), cells())


class TestAnyHost(testtools.TestCase):

    @given(strategies.data())
    def test_symmetric_where_the_host_is(self, data):
        count = data.draw(strategies.integers(2, 5))
        slit = [[10] * count for _ in range(count)]
        for one in range(count):
            for other in range(one):
                slit[one][other] = slit[other][one] = data.draw(
                    strategies.integers(10, 254))
        nodes = data.draw(strategies.lists(
            strategies.integers(0, count - 1), min_size=2, max_size=5))

        rows = distances.configure(guest(tuple(nodes), slit)).rows

        for one, row in enumerate(rows):
            for other, value in enumerate(row):
                self.assertEqual(rows[other][one], value)
                self.assertEqual(one == other, value == 10)
