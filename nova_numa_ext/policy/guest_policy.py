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

"""What one guest is to be, as its flavor and its image ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from types import MappingProxyType
from typing import Mapping

from nova_numa_ext.policy.errors import Origin
from nova_numa_ext.policy.nova_specs import NovaSpecs
from nova_numa_ext.policy.values import CacheShare
from nova_numa_ext.policy.values import CpuFeature
from nova_numa_ext.policy.values import Scheduler


@dataclass(frozen=True)
class GuestPolicy:
    """What was asked for; a field that was not is None or empty.

    :ivar cpu_mode: mode of the CPU
    :ivar cpu_models: models for ``custom``, the preferred one first
    :ivar cpu_features: features to require or to disable
    :ivar cpu_migratable: ``migratable=`` of the CPU
    :ivar cpu_cache: the L3 that the guest sees
    :ivar cpu_topology: ``auto``, or Nova's own topology
    :ivar cpu_dies: dies of a socket, or ``auto``
    :ivar profile: whose defaults hold
    :ivar numa_nodes: ``auto``, or as many as Nova's specs say
    :ivar numa_max_nodes: the most that ``auto`` makes
    :ivar numa_mempolicy: memory policy of each guest node
    :ivar numa_distances: ``host`` or ``off``
    :ivar numa_affinity: whether it is to stand on few host nodes: ``none``,
        ``soft`` or ``strict``
    :ivar realtime_scheduler: ``fifo`` or ``rr``, of realtime vCPUs
    :ivar realtime_priority: theirs
    :ivar emulator_scheduler: of the emulator threads
    :ivar iothread_scheduler: of the IO threads
    :ivar iothreads: how many IO threads, ``per-node`` or ``off``
    :ivar kvm_hints: ``auto`` or ``off``
    :ivar memballoon: whether there is a balloon device
    :ivar ksm: whether the host may merge its pages
    :ivar l3_allocation: L3 by guest NUMA node
    :ivar nova: what Nova's own specs say, where rules depend on it
    :ivar origins: for each field that was asked for, where; of the kind
        ``profile`` where it is a default of the profile
    """

    cpu_mode: str | None = None
    cpu_models: tuple[str, ...] = ()
    cpu_features: tuple[CpuFeature, ...] = ()
    cpu_migratable: bool | None = None
    cpu_cache: str | None = None
    cpu_topology: str | None = None
    cpu_dies: int | str | None = None
    profile: str | None = None
    numa_nodes: str | None = None
    numa_max_nodes: int | None = None
    numa_mempolicy: str | None = None
    numa_distances: str | None = None
    numa_affinity: str | None = None
    realtime_scheduler: str | None = None
    realtime_priority: int | None = None
    emulator_scheduler: Scheduler | None = None
    iothread_scheduler: Scheduler | None = None
    iothreads: int | str | None = None
    kvm_hints: str | None = None
    memballoon: bool | None = None
    ksm: bool | None = None
    l3_allocation: tuple[CacheShare, ...] = ()
    nova: NovaSpecs = NovaSpecs()
    origins: Mapping[str, Origin] = field(
        default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.origins)

    @property
    def defaults(self) -> frozenset[str]:
        """The fields that nothing but the profile asks for."""
        return frozenset(
            name for name, origin in self.origins.items()
            if origin.kind == 'profile')

    def without(self, name: str) -> GuestPolicy:
        """Return the policy as if this field had not been asked for."""
        return replace(
            self,
            origins=MappingProxyType({
                other: origin for other, origin in self.origins.items()
                if other != name}),
            **{name: getattr(GuestPolicy(), name)},
        )
