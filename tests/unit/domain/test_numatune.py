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
from nova_numa_ext.domain import numatune
from tests import golden
from tests.unit.domain import base

MODES = ('strict', 'preferred', 'interleave', 'restrictive')


def tune(memory, memnode, nodeset='0', nodes=('0',)):
    found = ''.join(
        f'<memnode cellid="{number}" mode="{memnode}" nodeset="{node}"/>'
        for number, node in enumerate(nodes))
    return (f'<numatune><memory mode="{memory}" nodeset="{nodeset}"/>'
            f'{found}</numatune>')


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(numatune.configure(base.guest(
            golden.specs(ksm='off'))))

    @ddt.data(*MODES)
    def test_mode(self, mode):
        self.assertEqual(
            numatune.MemoryPolicy(mode),
            numatune.configure(base.guest(
                golden.specs(numa_mempolicy=mode),
                cells=golden.unpinned(2, 2))))

    def test_no_nodes(self):
        refused = self.refused(
            numatune.configure, golden.specs(numa_mempolicy='preferred'),
            kind=policy.InvalidRequest)

        self.assertEqual(
            "flavor numa_ext:numa_mempolicy='preferred': the guest has no "
            'NUMA nodes to have it. Set hw:numa_nodes.', str(refused))


@ddt.ddt
class TestWrite(base.ElementTestCase):

    @ddt.data(*MODES)
    def test_one_node(self, mode):
        self.assertWrites(
            tune(mode, mode), numatune.MemoryPolicy(mode),
            tune('strict', 'strict'))

    @ddt.data(('strict', 'strict'), ('preferred', 'interleave'),
              ('interleave', 'interleave'), ('restrictive', 'restrictive'))
    @ddt.unpack
    def test_two_nodes(self, mode, memory):
        self.assertWrites(
            tune(memory, mode, '1,3', '13'), numatune.MemoryPolicy(mode),
            tune('strict', 'strict', '1,3', '13'))

    def test_where_nova_has_none(self):
        self.assertWrites('<cpu/>', numatune.MemoryPolicy('strict'), '<cpu/>')
