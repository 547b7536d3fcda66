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
import testtools

from nova_numa_ext.domain import metadata
from nova_numa_ext.policy import table
from nova_numa_ext.verify import policy_promises
from tests.unit.verify import base

# What is nowhere in the domain by itself: a profile, and what auto leaves to
# the host.
SHOWS_NOWHERE = {'profile', 'kvm_hints', 'numa_nodes', 'numa_max_nodes',
                 'numa_affinity'}

PRIORITY = '<cputune><vcpusched vcpus="1" scheduler="fifo" priority="1"/>' \
    '</cputune>'
CELLS = '<cell id="0"><distances/></cell><cell id="1"/>'
DISK = '<devices><disk><target dev="vda" bus="virtio"/></disk></devices>'
L3 = '<cputune><cachetune vcpus="0"><cache level="3" size="4096" ' \
    'unit="KiB"/></cachetune></cputune>'


@ddt.ddt
class PolicyTest(base.TestCase):

    def judged(self, name, value, xml):
        domain = self.domain(xml)
        metadata.Metadata(
            (metadata.Setting(name, value, 'flavor'),)).write(domain)
        (promise,) = policy_promises.of_domain(domain)
        self.assertEqual(
            ('flavor', f'numa_ext:{name}', value),
            (promise.subject, promise.what, promise.asked))
        return promise.judge(None)

    @ddt.data(
        ('cpu_mode', 'maximum', '<cpu mode="maximum"/>', 'maximum'),
        ('cpu_models', 'EPYC, nehalem',
         '<cpu><model>Nehalem</model></cpu>', 'Nehalem'),
        ('cpu_features', '+aes,-vmx',
         '<cpu><feature name="vmx" policy="disable"/>'
         '<feature name="aes"/></cpu>', 'all'),
        ('cpu_migratable', 'off', '<cpu migratable="off"/>', 'off'),
        ('cpu_cache', 'auto', '<cpu/>', 'auto'),
        ('cpu_cache', 'disable', '<cpu><cache mode="disable"/></cpu>',
         'disable'),
        ('cpu_topology', 'auto', '<cpu><topology/></cpu>', 'a topology'),
        ('cpu_dies', '2', '<cpu><topology dies="2"/></cpu>', '2'),
        ('numa_mempolicy', 'interleave',
         '<numatune><memnode mode="interleave"/>'
         '<memnode mode="interleave"/></numatune>', 'interleave'),
        ('numa_distances', 'host', '<cpu><numa/></cpu>', 'of 0 of 0 nodes'),
        ('numa_distances', 'off', '<cpu/>', 'of 0 of 0 nodes'),
        ('realtime_scheduler', 'fifo', PRIORITY, 'fifo'),
        ('realtime_priority', '1', PRIORITY, '1'),
        ('emulator_scheduler', 'rr:2', '<cputune><emulatorsched '
         'scheduler="rr" priority="2"/></cputune>', 'rr:2'),
        ('iothread_scheduler', 'fifo:2', '<cputune><iothreadsched '
         'iothreads="1" scheduler="fifo" priority="2"/></cputune>',
         'fifo:2'),
        ('iothreads', '2', f'<iothreads>2</iothreads>{DISK}', '2'),
        ('iothreads', '2', '', '0'),
        ('iothreads', 'off', DISK, '0'),
        ('iothreads', 'per-node', f'<iothreads>1</iothreads>{DISK}', '1'),
        ('iothreads', 'per-node', f'<iothreads>2</iothreads>{DISK}'
         f'<cpu><numa>{CELLS}</numa></cpu>', '2'),
        ('memballoon', 'off',
         '<devices><memballoon model="none"/></devices>', 'off'),
        ('memballoon', 'on', '', 'on'),
        ('ksm', 'off', '<memoryBacking><nosharepages/></memoryBacking>',
         'off'),
        ('l3_allocation', '0:4MiB', L3, '4096 KiB'),
    )
    @ddt.unpack
    def test_kept(self, name, value, xml, got):
        self.assertEqual((got, True), self.judged(name, value, xml))

    @ddt.data(
        ('cpu_mode', 'maximum', '<cpu mode="host-model"/>', 'host-model'),
        ('cpu_mode', 'maximum', '', 'none'),
        ('cpu_models', 'EPYC', '<cpu><model>Nehalem</model></cpu>',
         'Nehalem'),
        ('cpu_features', '+aes,-vmx',
         '<cpu><feature name="vmx" policy="require"/></cpu>',
         'without aes, vmx'),
        ('cpu_migratable', 'off', '<cpu migratable="on"/>', 'on'),
        ('cpu_cache', 'disable', '<cpu/>', 'none'),
        ('cpu_topology', 'auto', '<cpu/>', 'none'),
        ('cpu_dies', '2', '<cpu><topology dies="1"/></cpu>', '1'),
        ('numa_mempolicy', 'strict',
         '<numatune><memnode mode="strict"/><memnode mode="preferred"/>'
         '</numatune>', 'preferred, strict'),
        ('numa_distances', 'host', f'<cpu><numa>{CELLS}</numa></cpu>',
         'of 1 of 2 nodes'),
        ('realtime_scheduler', 'rr', PRIORITY, 'fifo'),
        ('realtime_priority', '5', PRIORITY, '1'),
        ('realtime_priority', '5', '', 'none'),
        ('emulator_scheduler', 'rr:2', '', 'none'),
        ('iothreads', '2', f'<iothreads>1</iothreads>{DISK}', '1'),
        ('iothreads', 'off', '<iothreads>1</iothreads>', '1'),
        ('iothreads', 'per-node', f'<iothreads>1</iothreads>{DISK}'
         f'<cpu><numa>{CELLS}</numa></cpu>', '1'),
        ('memballoon', 'off',
         '<devices><memballoon model="virtio"/></devices>', 'on'),
        ('ksm', 'off', '<memoryBacking/>', 'on'),
        ('l3_allocation', '0:8MiB', L3, '4096 KiB'),
        ('l3_allocation', '0:8MiB', '', 'none'),
    )
    @ddt.unpack
    def test_broken(self, name, value, xml, got):
        self.assertEqual((got, False), self.judged(name, value, xml))

    def test_settings_of_another_release(self):
        domain = self.domain('')
        metadata.Metadata((
            metadata.Setting('of_tomorrow', '1', 'flavor'),
            metadata.Setting('cpu_mode', 'of-tomorrow', 'flavor'),
        )).write(domain)
        self.assertEqual([], list(policy_promises.of_domain(domain)))


class AllRowsTest(testtools.TestCase):

    def test_each_row_of_the_table_is_judged(self):
        self.assertEqual(
            {row.name for row in table.ROWS},
            set(policy_promises.JUDGES) | SHOWS_NOWHERE)
