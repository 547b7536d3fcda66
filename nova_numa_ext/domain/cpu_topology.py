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

"""``<cpu><topology>``: sockets, dies, cores and threads of the guest."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.topology import dies
from nova_numa_ext.topology import guest as topology

X86 = ('x86_64', 'i686')
#: The libvirt that has clusters, which are to Arm what dies are to x86.
CLUSTERS = 10001000


@dataclass(frozen=True)
class Topology:
    """The topology that takes the place of Nova's.

    :ivar cores: of a socket, in all of its dies
    :ivar dies: of a socket
    :ivar group: what libvirt calls them there
    """

    sockets: int
    cores: int
    threads: int
    dies: int = 1
    group: str = 'dies'

    def write(self, domain: XmlNode) -> None:
        cpu = child(domain, 'cpu')
        node = child(cpu, 'topology', ('maxphysaddr', 'feature', 'numa'))
        node.set('sockets', str(self.sockets))
        if self.dies > 1:
            node.set(self.group, str(self.dies))
        node.set('cores', str(self.cores // self.dies))
        node.set('threads', str(self.threads))


def configure(guest: Guest) -> Topology | None:
    """Return the topology that is asked for, if one is.

    :raises HostCannot: for dies that libvirt does not have for this guest
    :raises InvalidRequest: where none is within hw:cpu_max_sockets and its
        like, or the cores of a socket do not make so many dies
    """
    from_pins = (
        guest.policy.cpu_topology == 'auto' and not guest.explicit_topology)
    found = fit(guest) if from_pins else guest.nova_topology
    if from_pins and found is None:
        raise InvalidRequest(
            guest.policy.origins['cpu_topology'],
            f'no topology of {guest.vcpus} vCPUs is within '
            'hw:cpu_max_sockets, _cores and _threads',
            'Raise one of them',
        )
    number = 1 if found is None else dies_of(guest, found)
    if found is None or not from_pins and number == 1:
        return None
    return Topology(
        found.sockets, found.cores, found.threads, number,
        'dies' if guest.capabilities.arch in X86 else 'clusters')


def fit(guest: Guest) -> topology.CpuTopology | None:
    """Return the topology that tells this guest where its vCPUs stand."""
    return topology.cpu_topology(
        guest.vcpus, guest.cells, guest.host.siblings, guest.limits)


def dies_of(guest: Guest, found: topology.CpuTopology) -> int:
    """Return how many dies a socket of this topology is to have.

    :raises HostCannot: for dies that libvirt does not have for this guest
    :raises InvalidRequest: where its cores do not make so many
    """
    asked = guest.policy.cpu_dies
    if asked is None:
        return 1
    arch = guest.capabilities.arch
    if asked == 'auto':
        if arch in X86 or (
                arch == 'aarch64' and guest.capabilities.has(CLUSTERS)):
            pins = {vcpu: cpu for cell in guest.cells
                    for vcpu, cpu in cell.pins.items()}
            return dies.dies(found, pins, guest.host)
        return 1
    number = int(asked)
    if number > 1 and arch not in X86:
        raise HostCannot(
            guest.policy.origins['cpu_dies'],
            f'{arch} guests have no dies', 'Remove it, or use auto')
    if found.cores % number:
        raise InvalidRequest(
            guest.policy.origins['cpu_dies'],
            f'no divisor of the cores in a socket, {found.cores}',
            'Use a divisor, set numa_ext:cpu_topology=auto or '
            'hw:cpu_cores',
        )
    return number
