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

"""What is known of a guest that stands somewhere."""

import dataclasses

from nova_numa_ext.domain import standing
from nova_numa_ext.host import reader
from nova_numa_ext.topology import affinity


@dataclasses.dataclass(frozen=True)
class Known:
    """A guest that stands somewhere, or is about to.

    :ivar guest: as the planner has it, by its UUID
    :ivar emulator: the CPUs of its other threads
    :ivar iothreads: its IO threads that are pinned, None for not read yet
    :ivar waits_on: the nodes that it has from its next start on, None where
        it does not wait for one
    """

    guest: affinity.Guest
    emulator: frozenset = frozenset()
    iothreads: tuple = None
    waits_on: frozenset = None

    def at(self, place):
        """Return it where it was given a place."""
        return dataclasses.replace(
            self, emulator=place.emulator, waits_on=None,
            guest=dataclasses.replace(
                self.guest, nodes=place.nodes, pins=place.pins))

    def is_at(self, place):
        if self.waits_on is not None:
            return self.waits_on == place.nodes
        return (self.guest.nodes == place.nodes
                and self.guest.pins == place.pins
                and self.emulator == place.emulator)


def of_domain(xml, host):
    """Return what a domain tells, None for one without affinity.

    Its emulator threads are on all of its nodes, and on no others.

    :param host: a nova_numa_ext.topology.affinity.Host
    """
    there = standing.of_domain(xml)
    if there is None:
        return None
    nodes = frozenset(
        node.id for node in host.nodes if node.cpus & there.emulator)
    return Known(
        affinity.Guest(
            there.uuid, there.vcpus, there.memory_mib, there.strict, nodes,
            _near(there.devices), there.pins),
        there.emulator, there.iothreads)


def _near(devices):
    """Return the nodes that PCI devices are on, as far as is known."""
    nodes = (reader.THIS.number(f'sys/bus/pci/devices/{device}/numa_node')
             for device in devices)
    # -1 is the kernel's word for unknown.
    return frozenset(
        node for node in nodes if node is not None and node >= 0)
