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

from nova_numa_ext import policy
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.topology import guest as topology
from tests import golden
from tests.unit.domain import base

AUTO = golden.specs(cpu_topology='auto')


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(cpu_topology.configure(base.guest(
            golden.specs(cpu_mode='maximum'))))

    @ddt.data(
        ({}, (1, 4, 1)),
        ({'cells': golden.unpinned(2, 2)}, (2, 2, 1)),
        ({'cells': golden.nodes(golden.pairs([0, 1]))}, (1, 2, 2)),
        ({'limits': topology.Limits(cores=2)}, (2, 2, 1)),
    )
    @ddt.unpack
    def test_auto(self, fields, expected):
        self.assertEqual(
            cpu_topology.Topology(*expected),
            cpu_topology.configure(base.guest(AUTO, **fields)))

    def test_operators_own(self):
        self.assertIsNone(cpu_topology.configure(
            base.guest(AUTO, explicit=True)))

    def test_limits(self):
        refused = self.refused(
            cpu_topology.configure, AUTO, kind=policy.InvalidRequest,
            limits=topology.Limits(1, 2, 1))

        self.assertIn('no topology of 4 vCPUs', refused.reason)


@ddt.ddt
class TestDies(base.ElementTestCase):

    def configured(self, dies, arch='x86_64', libvirt=9000000, **fields):
        topology = fields.pop('cpu_topology', 'auto')
        specs = golden.specs(cpu_dies=dies)
        if topology:
            specs.update(golden.specs(cpu_topology=topology))
        made = base.guest(specs, arch, **fields)
        return cpu_topology.configure(dataclasses.replace(
            made, capabilities=dataclasses.replace(
                made.capabilities, libvirt_version=libvirt)))

    EPYC = {'vcpus': 16, 'host': 'epyc-2-nodes',
            'cells': golden.nodes(golden.pairs(range(8)))}

    @ddt.data('x86_64', 'i686')
    def test_auto(self, arch):
        self.assertEqual(
            cpu_topology.Topology(1, 8, 2, 2, 'dies'),
            self.configured('auto', arch, **self.EPYC))

    @ddt.data((10001000, 2), (0, 2), (10000000, 1))
    @ddt.unpack
    def test_clusters_of_arm(self, libvirt, count):
        self.assertEqual(
            cpu_topology.Topology(1, 8, 2, count, 'clusters'),
            self.configured('auto', 'aarch64', libvirt, **self.EPYC))

    def test_auto_elsewhere(self):
        self.assertEqual(1, self.configured('auto', 's390x',
                                            **self.EPYC).dies)

    def test_auto_of_novas_topology(self):
        self.assertIsNone(self.configured(
            'auto', cpu_topology=None, **self.EPYC))
        self.assertEqual(
            cpu_topology.Topology(1, 16, 1, 2),
            self.configured('auto', cpu_topology=None, topology=(1, 16, 1),
                            **self.EPYC))

    def test_number(self):
        self.assertEqual(
            cpu_topology.Topology(1, 4, 1, 2), self.configured('2'))

    def test_number_of_the_operators_topology(self):
        self.assertEqual(
            cpu_topology.Topology(2, 2, 1, 2),
            self.configured('2', topology=(2, 2, 1), explicit=True))

    def test_one_is_as_nova_has_it(self):
        self.assertIsNone(self.configured('1', cpu_topology=None))
        self.assertIsNone(self.configured('1', 'aarch64', cpu_topology=None))

    def test_limits_are_of_all_dies_together(self):
        self.assertEqual(
            cpu_topology.Topology(2, 2, 1, 2),
            self.configured('2', limits=topology.Limits(cores=2)))

    def test_cores_that_do_not_make_so_many(self):
        refused = self.assertRaises(
            policy.InvalidRequest, self.configured, '2', cpu_topology=None)

        self.assertEqual(
            "flavor numa_ext:cpu_dies='2': no divisor of the cores in a "
            'socket, 1. Use a divisor, set numa_ext:cpu_topology=auto or '
            'hw:cpu_cores.', str(refused))

    def test_another_arch(self):
        refused = self.assertRaises(
            policy.HostCannot, self.configured, '2', 'aarch64')

        self.assertEqual('aarch64 guests have no dies', refused.reason)

    def test_novas_topology_unknown(self):
        self.assertIsNone(cpu_topology.configure(dataclasses.replace(
            base.guest(golden.specs(cpu_dies='2')), nova_topology=None)))


@ddt.ddt
class TestWrite(base.ElementTestCase):

    def test_into_nothing(self):
        self.assertWrites(
            '<cpu><topology sockets="2" cores="4" threads="1"/></cpu>',
            cpu_topology.Topology(2, 4, 1), '')

    def test_in_place_of_novas(self):
        self.assertWrites(
            '<cpu mode="maximum"><model/>'
            '<topology sockets="1" cores="2" threads="2"/><numa/></cpu>',
            cpu_topology.Topology(1, 2, 2),
            '<cpu mode="maximum"><model/>'
            '<topology sockets="4" cores="1" threads="1"/><numa/></cpu>')

    @ddt.data('dies', 'clusters')
    def test_dies(self, group):
        self.assertWrites(
            f'<cpu><topology cores="4" {group}="2" sockets="1" threads="1"/>'
            '</cpu>', cpu_topology.Topology(1, 8, 1, 2, group),
            '<cpu><topology sockets="8" cores="1" threads="1"/></cpu>')

    def test_before_what_follows(self):
        self.assertWrites(
            '<cpu><model/><topology sockets="1" cores="2" threads="2"/>'
            '<feature/><numa/></cpu>',
            cpu_topology.Topology(1, 2, 2),
            '<cpu><model/><feature/><numa/></cpu>')
