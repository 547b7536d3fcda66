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

"""Guests with ``numa_affinity``, and how much of their memory is remote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from nova_numa_ext.domain import standing
from nova_numa_ext.host import processes
from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology.host import HostTopology

#: Files that a guest's memory can be in.
_MEMORY = ('/memfd:', '/dev/')


@dataclass(frozen=True)
class Affine:
    """A guest on the nodes that it was given.

    :ivar asked: ``soft`` or ``strict``
    :ivar nodes: the host nodes that its threads run on; all of them for one
        without a place
    :ivar kib: how much of QEMU's memory is on each host node, None where this
        cannot be read
    :ivar next_nodes: the nodes that it has from its next start on, None
        where it does not wait for one
    """

    name: str
    vcpus: int
    asked: str
    nodes: frozenset[int]
    kib: Mapping[int, int] | None
    next_nodes: frozenset[int] | None = None

    @property
    def remote(self) -> float | None:
        """The share of its memory that is on other nodes; None for unknown."""
        return remote(self.kib, self.nodes)


def remote(
    kib: Mapping[int, int] | None, nodes: frozenset[int],
) -> float | None:
    """Return the share of memory that is not on these nodes."""
    total = sum(kib.values()) if kib else 0
    if not kib or not total:
        return None
    return sum(
        some for node, some in kib.items() if node not in nodes) / total


def of_guest(
    reader: HostReader, host: HostTopology, live: str,
    defined: str | None = None,
) -> Affine | None:
    """Return a guest that runs, None for one without affinity.

    :param live: its XML as it runs
    :param defined: its XML as it will be started
    """
    now = standing.of_domain(live)
    if now is None:
        return None
    nodes = _nodes(host, now)
    later = standing.of_domain(defined) if defined is not None else None
    next_nodes = None
    if now.strict and later is not None and later.emulator != now.emulator:
        next_nodes = _nodes(host, later)
    return Affine(
        now.name, now.vcpus, 'strict' if now.strict else 'soft', nodes,
        memory(reader, now.uuid),
        next_nodes if next_nodes != nodes else None)


def _nodes(host: HostTopology, there: standing.Standing) -> frozenset[int]:
    return frozenset(
        cell.id for cell in host.cells
        if not there.emulator or cell.cpus & there.emulator)


def memory(reader: HostReader, uuid: str) -> dict[int, int] | None:
    """Return how many KiB of a guest's memory are on each host node.

    :returns: None where this cannot be read
    """
    pid = processes.of_guest(reader, uuid)
    areas = None if pid is None else processes.areas(reader, pid)
    if areas is None:
        return None
    found: dict[int, int] = {}
    for area in areas:
        # Programs and libraries are there for all processes.
        if not area.file or area.file.startswith(_MEMORY):
            for node, kib in area.kib.items():
                found[node] = found.get(node, 0) + kib
    return found
