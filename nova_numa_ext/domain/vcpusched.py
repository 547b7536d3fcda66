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

"""``<cputune><vcpusched>``: scheduler and priority of realtime vCPUs."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain import priority
from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.values import Scheduler
from nova_numa_ext.topology import cpuset


@dataclass(frozen=True)
class VcpuScheduler:
    """The realtime scheduler that takes the place of Nova's."""

    vcpus: frozenset[int]
    scheduler: Scheduler

    def write(self, domain: XmlNode) -> None:
        cputune = child(domain, 'cputune', BEFORE_CPUTUNE)
        # Nova's names the same vCPUs, and libvirt wants each named once.
        remove(cputune, 'vcpusched')
        cputune.append(cputune.makeelement('vcpusched', {
            'vcpus': cpuset.show(self.vcpus),
            'scheduler': self.scheduler.policy,
            'priority': str(self.scheduler.priority),
        }))


def configure(guest: Guest) -> VcpuScheduler | None:
    """Return the scheduler of the realtime vCPUs, if one is asked for.

    What is not asked for is as Nova has it: fifo, and the priority of the
    host-wide option.

    :raises HostCannot: where the priority is above the host's cap
    """
    policy = guest.policy
    if policy.realtime_scheduler is None and policy.realtime_priority is None:
        return None
    if policy.realtime_priority is not None:
        priority.judge(guest, 'realtime_priority', policy.realtime_priority)
    if not guest.realtime_vcpus:
        return None
    return VcpuScheduler(guest.realtime_vcpus, Scheduler(
        policy.realtime_scheduler or 'fifo',
        policy.realtime_priority or guest.nova_realtime_priority,
    ))
