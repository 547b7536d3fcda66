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
from types import MappingProxyType
from typing import Mapping

from nova_numa_ext.policy.errors import Origin
from nova_numa_ext.policy.values import CpuFeature


@dataclass(frozen=True)
class GuestPolicy:
    """What was asked for; a field that was not is None or empty.

    :ivar cpu_mode: mode of the CPU
    :ivar cpu_models: models for ``custom``, the preferred one first
    :ivar cpu_features: features to require or to disable
    :ivar cpu_migratable: ``migratable=`` of the CPU
    :ivar cpu_cache: the L3 that the guest sees
    :ivar cpu_topology: ``auto``, or Nova's own topology
    :ivar origins: for each field that was asked for, where
    """

    cpu_mode: str | None = None
    cpu_models: tuple[str, ...] = ()
    cpu_features: tuple[CpuFeature, ...] = ()
    cpu_migratable: bool | None = None
    cpu_cache: str | None = None
    cpu_topology: str | None = None
    origins: Mapping[str, Origin] = field(
        default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.origins)
