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

"""``<memballoon>``: whether there is a device to take memory back with."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode


@dataclass(frozen=True)
class NoMemballoon:
    """No balloon, in place of Nova's.

    libvirt adds one of its own where the domain does not say ``none``.
    """

    def write(self, domain: XmlNode) -> None:
        devices = child(domain, 'devices')
        remove(devices, 'memballoon')
        devices.append(devices.makeelement('memballoon', {'model': 'none'}))


def configure(guest: Guest) -> NoMemballoon | None:
    """Return none for a guest that asks for none; else it is Nova's."""
    return NoMemballoon() if guest.policy.memballoon is False else None
