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

"""Guests without NUMA nodes of their own, and the host nodes they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Mapping

#: Distances where the host tells none, as Linux has them.
LOCAL, REMOTE = 10, 20


@dataclass(frozen=True)
class Node:
    """A NUMA node of the host.

    :ivar cpus: those of its CPUs that unpinned guests may use
    :ivar memory_mib: what such guests may have of its memory
    :ivar distances: to each node, as in the host's SLIT; empty for unknown
    """

    id: int
    cpus: frozenset[int]
    memory_mib: int
    distances: Mapping[int, int] = field(default_factory=dict)

    def distance(self, other: int) -> int:
        """Return how far another node is."""
        return self.distances.get(
            other, LOCAL if other == self.id else REMOTE)


@dataclass(frozen=True)
class Host:
    """The nodes of a host.

    :ivar siblings: for each CPU, the CPUs of its core; empty for unknown
    """

    nodes: tuple[Node, ...]
    siblings: Mapping[int, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Guest:
    """A guest that is to stand on few nodes.

    :ivar strict: whether its memory is bound to them
    :ivar nodes: the host nodes that it stands on; none for one that comes,
        or that has all shared CPUs
    :ivar near: the nodes that its devices are on
    :ivar pins: the host CPUs of each vCPU now, which are kept where they
        can be; none for unknown
    """

    name: str
    vcpus: int
    memory_mib: int
    strict: bool
    nodes: frozenset[int] = frozenset()
    near: frozenset[int] = frozenset()
    pins: tuple[frozenset[int], ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a guest is to stand.

    :ivar pins: the host CPUs of each vCPU
    :ivar emulator: those of its other threads
    :ivar reason: why there, a clause for the log
    """

    nodes: frozenset[int]
    pins: tuple[frozenset[int], ...]
    emulator: frozenset[int]
    reason: str


@dataclass(frozen=True)
class Plan:
    """Where all of them are to stand.

    :ivar places: by name
    :ivar moves: those that stand on other nodes now, in the order to move
    :ivar refused: why the others have no place, without a full stop: a soft
        guest has all shared CPUs then, a strict one must not start
    """

    places: Mapping[str, Place]
    moves: tuple[str, ...]
    refused: Mapping[str, str]
