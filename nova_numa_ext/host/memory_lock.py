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

"""Whether the memory of guests can be locked on this host.

libvirt locks a guest's memory by starting QEMU with no limit of locked memory
(qemuDomainGetMemLockLimitBytes: unlimited for ``<locked/>`` without a
``hard_limit``, which Nova does not write). Whoever sets a limit that is higher
than his own needs CAP_SYS_RESOURCE (setrlimit(2)). So libvirtd needs that, or
no limit itself; a high one does not help.
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.host import processes
from nova_numa_ext.host.reader import HostReader

DAEMONS = ('virtqemud', 'libvirtd')

REMEDY = 'Give it that, or LimitMEMLOCK=infinity in its unit'


@dataclass(frozen=True)
class Facts:
    """What there is to know of the daemon that starts guests.

    :ivar daemon: its name, empty where it cannot be seen
    :ivar may_raise_limits: whether it has CAP_SYS_RESOURCE, None for unknown
    :ivar most_kib: its own hard limit of locked memory, None for unknown
    """

    daemon: str = ''
    may_raise_limits: bool | None = None
    most_kib: float | None = None

    @property
    def can_lock(self) -> bool | None:
        """Whether guests' memory can be locked; None where unknown."""
        if self.may_raise_limits or self.most_kib == float('inf'):
            return True
        if self.may_raise_limits is None or self.most_kib is None:
            return None
        return False


def gather(reader: HostReader) -> Facts:
    """Return the facts about the libvirt daemon of this host.

    Where there are several, as with a private one beside the machine's, the
    one that can do most counts: nobody is refused because of the other.
    """
    found = [
        Facts(
            reader.text(f'proc/{pid}/comm') or '',
            processes.may_raise_limits(reader, pid),
            processes.most_locked_kib(reader, pid),
        )
        for pid in processes.named(reader, DAEMONS)
    ]
    for wanted in (True, None, False):
        for facts in found:
            if facts.can_lock is wanted:
                return facts
    return Facts()


def judge(memory_kib: int, facts: Facts) -> str | None:
    """Return why a guest's memory cannot be locked; None where it can.

    It can as far as is known, too, where the daemon cannot be seen.

    :param memory_kib: the guest's memory
    """
    if facts.can_lock is not False:
        return None
    most = int(facts.most_kib or 0)
    return (
        f'{facts.daemon} may lock {most >> 10} MiB of its '
        f'{memory_kib >> 10} MiB, and has no CAP_SYS_RESOURCE')
