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

"""``<cputune><emulatorsched>``: scheduler of the emulator threads."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain import priority
from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.values import Scheduler


@dataclass(frozen=True)
class EmulatorScheduler:
    """A realtime scheduler for the emulator threads."""

    scheduler: Scheduler

    def write(self, domain: XmlNode) -> None:
        cputune = child(domain, 'cputune', BEFORE_CPUTUNE)
        node = child(cputune, 'emulatorsched')
        node.set('scheduler', self.scheduler.policy)
        node.set('priority', str(self.scheduler.priority))


def configure(guest: Guest) -> EmulatorScheduler | None:
    """Return the scheduler of the emulator threads, if one is asked for.

    :raises HostCannot: where its priority is above the host's cap
    """
    scheduler = guest.policy.emulator_scheduler
    if scheduler is None:
        return None
    priority.judge(guest, 'emulator_scheduler', scheduler.priority)
    return EmulatorScheduler(scheduler)
