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
from nova import objects
from nova.virt import hardware
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compute import numa_usage
from tests.unit.compute import world

GUESTS = (1, 2, 2)


def guest(vcpus):
    return objects.InstanceNUMATopology(cells=[objects.InstanceNUMACell(
        id=vcpus % 2, cpuset=set(range(vcpus)), pcpuset=set(), memory=256,
        pagesize=4, cpu_policy=None)])


def node():
    return objects.ComputeNode(
        hypervisor_hostname='node', numa_topology=world.numa_topology())


def as_nova_does_it(node, *guests, free=False):
    for vcpus in guests:
        node.numa_topology = hardware.numa_usage_from_instance_numa(
            objects.NUMATopology.obj_from_db_obj(node.numa_topology),
            guest(vcpus), free)._to_json()
    return node


class NumaUsageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def used(self, host, shadow=False, free=False):
        usage = numa_usage.NumaUsage(shadow)
        for vcpus in GUESTS:
            usage.begin(host)
            usage.add(host, guest(vcpus), free)
        return usage

    def test_the_same_as_novas(self):
        host = node()
        usage = self.used(host)
        self.assertEqual(node().numa_topology, host.numa_topology)

        usage.write()

        self.assertEqual(
            as_nova_does_it(node(), *GUESTS).numa_topology,
            host.numa_topology)

    def test_taken_away_again(self):
        host = node()
        self.used(host).write()
        self.used(host, free=True).write()

        self.assertEqual(
            as_nova_does_it(
                as_nova_does_it(node(), *GUESTS), *GUESTS, free=True
            ).numa_topology, host.numa_topology)

    def test_written_once(self):
        host = node()
        usage = self.used(host)
        usage.write()
        host.numa_topology = 'what came later'
        usage.write()

        self.assertEqual('what came later', host.numa_topology)

    def mismatches(self):
        return figures.value(
            'shadow_mismatches_total', fast_path='numa_usage')

    def test_shadow(self):
        before = self.mismatches()
        host = node()
        usage = self.used(host, shadow=True)
        as_nova_does_it(host, *GUESTS)
        usage.write()
        self.assertEqual(before, self.mismatches())

        usage = self.used(host, shadow=True)
        as_nova_does_it(host, 1)
        novas = host.numa_topology
        usage.write()
        self.assertEqual(before + 1, self.mismatches())
        self.assertEqual(novas, host.numa_topology)
