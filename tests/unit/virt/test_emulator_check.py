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
from nova.tests import fixtures as nova_fixtures
from nova.virt.libvirt import host as libvirt_host
import testtools

from nova_numa_ext.policy import HostCannot
from nova_numa_ext.topology import host as topology
from nova_numa_ext.virt import emulator_check
from nova_numa_ext.virt import host_facts
from tests.unit.host import tree

CONF = nova.conf.CONF

HOST = topology.HostTopology('x86_64', tuple(
    topology.HostCell(
        node, frozenset(range(4 * node, 4 * node + 4)), 1 << 20)
    for node in range(2)), {}, ())
GROUPS = {'sys/fs/cgroup/cpuset.cpus.effective': '0-7'}


class JudgeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(nova_fixtures.ConfFixture(CONF))
        self.connection = mock.Mock(spec_set=['getLibVersion'])
        self.connection.getLibVersion.return_value = 9_000_000
        self.be(GROUPS)

    def be(self, files):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(files)).reader))

    def shared(self, cpus):
        CONF.set_override('cpu_shared_set', cpus, group='compute')
        self.addCleanup(
            CONF.clear_override, 'cpu_shared_set', group='compute')

    def judge(self, policy, nodes=(0, 1), pagesize=2048, reserved=None,
              **specs):
        """Judge a guest that has two vCPUs on each of its nodes."""
        cells = [
            objects.InstanceNUMACell(
                id=node, cpuset=set(), pcpuset={2 * index, 2 * index + 1},
                memory=256, pagesize=pagesize,
                cpu_policy='dedicated', cpu_pinning_raw={
                    str(2 * index): 4 * node + 1,
                    str(2 * index + 1): 4 * node + 2},
                cpuset_reserved=reserved if not index else None)
            for index, node in enumerate(nodes)]
        if policy:
            specs['hw:emulator_threads_policy'] = policy
        instance = objects.Instance(
            flavor=objects.Flavor(vcpus=2 * len(nodes), extra_specs=specs),
            numa_topology=objects.InstanceNUMATopology(
                cells=cells, emulator_threads_policy=policy))
        host = mock.create_autospec(libvirt_host.Host, instance=True)
        host.get_connection.return_value = self.connection
        facts = mock.create_autospec(host_facts.HostFacts, instance=True)
        facts.topology.return_value = HOST
        emulator_check.judge(
            instance, objects.ImageMeta.from_dict({}), host, facts)

    def test_isolated_on_one_of_two_nodes(self):
        error = self.assertRaises(
            HostCannot, self.judge, 'isolate', reserved={2})
        self.assertEqual(
            "flavor hw:emulator_threads_policy='isolate': emulator threads "
            'have no CPU of node 1 to fill huge pages from. Set '
            'hw:numa_nodes=1; or share, with CPUs of each node in '
            'cpu_shared_set.', str(error))
        self.assertLessEqual(len(str(error)), 190)

    def test_shared_on_one_of_two_nodes(self):
        self.shared('6-7')
        error = self.assertRaises(HostCannot, self.judge, 'share')
        self.assertEqual(
            "flavor hw:emulator_threads_policy='share': emulator threads "
            'have no CPU of node 0 to fill huge pages from. Have CPUs of '
            'each node in [compute] cpu_shared_set.', str(error))

    def test_those_that_start(self):
        self.shared('0,7')
        self.judge('share')
        self.shared('6-7')
        self.judge('share', pagesize=4)
        self.judge('share', nodes=(1,))
        self.judge('isolate', nodes=(0,), reserved={2})
        self.judge(None)
        CONF.clear_override('cpu_shared_set', group='compute')
        # Nova has them run on the CPUs of all vCPUs.
        self.judge('share')

    def test_ordinary_vcpus_on_one_of_two_nodes(self):
        realtime = {'hw:cpu_policy': 'dedicated', 'hw:cpu_realtime': 'yes'}
        error = self.assertRaises(
            HostCannot, self.judge, None, **realtime,
            **{'hw:cpu_realtime_mask': '^0-1'})
        self.assertEqual(
            "flavor hw:cpu_realtime_mask='^0-1': emulator threads have no "
            'CPU of node 1 to fill huge pages from. Leave an ordinary vCPU '
            'on each node; or set hw:emulator_threads_policy=share.',
            str(error))
        self.assertLessEqual(len(str(error)), 190)
        self.judge(None, **realtime, **{'hw:cpu_realtime_mask': '^0,^2'})

    def test_no_numa_topology(self):
        emulator_check.judge(
            objects.Instance(flavor=objects.Flavor(), numa_topology=None),
            None, None, None)

    def test_other_libvirts(self):
        for version in (8_009_000, 9_001_000, 11_000_000):
            self.connection.getLibVersion.return_value = version
            self.judge('isolate', reserved={2})

    def test_threads_that_are_not_confined(self):
        self.be({'proc/version': 'Linux'})
        self.judge('isolate', reserved={2})
