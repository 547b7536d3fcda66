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

"""Dies of the guest's sockets: groups of cores that share an L3."""

from __future__ import annotations

from typing import Mapping

from nova_numa_ext.topology.guest import CpuTopology
from nova_numa_ext.topology.host import HostTopology


def dies(
    topology: CpuTopology, pins: Mapping[int, int], host: HostTopology,
) -> int:
    """Return how many dies a socket has where vCPUs stand like this.

    A die is a block of consecutive vCPUs, of the same size everywhere. It is
    one only where all of its vCPUs are pinned to CPUs of one L3, and each die
    of a socket to another L3.

    :param topology: the guest's, with all cores of a socket
    :param pins: host CPU of each vCPU
    :param host: its caches
    :returns: 1 where the sockets do not consist of such blocks
    """
    socket = topology.cores * topology.threads
    count = topology.sockets * socket
    shared = [
        host.l3_of(pins[vcpu]) if vcpu in pins else None
        for vcpu in range(count)
    ]
    if None in shared:
        return 1
    for number in range(2, topology.cores + 1):
        if topology.cores % number:
            continue
        size = socket // number
        blocks = [
            set(shared[low:low + size]) for low in range(0, count, size)]
        if all(len(block) == 1 for block in blocks) and all(
                len(set().union(*blocks[first:first + number])) == number
                for first in range(0, len(blocks), number)):
            return number
    return 1
