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

"""Whether QEMU can fill a guest's huge pages where they are.

libvirt 8.10 and QEMU 7.2 fill them with threads of their own for each node
(thread contexts), bound to the node's CPUs. They start in the control group of
the emulator threads: where that has no CPU of the node, QEMU ends with
"Setting CPU affinity failed: Invalid argument". Seen with libvirt 9.0.
"""

from __future__ import annotations

from typing import Iterable
from typing import Sequence

from nova_numa_ext.topology.host import HostCell

#: libvirt that is known to have it, and the first that is not known to.
SINCE = 8_010_000
UNTIL = 9_001_000


def unreachable(cells: Iterable[HostCell], nodes: Sequence[int],
                emulator: frozenset[int]) -> tuple[int, ...]:
    """Return the host nodes that the emulator threads have no CPU of.

    :param nodes: host nodes that huge pages of the guest are on
    :param emulator: CPUs that its emulator threads may run on
    """
    return tuple(sorted(
        cell.id for cell in cells
        if cell.id in nodes and not cell.cpus & emulator))
