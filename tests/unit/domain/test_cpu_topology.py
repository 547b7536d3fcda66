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

    def test_before_what_follows(self):
        self.assertWrites(
            '<cpu><model/><topology sockets="1" cores="2" threads="2"/>'
            '<feature/><numa/></cpu>',
            cpu_topology.Topology(1, 2, 2),
            '<cpu><model/><feature/><numa/></cpu>')
