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

"""``<channel>`` of QEMU's guest agent: a realtime guest has none.

What the agent does, such as to freeze the guest's file systems, stops the
guest's own threads for a time that nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode

#: The name that Nova and the agent know it by.
TARGET = 'org.qemu.guest_agent.0'


@dataclass(frozen=True)
class NoGuestAgent:
    """No channel, whatever hw_qemu_guest_agent of the image says."""

    def write(self, domain: XmlNode) -> None:
        devices = domain.find('devices')
        if devices is None:
            return
        for channel in devices.findall('channel'):
            target = channel.find('target')
            if target is not None and target.get('name') == TARGET:
                devices.remove(channel)


def configure(guest: Guest) -> NoGuestAgent | None:
    """Return it for profile=realtime."""
    return NoGuestAgent() if guest.policy.profile == 'realtime' else None
