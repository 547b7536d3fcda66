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

"""Guests that are to stand on few nodes, from the flavor to the domain.

The host has four nodes of 8 shared CPUs and 16 GiB each.
"""

from xml.etree import ElementTree

from nova_numa_ext.domain import metadata
from nova_numa_ext.topology import cpuset
from tests.functional import base
from tests.functional import hypervisor

SOFT = {'numa_ext:numa_affinity': 'soft'}
STRICT = {'numa_ext:numa_affinity': 'strict'}
GIB = 1024


class AffinityTestCase(base.TestCase):

    cpu_ratio = 1.0
    cpus = {'cpu_shared_set': '0-31'}

    def setUp(self):
        super().setUp()
        self.flags(**self.cpus, group='compute')
        self.flags(reserved_host_memory_mb=0, ram_allocation_ratio=2.0,
                   cpu_allocation_ratio=self.cpu_ratio)
        self.start_host(host_info=hypervisor.host(), far=20)

    def guest(self, specs=None, vcpus=4, memory_gib=2, **kwargs):
        return self._create_server(
            flavor_id=self.flavor(
                specs, vcpus, memory_mb=memory_gib * GIB),
            networks='none', **kwargs)

    def domain(self, server, host='compute1'):
        return ElementTree.fromstring(self.xml(server, host))

    def assertStands(self, server, nodes, strict=False, range_bound=False):
        """Assert that a guest is on these nodes, and on no others.

        :returns: the CPUs of its vCPUs
        """
        domain = self.domain(server)
        cpus = [node * 8 + cpu for node in nodes for cpu in range(8)]
        self.assertEqual(
            cpuset.show(cpus),
            domain.find('cputune/emulatorpin').get('cpuset'))
        pins = [cpuset.parse(pin.get('cpuset'))
                for pin in domain.findall('cputune/vcpupin')]
        self.assertEqual(int(domain.findtext('vcpu')), len(pins))
        if range_bound:
            self.assertEqual({frozenset(cpus)}, set(pins))
        else:
            self.assertEqual({1}, set(map(len, pins)))
            self.assertLessEqual(frozenset().union(*pins), set(cpus))
        memory = domain.find('numatune/memory')
        self.assertEqual(
            {'mode': 'strict', 'nodeset': cpuset.show(nodes)}
            if strict else None,
            None if memory is None else dict(memory.attrib))
        return frozenset().union(*pins)

    def assertFloats(self, server):
        domain = self.domain(server)
        self.assertEqual([], domain.findall('cputune/*'))
        self.assertIsNone(domain.find('numatune'))
        self.assertEqual('0-31', domain.find('vcpu').get('cpuset'))

    def kept(self, server):
        """Return what the domain keeps of what was asked for."""
        return [(setting.name, setting.value, setting.source)
                for setting in metadata.read(self.domain(server))]


class OneToOneTest(AffinityTestCase):

    def test_where_they_land(self):
        """The least loaded node; CPUs of their own as long as there are."""
        first = self.guest(SOFT)
        self.assertStands(first, [0])
        strict = self.guest(STRICT, memory_gib=4)
        self.assertStands(strict, [1], strict=True)
        self.assertEqual(
            [('numa_affinity', 'strict', 'flavor')], self.kept(strict))
        # More than a node has CPUs.
        wide = self.guest(STRICT, vcpus=10)
        taken = self.assertStands(wide, [2, 3], strict=True)
        self.assertEqual(10, len(taken))
        self._delete_server(strict)
        self.assertStands(self.guest(SOFT, vcpus=8), [1])
        self.assertStands(self.guest(SOFT, vcpus=3), [0])
        self.assertFalse(
            taken & self.assertStands(self.guest(SOFT, vcpus=3), [2]))

    def test_it_stays_where_it_is(self):
        self.guest(SOFT)
        server = self.guest(STRICT)
        self.guest(SOFT)
        cpus = self.assertStands(server, [1], strict=True)
        self._reboot_server(server, hard=True)
        self.assertEqual(cpus, self.assertStands(server, [1], strict=True))
        self._stop_server(server)
        self._start_server(server)
        self.assertEqual(cpus, self.assertStands(server, [1], strict=True))

    def test_the_option(self):
        self.flags(numa_affinity='soft', group='numa_ext')
        server = self.guest()
        self.assertStands(server, [0])
        self.assertEqual(
            [('numa_affinity', 'soft', 'option')], self.kept(server))
        self.assertFloats(self.guest({'numa_ext:numa_affinity': 'none'}))
        # Nova's own word on nodes comes first.
        nodes = self.domain(self.guest({'hw:numa_nodes': '2'}))
        self.assertEqual(2, len(nodes.findall('numatune/memnode')))
        self.assertEqual((), metadata.read(nodes))
        self.assertStands(self.guest(STRICT), [1], strict=True)

    def test_packed(self):
        self.flags(numa_affinity_policy='pack', group='numa_ext')
        for nodes in ([0], [0], [1]):
            self.assertStands(self.guest(SOFT), nodes)

    def test_a_wrong_flavor(self):
        for specs, what in (
            ({**SOFT, 'hw:numa_nodes': '2'}, 'hw:numa_nodes'),
            ({**SOFT, 'hw:mem_page_size': 'small'}, 'hw:mem_page_size'),
            ({**STRICT, 'numa_ext:numa_nodes': 'auto'},
             "flavor numa_ext:numa_nodes='auto'"),
        ):
            server = self.guest(specs, expected_state='ERROR')
            word = specs['numa_ext:numa_affinity']
            self.assertEqual(
                f'Build of instance {server["id"]} aborted: flavor '
                f"numa_ext:numa_affinity='{word}': {what} does not go with "
                'it. Remove one of the two.', server['fault']['message'])


class RangeTest(AffinityTestCase):

    cpu_ratio = 4.0

    def test_where_they_land(self):
        servers = [self.guest(specs) for specs in (SOFT, STRICT, SOFT, SOFT)]
        for node, server in enumerate(servers):
            self.assertStands(
                server, [node], strict=node == 1, range_bound=True)
        self.assertStands(self.guest(SOFT), [0], range_bound=True)


class DedicatedTest(AffinityTestCase):
    """Two nodes are for guests with dedicated CPUs."""

    cpus = {'cpu_shared_set': '0-15', 'cpu_dedicated_set': '16-31'}

    def test_both(self):
        pinned = self.guest({'hw:cpu_policy': 'dedicated'}, memory_gib=8)
        self.assertEqual('2', self.domain(pinned).find(
            'numatune/memory').get('nodeset'))
        for nodes in ([0], [1]):
            self.assertStands(self.guest(SOFT), nodes)
        server = self.guest({**SOFT, 'hw:cpu_policy': 'dedicated'},
                            expected_state='ERROR')
        self.assertIn('hw:cpu_policy=dedicated does not go with it. Remove '
                      'one of the two.', server['fault']['message'])


class NoRoomTest(AffinityTestCase):

    def fill(self):
        for node in range(4):
            self.assertStands(
                self.guest(STRICT, 1, 10), [node], strict=True)

    def test_soft(self):
        self.fill()
        server = self.guest(SOFT, 1, 25)
        self.assertFloats(server)
        self.assertEqual(
            [('numa_affinity', 'soft', 'flavor')], self.kept(server))

    def test_strict(self):
        self.fill()
        self.flags(max_attempts=1, group='scheduler')
        server = self.guest(STRICT, 1, 25, expected_state='ERROR')
        self.assertEqual(
            'Insufficient compute resources: compute1: cell 0 lacks 19 GiB '
            'of free memory, cell 1 lacks 19 GiB of free memory and others.',
            server['fault']['message'])
        self.assertNotIn(server['id'], self.connections['compute1'].xml)
