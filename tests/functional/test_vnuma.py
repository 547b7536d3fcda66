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

"""Guests whose NUMA nodes the host decides, from the flavor to the host.

Each host has 32 CPUs; of each node half are for dedicated vCPUs, half shared.
"""

import fixtures
from lxml import etree
from nova import context
from nova import objects
import nova.conf
from nova.tests.functional.libvirt import base as nova_base
from nova.virt.libvirt import driver as nova_driver

from tests.functional import base
from tests.functional import hypervisor

CONF = nova.conf.CONF

FILTER = 'nova_numa_ext.scheduler.numa_filter.AutoNUMATopologyFilter'
AUTO = {'numa_ext:numa_nodes': 'auto', 'numa_ext:cpu_topology': 'auto'}
DEDICATED = {**AUTO, 'hw:cpu_policy': 'dedicated'}
PAGES = {**AUTO, 'hw:mem_page_size': '2MB'}
AT_MOST_ONE = {'numa_ext:numa_max_nodes': '1'}


def host(nodes=2, pages=None):
    """Return a host with 4 GiB in each node.

    :param pages: how many pages of 2 MiB each node has
    """
    cores = 16 // nodes
    info = hypervisor.host(nodes=nodes, cores=cores)
    sizes = [(4, (4 << 20) // 4)]
    if pages:
        sizes = [(4, 1 << 18), (2048, pages)]
    info.kB_mem = nodes * (4 << 20)
    info.numa_topology = hypervisor.fakelibvirt.NUMATopology(
        nodes, 1, cores, 2, info.kB_mem,
        [hypervisor.fakelibvirt.create_mempages(sizes)] * nodes)
    return info


class SplitTestCase(nova_base.LibvirtMigrationMixin, base.TestCase):

    ADDITIONAL_FILTERS = []
    #: The filter for guests with NUMA nodes.
    numa_filter = 'AutoNUMATopologyFilter'
    other_filters = ()

    def setUp(self):
        super().setUp()
        self.flags(cpu_shared_set='0-3,8-11,16-19,24-27',
                   cpu_dedicated_set='4-7,12-15,20-23,28-31',
                   group='compute')
        self.flags(reserved_host_memory_mb=0)
        self.flags(cpu_allocation_ratio=2.0, ram_allocation_ratio=1.0)
        for name in ('destroy', 'cleanup', '_finish_migration_vtpm',
                     '_compare_cpu'):
            self.useFixture(fixtures.MockPatchObject(
                nova_driver.LibvirtDriver, name))
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'migrate_disk_and_power_off',
            return_value='[]'))

    def _setup_scheduler_service(self):
        self.flags(
            available_filters=['nova.scheduler.filters.all_filters', FILTER],
            enabled_filters=[
                *(name for name in CONF.filter_scheduler.enabled_filters
                  if name != 'NUMATopologyFilter'),
                *([self.numa_filter] if self.numa_filter else []),
                *self.other_filters],
            group='filter_scheduler')
        return super()._setup_scheduler_service()

    def guest(self, specs, vcpus, memory_mib=1536, **kwargs):
        flavor = self.flavor(specs, vcpus, memory_mb=memory_mib)
        return self._create_server(
            flavor_id=flavor, networks='none', **kwargs)

    def cells(self, server):
        """Return the guest's nodes: vCPUs, memory and the host's node."""
        topology = self.instance(server).numa_topology
        return [(len(cell.total_cpus), cell.memory, cell.id)
                for cell in topology.cells]

    def assertSplit(self, number, server, name='compute1'):
        """Assert that all who know of a guest know so many nodes."""
        cells = self.cells(server)
        self.assertEqual(number, len(cells))
        self.assertEqual(1, len({cell[:2] for cell in cells}), cells)
        self.assertEqual(number, len({cell[2] for cell in cells}), cells)
        domain = etree.fromstring(self.xml(server, name))
        self.assertEqual(number, len(domain.findall('cpu/numa/cell')))
        self.assertEqual(
            str(number), domain.find('cpu/topology').get('sockets'))
        self.assertEqual(
            [str(cell[2]) for cell in cells],
            [node.get('nodeset')
             for node in domain.findall('numatune/memnode')])
        shown = self.admin_api.api_get(
            f'/servers/{server["id"]}/topology').body
        self.assertEqual(
            [cell[2] for cell in cells],
            [node['host_node'] for node in shown['nodes']])

    def used(self, name='compute1'):
        """Return what the scheduler sees used of each of a host's nodes."""
        node = objects.ComputeNode.get_by_nodename(
            context.get_admin_context(), name)
        return [(cell.cpu_usage, len(cell.pinned_cpus), cell.memory_usage)
                for cell in objects.NUMATopology.obj_from_db_obj(
                    node.numa_topology).cells]

    def log(self):
        return self.stdlog.logger.output


class SplitTest(SplitTestCase):
    """With this project's filter."""

    def test_one_node_where_it_fits(self):
        self.start_host(host_info=host())
        for specs in (AUTO, DEDICATED):
            server = self.guest(specs, 8)
            self.assertSplit(1, server)
            self._delete_server(server)
        self.assertEqual([(0, 0, 0)] * 2, self.used())

    def test_two_where_one_has_too_few_cpus(self):
        self.start_host(host_info=host())
        server = self.guest(AUTO, 12)
        self.assertSplit(2, server)
        self.assertEqual([(6, 0, 768)] * 2, self.used())
        self._delete_server(server)

        server = self.guest(DEDICATED, 12)
        self.assertSplit(2, server)
        self.assertEqual([(0, 6, 768)] * 2, self.used())
        self._run_periodics()
        self.assertEqual([(0, 6, 768)] * 2, self.used())

    def test_two_where_one_has_too_little_memory(self):
        self.start_host(host_info=host())
        for specs in (AUTO, DEDICATED):
            server = self.guest(specs, 2, 6144)
            self.assertSplit(2, server)
            self._delete_server(server)

    def test_two_where_one_has_too_few_pages(self):
        self.start_host(host_info=host(pages=512))
        server = self.guest(PAGES, 4, 2048)
        self.assertSplit(2, server)
        self.assertEqual(
            [2048] * 2, [cell.pagesize for cell in
                         self.instance(server).numa_topology.cells])
        self._delete_server(server)
        self.assertSplit(1, self.guest(PAGES, 4, 1024))

    def test_mixed(self):
        self.start_host(host_info=host())
        server = self.guest(
            {**AUTO, 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '^0'},
            12)
        self.assertSplit(2, server)
        self.assertEqual([5, 6], sorted(
            len(cell.pcpuset)
            for cell in self.instance(server).numa_topology.cells))

    def test_a_number_that_divides_evenly(self):
        self.start_host(host_info=host(nodes=4))
        # Three nodes would do for the memory, and two do not.
        server = self.guest(AUTO, 4, 10240)
        self.assertSplit(4, server)

    def test_what_others_have_is_seen(self):
        self.start_host(host_info=host())
        first, second = (self.guest(DEDICATED, 4) for _ in range(2))
        self.assertNotEqual(self.cells(first), self.cells(second))

        # Each node has four CPUs left.
        third = self.guest(DEDICATED, 8)
        self.assertSplit(2, third)

    def test_no_more_than_the_flavor_allows(self):
        self.start_host(host_info=host())
        server = self.guest({**DEDICATED, **AT_MOST_ONE}, 8)
        self.assertSplit(1, server)
        self._delete_server(server)
        self.start_host('compute2', host_info=host(nodes=4))
        self.guest({**DEDICATED, **AT_MOST_ONE}, 12, expected_state='ERROR')
        for reason in (
            'No place for the guest on compute',
            'compute1: the guest takes 2 NUMA nodes, and '
            'numa_ext:numa_max_nodes allows 1',
            '; compute',
            'compute2: the guest takes 3 NUMA nodes, and '
            'numa_ext:numa_max_nodes allows 1',
        ):
            self.assertIn(reason, self.log())

    def test_hosts_that_cannot_are_passed_over(self):
        for name in 'compute1', 'compute2':
            self.start_host(name, host_info=host())
        first = self.guest(DEDICATED, 2, 3072)
        full = self.instance(first).host
        other, = {'compute1', 'compute2'} - {full}
        server = self.guest(DEDICATED, 2, 4608)
        self.assertEqual(other, self.instance(server).host)
        self.assertSplit(2, server, other)
        self.assertIn(
            f'No place for the guest on {full}: cell '
            f'{self.cells(first)[0][2]} lacks 1.2 GiB of free memory in '
            'pages of 4 KiB', self.log())
        self.assertNotIn('Failed to claim', self.log())

    def test_several_at_once(self):
        self.start_host(host_info=host())
        flavor = self.flavor(DEDICATED, 8, memory_mb=512)
        self.api.post_server({'server': {
            **self._build_server(flavor_id=flavor, networks='none'),
            'min_count': 2}})
        for server in self.api.get_servers():
            self._wait_for_state_change(server, 'ACTIVE')
            self.assertSplit(1, server)

    def test_both_number_and_auto(self):
        self.start_host(host_info=host())
        server = self.guest(
            {**AUTO, 'hw:numa_nodes': '2'}, 4, expected_state='ERROR')
        self.assertIn(
            "flavor numa_ext:numa_nodes='auto': hw:numa_nodes does not go "
            'with it. Remove one of the two.', server['fault']['message'])

    def test_without_auto_it_is_novas(self):
        self.start_host(host_info=host())
        nova = {'hw:cpu_policy': 'dedicated',
                'numa_ext:cpu_topology': 'auto'}
        self.guest(nova, 12, expected_state='ERROR')
        self.assertIn(
            'No place for the guest on compute1: cell 0 lacks 4 free '
            'dedicated CPUs, cell 1 lacks 4 free dedicated CPUs', self.log())
        self.assertSplit(2, self.guest({**nova, 'hw:numa_nodes': '2'}, 12))
        plain = self.guest({}, 4)
        self.assertIsNone(self.instance(plain).numa_topology)

    def test_reboot_keeps(self):
        self.start_host(host_info=host())
        first = self.guest(DEDICATED, 4)
        second = self.guest(DEDICATED, 4)
        server = self.guest(DEDICATED, 8)
        before = self.cells(server)
        for other in first, second:
            self._delete_server(other)
        self.connections['compute1'].xml.clear()
        self._reboot_server(server, hard=True)
        self.assertSplit(2, server)
        self.assertEqual(before, self.cells(server))

    def test_cold_migration_decides_anew(self):
        self.start_host(host_info=host())
        server = self.guest(DEDICATED, 12)
        self.start_host('compute2', host_info=host(nodes=1))
        self._migrate_server(server, api=self.admin_api)
        self.assertEqual('compute2', self.instance(server).host)
        self.assertSplit(1, server, 'compute2')
        self._revert_resize(server)
        self.assertSplit(2, server)
        self.assertEqual([(0, 0, 0)], self.used('compute2'))

        self._migrate_server(server, api=self.admin_api)
        self._confirm_resize(server)
        self.assertEqual([(0, 0, 0)] * 2, self.used())
        self.assertEqual([(0, 12, 1536)], self.used('compute2'))

    def test_resize_decides_anew(self):
        self.flags(allow_resize_to_same_host=True)
        self.start_host(host_info=host())
        server = self.guest(DEDICATED, 12)
        # Until this is confirmed each node has two CPUs left.
        self._resize_server(
            server, self.flavor(DEDICATED, 4, memory_mb=512))
        self.assertSplit(2, server)
        self._confirm_resize(server)
        self.assertEqual([(0, 2, 256)] * 2, self.used())

        self._resize_server(server, self.flavor(
            {**AUTO, 'numa_ext:numa_mempolicy': 'preferred'}, 4,
            memory_mb=512))
        self.assertSplit(1, server)
        self._revert_resize(server)
        self.assertSplit(2, server)

    def test_evacuation_decides_anew(self):
        self.start_host(host_info=host())
        server = self.guest(DEDICATED, 12)
        self.start_host('compute2', host_info=host(nodes=1))
        self.computes['compute1'].stop()
        self.admin_api.put_service_force_down(
            self.admin_api.get_services(
                binary='nova-compute', host='compute1')[0]['id'], True)
        self._evacuate_server(server)
        self.assertEqual([(12, 1536, 0)], self.cells(server))

    def test_live_migration_keeps(self):
        self.start_host(host_info=host())
        others = [self.guest(DEDICATED, 4) for _ in range(2)]
        self.server = server = self.guest(DEDICATED, 8)
        self.assertSplit(2, server)
        for other in others:
            self._delete_server(other)
        # This one has room for it in one node, and is out of the question.
        self.start_host('compute2', host_info=host(nodes=1))
        self.start_host('compute3', host_info=host())
        self.src, self.dest = (
            self.computes[name] for name in ('compute1', 'compute3'))
        self._live_migrate(server, api=self.admin_api)
        self.assertTrue(self.migrate_stub_ran)
        self.assertEqual('compute3', self.instance(server).host)
        self.assertEqual(2, len(self.cells(server)))
        self.assertEqual([(0, 4, 768)] * 2, self.used('compute3'))
        self.assertIn('No place for the guest on compute2: it runs with 2 '
                      'NUMA nodes, and here the host has 1 NUMA node',
                      self.log())


class WithoutFilterTest(SplitTestCase):
    """Where the scheduler knows nothing of it, the claim refuses."""

    numa_filter = None

    def test_the_claim_splits(self):
        self.start_host(host_info=host())
        for specs in (AUTO, DEDICATED):
            server = self.guest(specs, 12)
            self.assertSplit(2, server)
            self._delete_server(server)

    def test_another_host_is_tried(self):
        # More memory makes it the first choice.
        self.start_host(host_info=host(nodes=4))
        self.start_host('compute2', host_info=host(nodes=1))
        server = self.guest({**DEDICATED, **AT_MOST_ONE}, 12)
        self.assertEqual('compute2', self.instance(server).host)
        self.assertSplit(1, server, 'compute2')
        self.assertEqual([(0, 0, 0)] * 4, self.used())
        self.assertIn(
            'compute1: the guest takes 3 NUMA nodes, and '
            'numa_ext:numa_max_nodes allows 1', self.log())

    def test_no_host_is_left(self):
        self.flags(max_attempts=1, group='scheduler')
        self.start_host(host_info=host(pages=512))
        server = self.guest(
            {**PAGES, **AT_MOST_ONE}, 4, 3072, expected_state='ERROR')
        self.assertEqual(
            'Insufficient compute resources: compute1: cell 0 lacks 1024 '
            'free pages of 2 MiB, cell 1 lacks 1024 free pages of 2 MiB.',
            server['fault']['message'])
        self.assertNothingLeft(server)

        # Of guests that say how many nodes they have, too.
        server = self.guest(
            {'hw:numa_nodes': '1', 'hw:cpu_policy': 'dedicated'}, 12, 512,
            expected_state='ERROR')
        sentence = (
            'compute1: cell 0 lacks 4 free dedicated CPUs, cell 1 lacks 4 '
            'free dedicated CPUs')
        self.assertEqual(
            f'Insufficient compute resources: {sentence}.',
            server['fault']['message'])
        self.assertEqual(1, self.log().count(f'] {sentence}\n'))

    def test_live_migration_keeps(self):
        self.start_host(host_info=host())
        self.server = server = self.guest(AUTO, 12)
        self.start_host('compute2', host_info=host())
        self.src, self.dest = (
            self.computes[name] for name in ('compute1', 'compute2'))
        self._live_migrate(server, api=self.admin_api)
        self.assertEqual(2, len(self.cells(server)))

class NovasFilterTest(SplitTestCase):
    """What Nova's own filter lets through."""

    numa_filter = 'NUMATopologyFilter'

    def test_unpinned_and_pinned(self):
        self.start_host(host_info=host())
        self.assertSplit(2, self.guest(AUTO, 12))
        # It sees one node, as Nova's API has it.
        self.guest(DEDICATED, 12, expected_state='ERROR')
        self.assertSplit(1, self.guest(DEDICATED, 8))

    def test_where_the_policy_is_off(self):
        self.flags(guest_policy=False, group='numa_ext')
        self.start_host(host_info=host())
        server = self.guest(AUTO, 12)
        self.assertIsNone(self.instance(server).numa_topology)
