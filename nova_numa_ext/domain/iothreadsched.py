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

"""``<cputune><iothreadsched>``: scheduler of the IO threads."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain import iothreads
from nova_numa_ext.domain import priority
from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.values import Scheduler
from nova_numa_ext.topology import cpuset


@dataclass(frozen=True)
class IoThreadScheduler:
    """A realtime scheduler for so many IO threads."""

    count: int
    scheduler: Scheduler

    def write(self, domain: XmlNode) -> None:
        if not iothreads.users(domain):
            return
        cputune = child(domain, 'cputune', BEFORE_CPUTUNE)
        remove(cputune, 'iothreadsched')
        cputune.append(cputune.makeelement('iothreadsched', {
            'iothreads': cpuset.show(range(1, self.count + 1)),
            'scheduler': self.scheduler.policy,
            'priority': str(self.scheduler.priority),
        }))


def configure(guest: Guest) -> IoThreadScheduler | None:
    """Return the scheduler of the IO threads, if one is asked for.

    :raises HostCannot: where its priority is above the host's cap
    """
    scheduler = guest.policy.iothread_scheduler
    if scheduler is None:
        return None
    priority.judge(guest, 'iothread_scheduler', scheduler.priority)
    return IoThreadScheduler(len(iothreads.threads(guest)), scheduler)
