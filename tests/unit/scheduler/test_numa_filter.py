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

import contextlib
from unittest import mock

import fixtures
from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
import testtools

from nova_numa_ext.scheduler import numa_filter
from nova_numa_ext.virt import vnuma
from tests.unit.virt import test_vnuma as guests

UUID = '5a2c1f0e-6e1a-4a4e-8d39-0c7d3f9a1b52'


class HostState:
    """What the filter looks at of Nova's."""

    pci_stats = None
    nodename = 'node'
    cpu_allocation_ratio = 2.0
    ram_allocation_ratio = 1.0

    def __init__(self, host, *cells):
        self.host = host
        self.numa_topology = guests.host(*cells) if cells else None
        self.limits = {}
        self.allocation_candidates = [{'mappings': {}}]


def request(flavor, topology=None, hints=None):
    return objects.RequestSpec(
        flavor=flavor, image=guests.image(), numa_topology=topology,
        pci_requests=None, instance_uuid=UUID,
        scheduler_hints=hints or {})


class FilterTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.running = self.useFixture(fixtures.MockPatchObject(
            numa_filter, '_nodes_of_running', autospec=True,
            return_value=None)).mock
        self.filter = numa_filter.AutoNUMATopologyFilter()

    def passed(self, spec, *hosts):
        return [host.host for host in self.filter.filter_all(hosts, spec)]

    def test_which_hosts(self):
        small = HostState('small', guests.cell(0))
        split = HostState('split', guests.cell(0), guests.cell(1))
        big = HostState('big', guests.cell(0, cpus=16))
        spec = request(guests.flavor(12))

        self.assertEqual(
            ['split', 'big'], self.passed(spec, small, split, big))

        self.assertIn(
            'No place for the guest on small: cell 0 lacks 4 free shared '
            'CPUs\n', self.log.output)
        # The scheduler goes on with that.
        self.assertEqual(1, len(spec.numa_topology))
        self.assertEqual(
            2.0, split.limits['numa_topology'].cpu_allocation_ratio)
        self.passed(spec, small, split)
        self.assertEqual(2, len(spec.numa_topology))

    def test_one_line_for_all_hosts(self):
        hosts = [HostState(name, guests.cell(0)) for name in 'abc']
        self.assertEqual([], self.passed(request(guests.flavor(9)), *hosts))
        lines = [line for line in self.log.output.splitlines()
                 if line.startswith('No place')]
        self.assertEqual(
            ['No place for the guest on ' + '; '.join(
                f'{name}: cell 0 lacks 1 free shared CPU' for name in 'abc')],
            lines)

    def test_candidates_of_placement_are_tried_for_each_split(self):
        """Nova's own filter takes away those that it tried in vain."""
        host = HostState('host', guests.cell(0), guests.cell(1))

        def passes(_filter, host_state, spec):
            if len(spec.numa_topology) == 1:
                host_state.allocation_candidates = []
                return False
            return bool(host_state.allocation_candidates)

        self.useFixture(fixtures.MonkeyPatch(
            'nova.scheduler.filters.numa_topology_filter.'
            'NUMATopologyFilter.host_passes', passes))
        self.assertEqual(
            ['host'], self.passed(request(guests.flavor(4)), host))

    def test_what_nova_alone_knows(self):
        host = HostState('host', guests.cell(0, threads=1))
        spec = request(guests.flavor(
            4, hw__cpu_policy='dedicated', hw__cpu_thread_policy='require'))
        self.assertEqual([], self.passed(spec, host))
        self.assertIn('that suits hw:cpu_thread_policy', self.log.output)

    def test_other_guests_are_novas(self):
        topology = objects.InstanceNUMATopology(cells=[
            objects.InstanceNUMACell(
                id=0, cpuset=set(range(12)), pcpuset=set(), memory=1024)])
        for extra_specs in {}, {'numa_ext:cpu_cache': 'auto'}:
            spec = request(objects.Flavor(
                vcpus=12, memory_mb=1024, extra_specs=extra_specs), topology)
            self.assertEqual(['big'], self.passed(
                spec, HostState('small', guests.cell(0), guests.cell(1)),
                HostState('big', guests.cell(0, cpus=16))))
            self.assertIs(topology, spec.numa_topology)
        self.running.assert_not_called()

    def test_why_other_guests_are_refused(self):
        wanted = vnuma.splitter(guests.flavor(
            12, hw__cpu_policy='dedicated'), guests.image()).wanted(2)
        spec = request(objects.Flavor(
            vcpus=12, memory_mb=1024, extra_specs={
                'hw:cpu_policy': 'dedicated', 'hw:numa_nodes': '2'}), wanted)
        self.assertEqual(['free'], self.passed(
            spec,
            HostState('full', guests.cell(0), guests.cell(1, pinned=4)),
            HostState('one', guests.cell(0, cpus=16)), HostState('none'),
            HostState('free', guests.cell(0), guests.cell(1))))
        self.assertIn(
            'No place for the guest on full: cell 1 lacks 2 free dedicated '
            'CPUs; one: the host has 1 NUMA node; none: it tells of no NUMA '
            'nodes\n', self.log.output)

    def test_why_other_guests_are_refused_where_nova_alone_knows(self):
        wanted = vnuma.splitter(guests.flavor(
            4, hw__cpu_policy='dedicated'), guests.image()).wanted(1)
        wanted.cells[0].cpu_thread_policy = 'require'
        self.assertEqual([], self.passed(
            request(objects.Flavor(
                vcpus=4, memory_mb=1024, extra_specs={}), wanted),
            HostState('host', guests.cell(0, threads=1))))
        self.assertIn('host: Nova finds no place for 1 NUMA node that suits',
                      self.log.output)

    def test_no_room_beside_the_devices(self):
        host = HostState('host', guests.cell(0), guests.cell(1, pinned=8))
        host.pci_stats = guests.devices(1)
        flavor = guests.flavor(4, hw__cpu_policy='dedicated')
        explicit = objects.Flavor(vcpus=4, memory_mb=1024, extra_specs={})
        wanted = vnuma.splitter(flavor, guests.image()).wanted(1)
        for spec in request(flavor), request(explicit, wanted):
            spec.pci_requests = objects.InstancePCIRequests(
                requests=[guests.device('required')])
            self.assertEqual([], self.passed(spec, host))
        self.assertEqual(2, self.log.output.count(
            'host: its devices are near cell 1, which lacks '))

    def test_a_rebuild_goes_nowhere(self):
        self.assertEqual(['full'], self.passed(
            request(guests.flavor(12),
                    hints={'_nova_check_type': ['rebuild']}),
            HostState('full', guests.cell(0))))

    def test_hosts_that_tell_of_no_nodes(self):
        self.assertEqual(['plain'], self.passed(
            request(guests.flavor(12)), HostState('plain')))
        pinned = request(
            guests.flavor(4, hw__cpu_policy='dedicated'),
            objects.InstanceNUMATopology(cells=[]))
        pinned.numa_topology.cells = [objects.InstanceNUMACell(id=0)]
        self.assertEqual([], self.passed(pinned, HostState('plain')))
        self.assertIn('plain: it tells of no NUMA nodes', self.log.output)

    def test_a_guest_that_runs_keeps_its_nodes(self):
        self.running.return_value = 2
        spec = request(guests.flavor(4))
        self.assertEqual(['split'], self.passed(
            spec, HostState('big', guests.cell(0, cpus=16)),
            HostState('split', guests.cell(0), guests.cell(1))))
        self.assertEqual(2, len(spec.numa_topology))
        self.assertIn('big: it runs with 2 NUMA nodes, and here the host has '
                      '1 NUMA node\n', self.log.output)

    def test_one_host(self):
        self.assertTrue(self.filter.host_passes(
            HostState('a', guests.cell(0)), request(guests.flavor(8))))
        self.assertFalse(self.filter.host_passes(
            HostState('a', guests.cell(0)), request(guests.flavor(9))))
        self.assertTrue(self.filter.host_passes(
            HostState('a', guests.cell(0)), request(objects.Flavor(
                vcpus=9, memory_mb=1024, extra_specs={}))))


class NodesOfRunningTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.mapping = self.useFixture(fixtures.MockPatchObject(
            objects.InstanceMapping, 'get_by_instance_uuid',
            autospec=True)).mock
        self.useFixture(fixtures.MockPatchObject(
            nova_context, 'target_cell', autospec=True,
            return_value=contextlib.nullcontext(mock.sentinel.cell)))
        self.instance = self.useFixture(fixtures.MockPatchObject(
            objects.Instance, 'get_by_uuid', autospec=True)).mock

    def nodes(self, mapping, instance=None):
        self.mapping.side_effect = [mapping]
        self.instance.side_effect = [instance]
        return numa_filter._nodes_of_running(request(guests.flavor()))

    def in_a_cell(self):
        return objects.InstanceMapping(
            cell_mapping=objects.CellMapping(uuid=UUID))

    def guest(self, task_state, nodes=2):
        return objects.Instance(
            task_state=task_state,
            numa_topology=nodes and objects.InstanceNUMATopology(cells=[
                objects.InstanceNUMACell(id=node) for node in range(nodes)]))

    def test_a_live_migration(self):
        self.assertEqual(2, self.nodes(
            self.in_a_cell(), self.guest(task_states.MIGRATING)))

    def test_all_else(self):
        for mapping, instance in (
            (exception.InstanceMappingNotFound(uuid=UUID), None),
            (objects.InstanceMapping(cell_mapping=None), None),
            (self.in_a_cell(), exception.InstanceNotFound(instance_id=UUID)),
            (self.in_a_cell(), self.guest(task_states.RESIZE_PREP)),
            (self.in_a_cell(), self.guest(task_states.MIGRATING, None)),
        ):
            self.assertIsNone(self.nodes(mapping, instance))
