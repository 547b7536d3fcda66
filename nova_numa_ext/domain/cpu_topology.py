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

"""``<cpu><topology>``: sockets, cores and threads of the guest."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.topology import guest as topology


@dataclass(frozen=True)
class Topology:
    """The topology that takes the place of Nova's."""

    sockets: int
    cores: int
    threads: int

    def write(self, domain: XmlNode) -> None:
        cpu = child(domain, 'cpu')
        node = child(cpu, 'topology', ('maxphysaddr', 'feature', 'numa'))
        node.set('sockets', str(self.sockets))
        node.set('cores', str(self.cores))
        node.set('threads', str(self.threads))


def configure(guest: Guest) -> Topology | None:
    """Return the topology from where the vCPUs stand, if it is asked for.

    :raises InvalidRequest: where none is within hw:cpu_max_sockets and its
        like
    """
    if guest.policy.cpu_topology != 'auto' or guest.explicit_topology:
        return None
    found = fit(guest)
    if found is None:
        raise InvalidRequest(
            guest.policy.origins['cpu_topology'],
            f'no topology of {guest.vcpus} vCPUs is within '
            'hw:cpu_max_sockets, _cores and _threads',
            'Raise one of them',
        )
    return Topology(found.sockets, found.cores, found.threads)


def fit(guest: Guest) -> topology.CpuTopology | None:
    """Return the topology that tells this guest where its vCPUs stand."""
    return topology.cpu_topology(
        guest.vcpus, guest.cells, guest.host.siblings, guest.limits)
