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

"""``<cpu><feature policy= name=>``: what the guest's CPU has or hides."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.values import CpuFeature


@dataclass(frozen=True)
class CpuFeatures:
    """Features that come after those of the host-wide options."""

    features: tuple[CpuFeature, ...]

    def write(self, domain: XmlNode) -> None:
        cpu = child(domain, 'cpu')
        present = {node.get('name'): node for node in cpu.findall('feature')}
        for feature in self.features:
            node = present.get(feature.name)
            if node is None:
                node = cpu.makeelement('feature', {})
                node.set('name', feature.name)
                cpu.append(node)
            node.set('policy', feature.policy)


def configure(guest: Guest) -> CpuFeatures | None:
    """Return the features that are asked for, if any are.

    :raises HostCannot: where the guest has no CPU mode to add them to, which
        libvirt refuses ("Non-empty feature list specified without CPU
        model")
    """
    if not guest.policy.cpu_features:
        return None
    if guest.cpu_mode is None:
        raise HostCannot(
            guest.policy.origins['cpu_features'],
            'guests here get no CPU mode, so there is nothing to add it to',
            'Set numa_ext:cpu_mode too',
        )
    return CpuFeatures(guest.policy.cpu_features)
