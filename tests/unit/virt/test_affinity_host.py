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

from unittest import mock

import fixtures
from nova import objects
import nova.conf
import testtools

from nova_numa_ext.topology import host as host_topology
from nova_numa_ext.virt import affinity_host
from nova_numa_ext.virt import driver
from tests.unit.virt import test_vnuma as guests

CONF = nova.conf.CONF
GIB = 1024


class AffinityHostTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.override('reserved_host_memory_mb', 0)
        self.driver = object.__new__(driver.NumaLibvirtDriver)
        self.driver._host = mock.Mock(spec=['get_connection'])
        self.driver._host_facts = mock.Mock(spec=['topology'])
        self.driver._host_facts.topology.return_value = (
            host_topology.HostTopology(
                'x86_64', tuple(
                    host_topology.HostCell(
                        number, frozenset(), 0, {0: 10 + 11 * number,
                                                 1: 21 - 11 * number})
                    for number in range(2)),
                {0: frozenset((0, 1)), 1: frozenset((0, 1))}, ()))
        self.manager = mock.Mock(spec=['rt'])
        self.manager.rt.compute_nodes = {}
        self.driver.virtapi = mock.Mock(
            spec=['_compute'], _compute=self.manager)
        self.stock = self.useFixture(fixtures.MockPatchObject(
            driver.NumaLibvirtDriver, '_get_host_numa_topology')).mock
        self.stock.return_value = None
        self.host = affinity_host.AffinityHost(self.driver)

    def override(self, name, value):
        CONF.set_override(name, value)
        self.addCleanup(CONF.clear_override, name)

    def account(self, *cells, **ratios):
        """Have the tracker have this account of the host."""
        self.manager.rt.compute_nodes['here'] = objects.ComputeNode(
            numa_topology=guests.host(*cells)._to_json() if cells else None,
            **ratios)

    def memory(self, *args, **kwargs):
        self.account(guests.cell(0, *args, **kwargs))
        (node,) = self.host.nodes().nodes
        return node.memory_mib

    def test_nodes(self):
        self.account(guests.cell(0), guests.cell(1, cpus=4))
        found = self.host.nodes()
        self.assertEqual(
            [(0, frozenset(range(8)), 4 * GIB, {0: 10, 1: 21}),
             (1, frozenset(range(64, 68)), 4 * GIB, {0: 21, 1: 10})],
            [(node.id, node.cpus, node.memory_mib, node.distances)
             for node in found.nodes])
        self.assertEqual(frozenset((0, 1)), found.siblings[0])
        self.stock.assert_not_called()

    def test_shared_cpus_only(self):
        self.account(guests.cell(0, shared=False))
        (node,) = self.host.nodes().nodes
        self.assertEqual(frozenset(), node.cpus)

    def test_memory_of_pinned_guests(self):
        self.assertEqual(3 * GIB, self.memory(memory_used=GIB))

    def test_huge_pages(self):
        pages = ((4, 1 << 19, 0), (2048, 1024, 256))
        self.assertEqual(2 * GIB, self.memory(pages=pages))
        # Half a GiB of what is used is in them.
        self.assertEqual(
            2 * GIB - 256,
            self.memory(pages=pages, memory_used=512 + 256))
        self.assertEqual(
            2 * GIB, self.memory(pages=pages, memory_used=512))

    def test_reserved_memory(self):
        self.override('reserved_host_memory_mb', 512)
        self.account(guests.cell(0, memory_mb=3 * GIB),
                     guests.cell(1, memory_mb=GIB))
        self.assertEqual(
            [3 * GIB - 384, GIB - 128],
            [node.memory_mib for node in self.host.nodes().nodes])

    def test_read_anew_where_it_changed(self):
        self.account(guests.cell(0))
        first = self.host.nodes()
        self.assertIs(first, self.host.nodes())
        self.assertEqual(GIB, self.memory(memory_used=3 * GIB))
        # Cores and distances are the hardware's.
        self.driver._host.get_connection.assert_called_once_with()

    def test_before_the_first_audit(self):
        self.assertEqual((), self.host.nodes().nodes)
        self.stock.return_value = guests.host(guests.cell(0))
        (node,) = self.host.nodes().nodes
        self.assertEqual(4 * GIB, node.memory_mib)
        self.manager.rt = None
        self.assertEqual(1, len(self.host.nodes().nodes))

    def test_is_overcommitted(self):
        for ratio, expected in ((1.0, False), (0.5, False), (4.0, True)):
            self.account(cpu_allocation_ratio=ratio)
            self.assertIs(expected, self.host.is_overcommitted())

    def test_is_overcommitted_by_the_options(self):
        self.assertTrue(self.host.is_overcommitted())
        self.account(cpu_allocation_ratio=4.0)
        self.override('cpu_allocation_ratio', 1.0)
        self.assertFalse(self.host.is_overcommitted())
