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

"""``<features><pmu>``: a realtime guest has no performance counters.

Counters that overflow interrupt the vCPU.
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import BEFORE_FEATURES
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode

#: libvirt: "The 'pmu' feature is not supported for architecture" of others.
ARCHES = ('x86_64', 'i686', 'aarch64')


@dataclass(frozen=True)
class NoPmu:
    """No virtual PMU."""

    def write(self, domain: XmlNode) -> None:
        features = child(domain, 'features', BEFORE_FEATURES)
        child(features, 'pmu').set('state', 'off')


def configure(guest: Guest) -> NoPmu | None:
    """Return it for profile=realtime, where hw:pmu does not say otherwise."""
    if guest.policy.profile != 'realtime':
        return None
    if guest.policy.nova.pmu is not None:
        return None
    return NoPmu() if guest.capabilities.arch in ARCHES else None
