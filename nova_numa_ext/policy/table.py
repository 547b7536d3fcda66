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
resolver, the messages, the reference of the documentation and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.policy import values

#: An extra spec is ``numa_ext:NAME``, an image property ``numa_ext_NAME``.
SPEC_PREFIX = 'numa_ext:'
PROPERTY_PREFIX = 'numa_ext_'


@dataclass(frozen=True)
class Needs:
    """Another row that must have one of some values.

    :ivar name: the other row
    :ivar words: values of it that will do
    :ivar unless_unset: the rule holds only where the other row is set; where
        it is not, the host's own default decides, and ``domain`` judges it
    """

    name: str
    words: tuple[str, ...]
    unless_unset: bool = False


@dataclass(frozen=True)
class Row:
    """One thing that can be asked for.

    :ivar name: its name, without the prefix
    :ivar type: how values are read
    :ivar flavor_only: an image that sets it is refused
    :ivar needs: rules for some values of this row, or for all of them under
        the key ``*``
    :ivar help: what it means, for the reference
    :ivar since: the release of this project that has it first
    """

    name: str
    type: values.ValueType
    help: str
    flavor_only: bool = False
    needs: tuple[tuple[str, Needs], ...] = ()
    since: str = '0.1.0'

    @property
    def spec(self) -> str:
        return SPEC_PREFIX + self.name

    @property
    def image_property(self) -> str:
        return PROPERTY_PREFIX + self.name


#: Modes whose CPU is the host's own, so that the host's caches and
#: migratable= make sense (libvirt, formatdomain, "CPU model and topology").
HOST_CPU_MODES = ('host-passthrough', 'maximum')

ROWS = (
    Row(
        'cpu_mode',
        values.Choice(
            ('host-passthrough', 'host-model', 'maximum', 'custom')),
        'The mode of the CPU of this guest, whatever [libvirt] cpu_mode says '
        'for the host. A mode that the hypervisor does not have here is '
        'refused.',
        needs=(('custom', Needs('cpu_models', ())),),
    ),
    Row(
        'cpu_models',
        values.CpuModels(),
        'CPU models for cpu_mode=custom. The guest gets the first one that '
        "libvirt's domain capabilities call usable on the host.",
        needs=(('*', Needs('cpu_mode', ('custom',))),),
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
        needs=(('*', Needs('cpu_mode', HOST_CPU_MODES, True)),),
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
)

BY_NAME = {row.name: row for row in ROWS}
