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

"""``<numatune>``: the memory policy of each node of the guest."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.topology import cpuset


@dataclass(frozen=True)
class MemoryPolicy:
    """A policy in place of Nova's, which is strict; its nodes stay.

    Where the host tells Nova of no nodes, there is nothing to write it to.
    """

    mode: str

    def write(self, domain: XmlNode) -> None:
        memory = domain.find('numatune/memory')
        if memory is not None:
            memory.set('mode', self._of_all(memory))
        for node in domain.findall('numatune/memnode'):
            node.set('mode', self.mode)

    def _of_all(self, memory: XmlNode) -> str:
        """Return the policy of what QEMU uses itself.

        libvirt before 9.3: "NUMA memory tuning in 'preferred' mode only
        supports single node". strict would keep the guest's memory, too, on
        these nodes.
        """
        nodes = cpuset.parse(memory.get('nodeset') or '')
        if self.mode == 'preferred' and len(nodes) > 1:
            return 'interleave'
        return self.mode


def configure(guest: Guest) -> MemoryPolicy | None:
    """Return the memory policy that is asked for, if one is.

    :raises InvalidRequest: for a guest without nodes
    """
    mode = guest.policy.numa_mempolicy
    if mode is None:
        return None
    if not guest.cells:
        raise InvalidRequest(
            guest.policy.origins['numa_mempolicy'],
            'the guest has no NUMA nodes to have it',
            'Set hw:numa_nodes',
        )
    return MemoryPolicy(mode)
