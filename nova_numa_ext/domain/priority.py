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

"""Priorities of realtime threads: what the host allows."""

from __future__ import annotations

from nova_numa_ext.domain.element import Guest
from nova_numa_ext.policy.errors import HostCannot


def judge(guest: Guest, name: str, priority: int) -> None:
    """Refuse a priority that is above the host's cap.

    :param name: the setting that asks for it
    :raises HostCannot: where it is
    """
    most = guest.max_realtime_priority
    if priority > most:
        raise HostCannot(
            guest.policy.origins[name],
            f'above [numa_ext] max_realtime_priority of this host, {most}',
            f'Ask for {most} or less, or raise the option',
        )
