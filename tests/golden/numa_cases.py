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

"""Golden cases of memory policy, distances, affinity, dies and L3."""

import dataclasses

from nova_numa_ext.domain import cachetune
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.domain import distances
from nova_numa_ext.domain import numatune
from nova_numa_ext.topology import affinity_model
from tests.golden.model import Case
from tests.golden.model import CAT
from tests.golden.model import EVERYWHERE
from tests.golden.model import KVM_ONLY
from tests.golden.model import NODES
from tests.golden.model import nodes
from tests.golden.model import nova
from tests.golden.model import nowhere
from tests.golden.model import pairs
from tests.golden.model import RUNS
from tests.golden.model import specs
from tests.golden.model import unpinned

ONE_NODE = {'cells': unpinned(1, 4), 'host_nodes': (0,), 'numatune': True}
TWO_NODES = {'cells': unpinned(2, 2), 'host_nodes': (0, 1), 'numatune': True}
DISTANT = {'cells': unpinned(2, 2), 'host_nodes': (1, 0)}
DEDICATED = nova(cpu_policy='dedicated')
#: On CPUs that every machine has.
BOTH = frozenset({0, 1})
ONE_TO_ONE = affinity_model.Place(
    frozenset({0}), (frozenset({0}), frozenset({1})), BOTH, 'a test')
RANGE = affinity_model.Place(frozenset({0}), (BOTH,) * 4, BOTH, 'a test')
CAT_ONLY = {
    'qemu': 'cachetune is only supported for KVM domains', 'kvm': 'ok'}


def dies(count, topology='auto'):
    found = specs(cpu_dies=count, cpu_mode='maximum', cpu_cache='auto')
    if topology:
        found.update(specs(cpu_topology=topology))
    return found


class RestrictiveMemory(numatune.MemoryPolicy):
    """A restrictive policy for QEMU only."""

    def write(self, domain):
        super().write(domain)
        for node in domain.findall('numatune/memnode'):
            node.set('mode', 'strict')


CASES = (
    *(
        Case(f'mempolicy-{mode}', EVERYWHERE, RUNS,
             specs(numa_mempolicy=mode), **ONE_NODE)
        for mode in ('strict', 'preferred', 'interleave', 'restrictive')
    ),
    *(
        Case(f'mempolicy-{mode}-two-nodes', EVERYWHERE,
             dict.fromkeys(RUNS, NODES), specs(numa_mempolicy=mode),
             **TWO_NODES)
        for mode in ('strict', 'preferred', 'interleave', 'restrictive')
    ),
    Case(
        # As split where it was claimed.
        'nodes-auto', EVERYWHERE, RUNS,
        specs(numa_nodes='auto', numa_max_nodes='4', cpu_mode='maximum',
              cpu_topology='auto'),
        vcpus=4, cells=unpinned(2, 2),
    ),
    Case('distances', EVERYWHERE, RUNS, specs(numa_distances='host'),
         **DISTANT),
    Case('distances-four-nodes', EVERYWHERE, RUNS,
         specs(numa_distances='host'), vcpus=4, cells=unpinned(4, 1),
         host='intel-4-sockets', host_nodes=(3, 1, 0, 2)),
    Case('distances-one-node', EVERYWHERE, RUNS,
         specs(numa_distances='host'), **ONE_NODE),
    Case('distances-off', EVERYWHERE, RUNS, specs(numa_distances='off'),
         **DISTANT),
    Case('affinity-none', EVERYWHERE, RUNS, specs(numa_affinity='none')),
    Case('affinity-soft', EVERYWHERE, RUNS, specs(numa_affinity='soft'),
         vcpus=2, place=ONE_TO_ONE),
    Case('affinity-strict', EVERYWHERE, RUNS, specs(numa_affinity='strict'),
         vcpus=4, place=RANGE),
    Case(
        'affinity-strict-two-nodes', EVERYWHERE, dict.fromkeys(RUNS, NODES),
        specs(numa_affinity='strict'), vcpus=4,
        place=dataclasses.replace(RANGE, nodes=frozenset({0, 1})),
    ),
    Case('affinity-soft-without-place', EVERYWHERE, RUNS,
         specs(numa_affinity='soft')),
    Case('affinity-soft-iothreads', EVERYWHERE, RUNS,
         specs(numa_affinity='soft', iothreads='2'), vcpus=2,
         place=ONE_TO_ONE, devices=('vda', 'vdb')),
    Case('affinity-soft-novas-iothread', EVERYWHERE, RUNS,
         specs(numa_affinity='soft'), vcpus=2, place=ONE_TO_ONE,
         devices=('vda',), nova_iothread=True),
    Case('dies-auto', EVERYWHERE, RUNS, dies('auto'), vcpus=16,
         cells=nodes(pairs(range(8))), host='epyc-2-nodes'),
    Case('dies-auto-two-sockets', EVERYWHERE, RUNS, dies('auto'), vcpus=32,
         cells=nodes(pairs(range(8)), pairs(range(8, 16))),
         host='epyc-2-nodes'),
    Case(
        # Groups of 2 and 4 cores.
        'dies-auto-uneven', EVERYWHERE, RUNS, dies('auto'), vcpus=12,
        cells=nodes(pairs(range(2, 8))), host='epyc-2-nodes',
    ),
    Case('dies-auto-floating', EVERYWHERE, RUNS, dies('auto'), vcpus=8,
         cells=unpinned(1, 8), host='epyc-2-nodes'),
    Case(
        # The host's cache would be true of it without dies.
        'dies-auto-emulate', EVERYWHERE, KVM_ONLY,
        {**dies('auto'), **specs(cpu_mode='host-passthrough')}, vcpus=16,
        cells=nodes(pairs(range(8))), host='epyc-2-nodes',
    ),
    Case('dies-number', EVERYWHERE, RUNS, dies('2'), vcpus=8,
         cells=unpinned(2, 4)),
    Case('dies-of-operators-topology', EVERYWHERE, RUNS, dies('4'), vcpus=8,
         topology=(1, 8, 1), explicit=True),
    Case('dies-of-novas-topology', EVERYWHERE, RUNS, dies('2', ''), vcpus=8,
         topology=(2, 2, 2)),
    Case(
        'l3-allocation', CAT_ONLY, {'kvm': CAT},
        {**DEDICATED, **specs(l3_allocation='0:4MiB,1:2MiB')},
        vcpus=4, cells=nodes([0, 1], [4, 5]), host='cat-2-sockets',
    ),
    Case(
        'l3-allocation-one-of-two', CAT_ONLY, {'kvm': CAT},
        {**DEDICATED, **specs(l3_allocation='1:4096KiB')},
        vcpus=4, cells=nodes([0, 1], [4, 5]), host='cat-2-sockets',
    ),

    # What is refused here, and what libvirt says where it is not.
    Case(
        'refused-mempolicy-without-nodes', EVERYWHERE, RUNS,
        specs(numa_mempolicy='strict'), refused='Set hw:numa_nodes',
        would_be=(numatune.MemoryPolicy('strict'),),
    ),
    Case(
        # Never written: shows why restrictive is of all nodes and of QEMU.
        'refused-mempolicy-restrictive-for-qemu',
        nowhere("'restrictive' mode is required in memnode element when mode "
                "is 'restrictive' in memory element"), {},
        **ONE_NODE, would_be=(RestrictiveMemory('restrictive'),),
    ),
    Case(
        'refused-distances-unknown', EVERYWHERE, RUNS,
        specs(numa_distances='host'), cells=unpinned(2, 2),
        host_nodes=(0, 7), refused="libvirt does not tell this host's",
        would_be=(distances.Distances(((10, 21), (21, 10))),),
    ),
    Case(
        'refused-dies', nowhere("topology doesn't match maximum vcpu count"),
        {}, dies('3'), vcpus=8, cells=unpinned(1, 8),
        refused='no divisor of the cores in a socket, 8',
        would_be=(cpu_topology.Topology(1, 8, 1, 3),),
    ),
    Case(
        # libvirt at start: "Resource control is not supported on this host".
        'refused-l3-without-resctrl', CAT_ONLY, {'kvm': CAT},
        {**DEDICATED, **specs(l3_allocation='0:4MiB')}, vcpus=2,
        cells=nodes([0, 1]),
        refused='libvirt can allocate no L3 on this host',
        would_be=(cachetune.CacheTune((cachetune.Allocation(
            frozenset({0, 1}), 0, 4096),)),),
    ),
    Case(
        # Never written: a vCPU is of one node, and has one allocation.
        'refused-l3-overlapping', nowhere('Overlapping vcpus in resctrls'),
        {}, would_be=(cachetune.CacheTune((
            cachetune.Allocation(frozenset({0, 1}), 0, 4096),
            cachetune.Allocation(frozenset({1}), 0, 2048))),),
    ),
)
