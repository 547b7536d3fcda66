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

"""Golden cases of threads: schedulers, and IO threads with their disks."""

from nova_numa_ext.domain import iothreadsched
from nova_numa_ext.domain import vcpusched
from nova_numa_ext.policy import values
from tests.golden.model import Case
from tests.golden.model import EVERYWHERE
from tests.golden.model import LOCKS
from tests.golden.model import nodes
from tests.golden.model import nova
from tests.golden.model import nowhere
from tests.golden.model import RUNS
from tests.golden.model import specs
from tests.golden.model import unpinned

REALTIME = {
    'extra_specs': nova(cpu_policy='dedicated', cpu_realtime='yes',
                        cpu_realtime_mask='^0'),
    'vcpus': 2,
    'cells': nodes(range(2)),
    'realtime': frozenset({1}),
    'with_pins': True,
}
DISKS = ('vda', 'vdb', 'vdc')


def realtime(**names):
    return {**REALTIME,
            'extra_specs': {**REALTIME['extra_specs'], **specs(**names)}}


CASES = (
    Case('realtime-rr', EVERYWHERE, RUNS,
         **realtime(realtime_scheduler='rr', realtime_priority='7')),
    Case('realtime-fifo', EVERYWHERE, RUNS,
         **realtime(realtime_scheduler='fifo')),
    Case('realtime-priority', EVERYWHERE, RUNS,
         **realtime(realtime_priority='98')),
    Case('realtime-locked', EVERYWHERE, dict.fromkeys(RUNS, LOCKS),
         **realtime(realtime_priority='2'), locked=True),
    Case('emulator-scheduler', EVERYWHERE, RUNS,
         specs(emulator_scheduler='fifo:3')),
    Case(
        'iothread-scheduler', EVERYWHERE, RUNS,
        specs(iothreads='2', iothread_scheduler='rr:4'),
        devices=('vda', 'vdb'),
    ),
    Case(
        'all-schedulers', EVERYWHERE, RUNS,
        **realtime(realtime_scheduler='rr', realtime_priority='5',
                   emulator_scheduler='fifo:3', iothreads='1',
                   iothread_scheduler='fifo:4'),
        devices=('vda',),
    ),
    Case(
        'iothreads-round-robin', EVERYWHERE, RUNS,
        specs(iothreads='2'), devices=(*DISKS, 'sda'),
        with_pins=True, cells=unpinned(1, 4),
    ),
    Case(
        'iothreads-per-node', EVERYWHERE, RUNS, specs(iothreads='per-node'),
        vcpus=2, cells=nodes([0], [1]), with_pins=True, devices=DISKS,
        nova_iothread=True,
    ),
    Case(
        'iothreads-per-node-floating', EVERYWHERE, RUNS,
        specs(iothreads='per-node'), cells=unpinned(2, 2), with_pins=True,
        devices=DISKS,
    ),
    Case(
        'iothreads-per-node-mixed', EVERYWHERE, RUNS,
        specs(iothreads='per-node'), vcpus=2, cells=({0: 0, 1: None},),
        with_pins=True, devices=DISKS,
    ),
    Case(
        # Node 1 has realtime vCPUs only.
        'iothreads-per-node-realtime', EVERYWHERE, RUNS,
        **{**realtime(iothreads='per-node', realtime_priority='2'),
           'cells': nodes([0], [1])},
        devices=DISKS,
    ),
    Case('iothreads-per-node-without-nodes', EVERYWHERE, RUNS,
         specs(iothreads='per-node'), devices=('vda',)),
    Case('iothreads-scsi', EVERYWHERE, RUNS, specs(iothreads='1'),
         devices=('sda',)),
    Case(
        # Nothing can use them, so there are none.
        'iothreads-without-disks', EVERYWHERE, RUNS,
        specs(iothreads='2', iothread_scheduler='fifo:2'), devices=('hda',),
        nova_iothread=True,
    ),
    Case(
        'iothreads-off', EVERYWHERE, RUNS, specs(iothreads='off'),
        vcpus=2, cells=nodes([0], [1]), with_pins=True, devices=('vda',),
        nova_iothread=True,
    ),

    # What is refused here, and what libvirt says where it is not.
    Case(
        'refused-priority', EVERYWHERE, RUNS,
        **realtime(realtime_priority='51'), max_priority=50,
        refused='above [numa_ext] max_realtime_priority of this host, 50',
        would_be=(vcpusched.VcpuScheduler(
            frozenset({1}), values.Scheduler('fifo', 51)),),
    ),
    Case(
        'refused-scheduler-without-iothreads',
        nowhere("Cannot find 'iothread' : 1"), {},
        specs(iothreads='off', iothread_scheduler='fifo:2'),
        devices=('vda',),
        refused='numa_ext:iothread_scheduler',
        would_be=(iothreadsched.IoThreadScheduler(
            1, values.Scheduler('fifo', 2)),),
    ),
)
