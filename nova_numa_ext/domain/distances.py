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

"""``<cpu><numa><cell><distances>``: how far the guest's nodes are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot

#: Of a node to itself, as ACPI has it; libvirt takes none but this one there,
#: and this one nowhere else: libvirt 9.0 refuses it and corrupts its own heap
#: in doing so (virDomainNumaDefNodeDistanceParseXML), so that libvirtd ends
#: soon after. No golden domain has it for that reason.
LOCAL = 10


@dataclass(frozen=True)
class Distances:
    """For each node of the guest, the distance to each one."""

    rows: tuple[tuple[int, ...], ...]

    def write(self, domain: XmlNode) -> None:
        for cell in domain.findall('cpu/numa/cell'):
            number = int(cell.get('id') or '')
            remove(cell, 'distances')
            distances = cell.makeelement('distances', {})
            for other, value in enumerate(self.rows[number]):
                distances.append(cell.makeelement(
                    'sibling', {'id': str(other), 'value': str(value)}))
            cell.append(distances)


def configure(guest: Guest) -> Distances | None:
    """Return the distances between the host's nodes that it stands on.

    :raises HostCannot: where libvirt does not tell them
    """
    if guest.policy.numa_distances != 'host' or len(guest.cells) < 2:
        return None
    there = [cell.host_node for cell in guest.cells
             if cell.host_node is not None]
    if len(there) < len(guest.cells):
        # Not placed yet.
        return None
    known: dict[int, Mapping[int, int]] = {
        cell.id: cell.distances for cell in guest.host.cells}
    rows = []
    for number, node in enumerate(there):
        row = []
        for other, neighbour in enumerate(there):
            value = known.get(node, {}).get(neighbour)
            if value is None:
                raise HostCannot(
                    guest.policy.origins['numa_distances'],
                    f"libvirt does not tell this host's from node {node} to "
                    f'{neighbour}',
                    'See `virsh capabilities`, or set it to off',
                )
            row.append(LOCAL if number == other else max(value, LOCAL + 1))
        rows.append(tuple(row))
    return Distances(tuple(rows))
