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

"""``<memoryBacking><nosharepages>``: pages that KSM leaves alone."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode


@dataclass(frozen=True)
class NoSharePages:
    """The host does not merge the guest's pages with others'."""

    def write(self, domain: XmlNode) -> None:
        backing = child(
            domain, 'memoryBacking', ('numatune', 'vcpu', 'os', 'devices'))
        child(backing, 'nosharepages', ('locked', 'source'))


def configure(guest: Guest) -> NoSharePages | None:
    """Return it for a guest that asks for ksm=off; else it is Nova's."""
    return NoSharePages() if guest.policy.ksm is False else None
