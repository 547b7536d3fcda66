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

"""Golden cases of the CPU: mode, models, features, topology and cache."""

from nova_numa_ext.domain import cpu
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.domain import cpu_feature
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.policy import values
from nova_numa_ext.topology import guest as guest_topology
from tests.golden.model import Case
from tests.golden.model import EVERYWHERE
from tests.golden.model import KVM_ONLY
from tests.golden.model import nodes
from tests.golden.model import NOT_RUN
from tests.golden.model import NovaCpu
from tests.golden.model import nowhere
from tests.golden.model import pairs
from tests.golden.model import properties
from tests.golden.model import RUNS
from tests.golden.model import specs
from tests.golden.model import unpinned


class CacheWithoutLevel(cpu_cache.CpuCache):
    """An emulated cache as it would be by analogy with the other modes."""

    def write(self, domain):
        super().write(domain)
        del domain.find('cpu/cache').attrib['level']


CASES = (
    Case('nothing-asked', EVERYWHERE, RUNS),
    Case(
        'four-nodes-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=32,
        cells=nodes(*(range(low, low + 8) for low in range(0, 32, 8))),
        host='intel-4-sockets',
    ),
    Case(
        'four-nodes-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='auto', cpu_topology='auto'),
        vcpus=32,
        cells=unpinned(4, 8),
        host='intel-4-sockets',
        capabilities='qemu',
    ),
    Case(
        'siblings-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=16,
        cells=nodes(pairs(range(4)), pairs(range(8, 12))),
    ),
    Case(
        # No siblings in it, so that the L1 and L2 are not as on the host.
        'no-siblings-emulate', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=8,
        cells=nodes(range(4), range(8, 12)),
    ),
    Case(
        'epyc-groups-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=16,
        cells=nodes(pairs(range(8))),
        host='epyc-2-nodes',
    ),
    Case(
        'epyc-across-groups-emulate', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=8,
        cells=nodes(pairs(range(2, 6))),
        host='epyc-2-nodes',
    ),
    Case(
        # Nova's own topology tells nothing of where vCPUs stand.
        'cache-auto-without-topology', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto'),
        vcpus=8,
        cells=nodes(range(8)),
        host='intel-4-sockets',
    ),
    Case(
        'cache-auto-host-model', EVERYWHERE, RUNS,
        specs(cpu_cache='auto', cpu_topology='auto'),
        vcpus=8,
        cells=nodes(range(8)),
        host='intel-4-sockets',
    ),
    Case(
        'cache-passthrough-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='passthrough'),
        capabilities='qemu',
    ),
    Case('cache-passthrough-novas-mode', EVERYWHERE, KVM_ONLY,
         specs(cpu_cache='passthrough'), nova=NovaCpu('host-passthrough')),
    Case('cache-emulate', EVERYWHERE, RUNS, specs(cpu_cache='emulate')),
    Case('cache-disable', EVERYWHERE, RUNS, specs(cpu_cache='disable')),
    Case(
        'cache-emulate-custom', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='Nehalem', cpu_cache='emulate'),
        capabilities='qemu',
    ),
    Case(
        'cache-disable-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='disable'),
        capabilities='qemu',
    ),
    Case(
        'cache-without-mode', EVERYWHERE, RUNS,
        specs(cpu_cache='disable'), nova=NovaCpu(None),
        capabilities='qemu',
    ),
    Case(
        'migratable-off', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_migratable='off'),
    ),
    Case(
        'migratable-on-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_migratable='on'),
        capabilities='qemu',
    ),
    Case('migratable-novas-mode', EVERYWHERE, KVM_ONLY,
         specs(cpu_migratable='off'), nova=NovaCpu('host-passthrough')),
    Case(
        'first-usable-model', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='EPYC,nehalem,Westmere'),
        capabilities='qemu',
    ),
    Case(
        # The model of the host-wide options is none of this guest's.
        'model-gives-way', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough'),
        nova=NovaCpu('custom', 'Nehalem', (('require', 'aes'),)),
    ),
    Case(
        'host-model-over-custom', EVERYWHERE, RUNS,
        specs(cpu_mode='host-model'), nova=NovaCpu('custom', 'Nehalem'),
    ),
    Case(
        'mode-of-image', EVERYWHERE, RUNS,
        {}, properties(cpu_mode='custom', cpu_models='Nehalem',
                       cpu_topology='auto'),
        vcpus=4, cells=unpinned(2, 2), capabilities='qemu',
    ),
    Case(
        'mode-where-nova-has-none', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum'), nova=NovaCpu(None),
        capabilities='qemu',
    ),
    Case(
        'features', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='Nehalem',
              cpu_features='+pdpe1gb,-aes,-popcnt'),
        nova=NovaCpu('custom', 'Westmere',
                     (('require', 'aes'), ('require', 'x2apic'))),
        capabilities='qemu',
    ),
    Case('features-passthrough', EVERYWHERE, KVM_ONLY,
         specs(cpu_mode='host-passthrough', cpu_features='-vmx,+invtsc')),
    Case(
        'sockets-limited', EVERYWHERE, RUNS,
        specs(cpu_topology='auto'), vcpus=8, cells=unpinned(4, 2),
        limits=guest_topology.Limits(sockets=2, cores=4),
    ),
    Case(
        'topology-of-operator', EVERYWHERE, RUNS,
        specs(cpu_topology='auto', cpu_cache='auto'), vcpus=8,
        cells=unpinned(2, 4), explicit=True,
    ),

    # What is refused here, and what libvirt says where it is not.
    Case(
        'refused-cache-passthrough-host-model',
        nowhere("CPU cache mode 'passthrough' can only be used with "
                "'host-passthrough' / 'maximum' CPUs"), {},
        specs(cpu_mode='host-model', cpu_cache='passthrough'),
        refused="numa_ext:cpu_mode='host-model' does not go with it",
        would_be=(cpu.Cpu('host-model', None, None),
                  cpu_cache.CpuCache('passthrough')),
    ),
    Case(
        'refused-cache-passthrough-novas-mode',
        nowhere("CPU cache mode 'passthrough' can only be used with "
                "'host-passthrough' / 'maximum' CPUs"), {},
        specs(cpu_cache='passthrough'),
        nova=NovaCpu('custom', 'Nehalem'),
        refused='guests here get CPU mode custom',
        would_be=(cpu_cache.CpuCache('passthrough'),),
    ),
    Case(
        # Never written: shows why emulate comes with a level.
        'refused-cache-emulate-without-level',
        nowhere("CPU cache mode 'emulate' can only be used with level='3'"),
        {}, would_be=(CacheWithoutLevel('emulate'),),
    ),
    Case(
        'refused-migratable-host-model',
        nowhere("Attribute migratable is only allowed for "
                "'host-passthrough' / 'maximum' CPU mode"), {},
        specs(cpu_migratable='off'),
        refused='guests here get CPU mode host-model',
        would_be=(cpu.Cpu(None, None, False),),
    ),
    Case(
        'refused-features-without-mode',
        nowhere('Non-empty feature list specified without CPU model'), {},
        specs(cpu_features='+aes'),
        nova=NovaCpu(None),
        refused='guests here get no CPU mode',
        would_be=(cpu_feature.CpuFeatures(
            (values.CpuFeature('aes', 'require'),)),),
    ),
    Case(
        'refused-passthrough-emulated', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough'),
        capabilities='qemu',
        refused='qemu guests on this host cannot have it',
        would_be=(cpu.Cpu('host-passthrough', None, None),),
    ),
    Case(
        'refused-unknown-model', EVERYWHERE,
        {'qemu': 'Unknown CPU model', 'kvm': NOT_RUN},
        specs(cpu_mode='custom', cpu_models='Neahlem'),
        capabilities='qemu',
        refused='Did you mean Nehalem?',
        would_be=(cpu.Cpu('custom', 'Neahlem', None),),
    ),
    Case(
        'refused-sockets-limited',
        nowhere("CPU topology doesn't match maximum vcpu count"), {},
        specs(cpu_topology='auto'), vcpus=7,
        limits=guest_topology.Limits(sockets=2, cores=4),
        refused='no topology of 7 vCPUs is within',
        would_be=(cpu_topology.Topology(2, 4, 1),),
    ),
)
