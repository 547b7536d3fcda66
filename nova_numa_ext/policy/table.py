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

"""The one table of what a flavor or an image can ask for.

Whoever needs to know a name, its values or its rules reads it here: the
resolver, Nova's API, the messages, the reference of the documentation and the
tests.
"""

from __future__ import annotations

from nova_numa_ext.policy import values
from nova_numa_ext.policy.row import ANY
from nova_numa_ext.policy.row import Excludes
from nova_numa_ext.policy.row import Needs
from nova_numa_ext.policy.row import PROPERTY_PREFIX
from nova_numa_ext.policy.row import Row
from nova_numa_ext.policy.row import SPEC_PREFIX
from nova_numa_ext.policy.row import Version

__all__ = [
    'BY_NAME',
    'HOST_CPU_MODES',
    'PROFILES',
    'PROPERTY_PREFIX',
    'ROWS',
    'SPEC_PREFIX',
    'Excludes',
    'Needs',
    'Row',
    'Version',
]

#: Modes whose CPU is the host's own, so that the host's caches and
#: migratable= make sense (libvirt, formatdomain, "CPU model and topology").
HOST_CPU_MODES = ('host-passthrough', 'maximum')

#: Of a thread class that has a scheduler of its own.
_SCHEDULER_HELP = (
    'The realtime scheduler and the priority of its {}. The host caps '
    'priorities with [numa_ext] max_realtime_priority.')

#: What Nova gives a guest NUMA nodes or dedicated CPUs for. Values of
#: hw:cpu_policy are named one by one, as messages name them.
_OWN_NODES = (
    Excludes('numa_nodes', ('auto',)),
    Excludes('hw:numa_nodes'),
    Excludes('hw:numa_cpus.0'),
    Excludes('hw:mem_page_size'),
    Excludes('hw:pmem'),
    Excludes('hw:cpu_policy', ('dedicated',)),
    Excludes('hw:cpu_policy', ('mixed',)),
)

ROWS = (
    Row(
        'profile',
        values.Choice(('high-performance', 'realtime')),
        'Defaults for several of the names here. Each of them can still be '
        'set, and wins. A default that the host cannot do is left out.',
        flavor_only=True,
        needs=(
            ('realtime', Needs('hw:cpu_realtime', ('yes',))),
            ('realtime', Needs('hw:cpu_policy', ('dedicated', 'mixed'))),
            ('realtime', Needs('hw:cpu_realtime_mask',
                               instead='hw:emulator_threads_policy')),
        ),
    ),
    Row(
        'cpu_mode',
        values.Choice(
            ('host-passthrough', 'host-model', 'maximum', 'custom')),
        'The mode of the CPU of this guest, whatever [libvirt] cpu_mode says '
        'for the host. A mode that the hypervisor does not have here is '
        'refused.',
        needs=(('custom', Needs('cpu_models')),),
    ),
    Row(
        'cpu_models',
        values.CpuModels(),
        'CPU models for cpu_mode=custom. The guest gets the first one that '
        "libvirt's domain capabilities call usable on the host.",
        needs=((ANY, Needs('cpu_mode', ('custom',))),),
    ),
    Row(
        'cpu_features',
        values.CpuFeatures(),
        'CPU features that the guest must have (+name, policy require) or '
        'must not see (-name, policy disable). They come after those of '
        '[libvirt] cpu_model_extra_flags and win over them.',
        flavor_only=True,
    ),
    Row(
        'cpu_migratable',
        values.Switch(),
        'migratable= of host-passthrough and maximum: on leaves out what '
        'cannot be migrated, off gives the guest that too, such as invtsc.',
        flavor_only=True,
        needs=((ANY, Needs('cpu_mode', HOST_CPU_MODES, True)),),
    ),
    Row(
        'cpu_cache',
        values.Choice(('auto', 'passthrough', 'emulate', 'disable')),
        'The L3 cache that the guest sees: that of the host (passthrough, '
        'for host-passthrough and maximum), one per socket that QEMU makes '
        'up (emulate), or none (disable). auto passes the '
        "host's on only where the guest's CPUs are pinned so that they share "
        "caches as the host's do, and emulates one elsewhere.",
        needs=(('passthrough', Needs('cpu_mode', HOST_CPU_MODES, True)),),
    ),
    Row(
        'cpu_topology',
        values.Choice(('auto',)),
        'Sockets, cores and threads from where the vCPUs stand: a socket per '
        'guest NUMA node, and threads only where vCPUs are pinned to '
        'siblings. hw:cpu_max_sockets, hw:cpu_max_cores and '
        'hw:cpu_max_threads are obeyed; hw:cpu_sockets, hw:cpu_cores or '
        'hw:cpu_threads, on the flavor or the image, are left as they are.',
    ),
    Row(
        'cpu_dies',
        values.Count(1, 64, ('auto',)),
        'Dies in a socket of the guest. auto makes one of each group of '
        'cores that are pinned so that they share an L3 on the host. QEMU '
        'emulates an L3 for each die.',
        versions=((ANY, Version(libvirt=6001000, qemu=4001000)),),
    ),
    Row(
        'numa_nodes',
        values.Choice(('auto',)),
        "The guest's NUMA nodes from the host that it comes to: one where "
        'vCPUs and memory fit a node of the host, else the smallest even '
        'split that fits. The host decides when the guest is created, and '
        'anew when it is resized, migrated while it is off, evacuated or '
        'unshelved; a live migration keeps what there is.',
        flavor_only=True,
        excludes=(
            (ANY, Excludes('hw:numa_nodes')),
            (ANY, Excludes('hw:numa_cpus.0')),
        ),
    ),
    Row(
        'numa_max_nodes',
        values.Count(1, 16),
        'The most nodes that numa_nodes=auto splits the guest into; 16 '
        'without it.',
        flavor_only=True,
        needs=((ANY, Needs('numa_nodes')),),
    ),
    Row(
        'numa_mempolicy',
        values.Choice(('strict', 'preferred', 'interleave', 'restrictive')),
        'The memory policy of each NUMA node of the guest. The guest must '
        'have NUMA nodes (numa_nodes, hw:numa_nodes).',
        versions=(('restrictive', Version(libvirt=7003000)),),
    ),
    Row(
        'numa_distances',
        values.Choice(('host', 'off')),
        "Distances between the guest's NUMA nodes: those of the host's nodes "
        'that they stand on (host), or what QEMU makes up (off).',
    ),
    Row(
        'numa_affinity',
        values.Choice(('none', 'soft', 'strict')),
        'Keeps a guest with neither dedicated CPUs nor NUMA nodes of its own '
        'on the fewest host nodes that hold it. Its vCPUs run on CPUs of '
        'these nodes only. Its memory comes from them as long as there is '
        'some (soft), or from nowhere else (strict). Without room it has all '
        'shared CPUs (soft), or is refused (strict). [numa_ext] numa_affinity '
        'says what holds where it is not set.',
        flavor_only=True,
        excludes=tuple(
            (word, excluded) for word in ('soft', 'strict')
            for excluded in _OWN_NODES),
    ),
    Row(
        'realtime_scheduler',
        values.Choice(('fifo', 'rr')),
        'The scheduler of the realtime vCPUs. Without it they get fifo, '
        "Nova's own.",
        flavor_only=True,
        needs=((ANY, Needs('hw:cpu_realtime', ('yes',))),),
    ),
    Row(
        'realtime_priority',
        values.Count(1, 99),
        'The priority of the realtime vCPUs, instead of [libvirt] '
        'realtime_scheduler_priority. The host caps it with [numa_ext] '
        'max_realtime_priority.',
        flavor_only=True,
        needs=((ANY, Needs('hw:cpu_realtime', ('yes',))),),
    ),
    Row(
        'emulator_scheduler',
        values.SchedulerAndPriority(),
        _SCHEDULER_HELP.format('emulator threads'),
        flavor_only=True,
        versions=((ANY, Version(libvirt=5003000)),),
    ),
    Row(
        'iothread_scheduler',
        values.SchedulerAndPriority(),
        _SCHEDULER_HELP.format('IO threads'),
        flavor_only=True,
        needs=((ANY, Needs('iothreads')),),
        excludes=((ANY, Excludes('iothreads', ('off',))),),
    ),
    Row(
        'iothreads',
        values.Count(1, 16, ('off', 'per-node')),
        'IO threads, which virtio-blk disks and virtio-scsi controllers are '
        'spread over: so many, pinned beside the emulator, or one for each '
        'NUMA node of the guest, pinned to its CPUs (per-node). off takes '
        'away the idle one that Nova 33 and newer add.',
    ),
    Row(
        'kvm_hints',
        values.Choice(('auto', 'off')),
        "KVM's hints to the guest where all of its vCPUs have CPUs of their "
        'own: hint-dedicated, poll-control and pv-ipi, as far as the host '
        'has them. Elsewhere auto adds none.',
        leave_out=True,
    ),
    Row(
        'memballoon',
        values.Switch(),
        'Whether the guest has a memory balloon, which Nova uses to read '
        "the guest's own memory statistics.",
    ),
    Row(
        'ksm',
        values.Switch(),
        "Whether the host may merge the guest's pages with those of others. "
        'off writes nosharepages, as Nova does for every realtime guest.',
        excludes=(('on', Excludes('hw:cpu_realtime', ('yes',))),),
    ),
    Row(
        'l3_allocation',
        values.CacheShares(),
        'L3 of the host that the vCPUs of a guest node have to themselves '
        '(cache allocation, CAT), on hosts with resctrl. The guest needs '
        'dedicated CPUs.',
        flavor_only=True,
        needs=((ANY, Needs('hw:cpu_policy', ('dedicated',))),),
        versions=((ANY, Version(libvirt=4001000)),),
    ),
)

BY_NAME = {row.name: row for row in ROWS}

_HIGH_PERFORMANCE = (
    ('cpu_mode', 'host-passthrough'),
    ('cpu_cache', 'auto'),
    ('cpu_topology', 'auto'),
    ('iothreads', 'per-node'),
    ('kvm_hints', 'auto'),
    ('memballoon', 'off'),
    ('ksm', 'off'),
)

#: What a profile sets: names and values of rows. realtime comes with more,
#: for which there are no rows: PMU off (domain/pmu.py) and no channel of a
#: guest agent (domain/guest_agent.py). That its memory is locked Nova does by
#: itself, for hw:cpu_realtime, which the profile needs.
PROFILES = {
    'high-performance': _HIGH_PERFORMANCE,
    'realtime': _HIGH_PERFORMANCE,
}
