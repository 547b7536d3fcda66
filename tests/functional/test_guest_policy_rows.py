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

"""Each row that shapes more than the CPU, on hosts of 2, 4 and 8 nodes.

From the flavor, through the API and the scheduler, to the domain's XML. The
guests span all nodes of their host; of each node half of the CPUs are for
dedicated vCPUs.
"""

from lxml import etree

from nova_numa_ext.topology import cpuset
from tests.functional import base
from tests.functional import hypervisor

CPUS = 32

DEDICATED = {'hw:cpu_policy': 'dedicated'}
REALTIME = {**DEDICATED, 'hw:cpu_realtime': 'yes',
            'hw:cpu_realtime_mask': '^0'}


def specs(**names):
    return {f'numa_ext:{name}': text for name, text in names.items()}


class Spanning:
    """A host of some nodes, and guests with two vCPUs on each of them.

    To be mixed into a base.TestCase that says how many ``nodes``.
    """

    def setUp(self):
        super().setUp()
        self.per_node = CPUS // self.nodes
        self.flags(cpu_dedicated_set=self.cpus(self.per_node // 2,
                                               self.per_node),
                   cpu_shared_set=self.cpus(0, self.per_node // 2),
                   group='compute')
        self.start_host(
            host_info=hypervisor.host(
                nodes=self.nodes, cores=self.per_node // 2),
            l3=tuple(self.cpus(0, self.per_node, [node])
                     for node in range(self.nodes)),
            allocates=True, far=20)

    def cpus(self, low, high, nodes=None):
        """Return these CPUs of each node, as a list that Nova reads."""
        return ','.join(
            f'{node * self.per_node + low}-{node * self.per_node + high - 1}'
            for node in (range(self.nodes) if nodes is None else nodes))

    def guest(self, extra_specs, properties=None):
        """Return the domain of a guest on all nodes, and boot it for that."""
        server = self.boot(
            {'hw:numa_nodes': str(self.nodes), **extra_specs}, properties,
            vcpus=2 * self.nodes)
        domain = etree.fromstring(self.xml(server))
        self._delete_server(server)
        return domain

    def pins(self, domain, tag, key):
        return {
            int(pin.get(key)): cpuset.parse(pin.get('cpuset'))
            for pin in domain.findall(f'cputune/{tag}')}

    def assertPart(self, expected, domain, path):
        """Assert that a part of the domain is this XML, None for none."""
        found = domain.find(path)
        self.assertEqual(
            expected and base._canonical(etree.fromstring(expected)),
            None if found is None else base._canonical(found))


class Rows(Spanning):

    def test_threads(self):
        realtime = cpuset.show(range(1, 2 * self.nodes))
        for asked, expected in (
            (specs(realtime_scheduler='rr'), 'scheduler="rr" priority="1"'),
            (specs(realtime_scheduler='fifo', realtime_priority='98'),
             'scheduler="fifo" priority="98"'),
            (specs(realtime_priority='7'), 'scheduler="fifo" priority="7"'),
        ):
            domain = self.guest({**REALTIME, **asked})
            self.assertPart(
                f'<vcpusched vcpus="{realtime}" {expected}/>', domain,
                'cputune/vcpusched')
            self.assertEqual(1, len(domain.findall('cputune/vcpusched')))

        domain = self.guest(specs(
            emulator_scheduler='fifo:3', iothreads='2',
            iothread_scheduler='rr:4'))
        self.assertPart(
            '<emulatorsched scheduler="fifo" priority="3"/>', domain,
            'cputune/emulatorsched')
        self.assertPart(
            '<iothreadsched iothreads="1-2" scheduler="rr" priority="4"/>',
            domain, 'cputune/iothreadsched')

    def test_iothreads(self):
        # Of two, beside the emulator; the only disk has the first.
        domain = self.guest(specs(iothreads='2'))
        emulator = cpuset.parse(
            domain.find('cputune/emulatorpin').get('cpuset'))
        self.assertEqual('2', domain.findtext('iothreads'))
        self.assertEqual(
            {1: emulator, 2: emulator},
            self.pins(domain, 'iothreadpin', 'iothread'))
        self.assertEqual(
            ['1'], [driver.get('iothread')
                    for driver in domain.findall('devices/disk/driver')])

        # A thread per node: on the CPUs of the node's vCPUs.
        for asked, properties in (
            (specs(iothreads='per-node'), None),
            (DEDICATED, {'numa_ext_iothreads': 'per-node'}),
        ):
            domain = self.guest(asked, properties)
            vcpus = self.pins(domain, 'vcpupin', 'vcpu')
            threads = self.pins(domain, 'iothreadpin', 'iothread')
            self.assertEqual(str(self.nodes), domain.findtext('iothreads'))
            self.assertEqual(
                {node + 1: vcpus[2 * node] | vcpus[2 * node + 1]
                 for node in range(self.nodes)}, threads)
            on = [{cpu // self.per_node for cpu in cpus}
                  for _thread, cpus in sorted(threads.items())]
            self.assertEqual(
                [1] * self.nodes, [len(nodes) for nodes in on])
            self.assertEqual(self.nodes, len(set.union(*on)))

        # Of realtime vCPUs it has no CPU: but for the first vCPU's, those of
        # the emulator.
        domain = self.guest({**REALTIME, **specs(iothreads='per-node')})
        self.assertEqual(
            {node + 1: self.pins(domain, 'vcpupin', 'vcpu')[0]
             for node in range(self.nodes)},
            self.pins(domain, 'iothreadpin', 'iothread'))

        domain = self.guest(specs(iothreads='off'))
        for path in ('iothreads', 'cputune/iothreadpin'):
            self.assertPart(None, domain, path)

    def test_numa(self):
        for mode in ('strict', 'preferred', 'interleave', 'restrictive'):
            domain = self.guest(specs(numa_mempolicy=mode))
            self.assertEqual(
                [mode] * self.nodes,
                [node.get('mode')
                 for node in domain.findall('numatune/memnode')])
            self.assertEqual(
                'interleave' if mode == 'preferred' else mode,
                domain.find('numatune/memory').get('mode'))

        domain = self.guest(specs(numa_distances='host'))
        stands = [int(node.get('nodeset'))
                  for node in domain.findall('numatune/memnode')]
        self.assertEqual(
            [[str(20 * abs(here - there) or 10) for there in stands]
             for here in stands],
            [[sibling.get('value') for sibling in cell.findall(
                'distances/sibling')]
             for cell in domain.findall('cpu/numa/cell')])
        domain = self.guest(specs(numa_distances='off'))
        self.assertPart(None, domain, 'cpu/numa/cell/distances')

        domain = self.guest({**DEDICATED, **specs(
            l3_allocation='1:8MiB,0:4MiB')})
        stands = [int(node.get('nodeset'))
                  for node in domain.findall('numatune/memnode')]
        self.assertEqual(
            [('0-1', str(stands[0]), '4096'), ('2-3', str(stands[1]), '8192')],
            [(tune.get('vcpus'), tune.find('cache').get('id'),
              tune.find('cache').get('size'))
             for tune in domain.findall('cputune/cachetune')])

    def test_dies(self):
        # All on one socket, of which each node is a die.
        for dies in ('auto', str(self.nodes)):
            domain = self.guest({
                **DEDICATED, 'hw:cpu_max_sockets': '1',
                'hw:cpu_max_threads': '1',
                **specs(cpu_dies=dies, cpu_topology='auto')})
            self.assertPart(
                f'<topology sockets="1" dies="{self.nodes}" cores="2" '
                'threads="1"/>', domain, 'cpu/topology')
        # Of the topology that Nova makes.
        domain = self.guest(
            {'hw:cpu_sockets': '1'}, {'numa_ext_cpu_dies': '2'})
        self.assertPart(
            f'<topology sockets="1" dies="2" cores="{self.nodes}" '
            'threads="1"/>', domain, 'cpu/topology')

    def test_devices(self):
        domain = self.guest(specs(memballoon='off', ksm='off'))
        self.assertPart(
            '<memballoon model="none"/>', domain, 'devices/memballoon')
        self.assertPart(
            '<memoryBacking><nosharepages/></memoryBacking>', domain,
            'memoryBacking')

        domain = self.guest({**DEDICATED, **specs(
            memballoon='on', ksm='on', kvm_hints='auto')})
        self.assertEqual(
            'virtio', domain.find('devices/memballoon').get('model'))
        self.assertPart(None, domain, 'memoryBacking')
        hints = ('<kvm><hint-dedicated state="on"/><poll-control state="on"/>'
                 '<pv-ipi state="on"/></kvm>')
        self.assertPart(hints, domain, 'features/kvm')
        for asked in ({}, {**DEDICATED, **specs(kvm_hints='off')}):
            domain = self.guest({**specs(kvm_hints='auto'), **asked})
            self.assertPart(None, domain, 'features/kvm')

    def test_profiles(self):
        domain = self.guest({**DEDICATED, **specs(profile='high-performance')})
        self.assertEqual('host-passthrough', domain.find('cpu').get('mode'))
        self.assertEqual(
            str(self.nodes), domain.find('cpu/topology').get('sockets'))
        self.assertIsNotNone(domain.find('cpu/cache'))
        self.assertIsNotNone(domain.find('features/kvm/hint-dedicated'))
        self.assertIsNotNone(domain.find('memoryBacking/nosharepages'))
        self.assertIsNone(domain.find('memoryBacking/locked'))
        self.assertPart(
            '<memballoon model="none"/>', domain, 'devices/memballoon')
        self.assertEqual(str(self.nodes), domain.findtext('iothreads'))

        agent = "devices/channel/target[@name='org.qemu.guest_agent.0']"
        with_agent = {'hw_qemu_guest_agent': 'yes'}
        for extra, pmu in ({}, 'off'), ({'hw:pmu': 'yes'}, 'on'):
            domain = self.guest(
                {**REALTIME, **extra, **specs(profile='realtime')},
                with_agent)
            self.assertPart(f'<pmu state="{pmu}"/>', domain, 'features/pmu')
            self.assertIsNone(domain.find(agent))
            self.assertIsNotNone(domain.find('memoryBacking/locked'))
            self.assertEqual('1', domain.find(
                'cputune/vcpusched').get('priority'))
        domain = self.guest(
            {**DEDICATED, **specs(profile='high-performance', iothreads='1',
                                  memballoon='on')}, with_agent)
        self.assertIsNotNone(domain.find(agent))
        self.assertEqual('1', domain.findtext('iothreads'))
        self.assertEqual(
            'virtio', domain.find('devices/memballoon').get('model'))


class TwoNodesTest(Rows, base.TestCase):
    nodes = 2


class FourNodesTest(Rows, base.TestCase):
    nodes = 4


class EightNodesTest(Rows, base.TestCase):
    nodes = 8
