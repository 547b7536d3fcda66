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

"""What every element of a domain is, and the tree it writes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator
from typing import Protocol
from typing import TypeVar

from nova_numa_ext.domain.capabilities import DomainCapabilities
from nova_numa_ext.policy.guest_policy import GuestPolicy
from nova_numa_ext.topology.affinity_model import Place
from nova_numa_ext.topology.guest import CpuTopology
from nova_numa_ext.topology.guest import GuestCell
from nova_numa_ext.topology.guest import Limits
from nova_numa_ext.topology.host import HostTopology

Node = TypeVar('Node', bound='XmlNode')

#: What Nova writes after ``<cputune>``, for who has to make it.
BEFORE_CPUTUNE = ('clock', 'cpu', 'devices')
#: Likewise, after ``<features>``.
BEFORE_FEATURES = ('iothreads', 'iothreadids', 'cputune', *BEFORE_CPUTUNE)


class XmlNode(Protocol):
    """What lxml's elements and those of the standard library both have."""

    text: str | None

    def find(self: Node, path: str, /) -> Node | None: ...

    def findall(self: Node, path: str, /) -> list[Node]: ...

    def get(self, key: str, /) -> str | None: ...

    def set(self, key: str, value: str, /) -> None: ...

    def append(self: Node, node: Node, /) -> None: ...

    def insert(self: Node, index: int, node: Node, /) -> None: ...

    def remove(self: Node, node: Node, /) -> None: ...

    def makeelement(
        self: Node, tag: str, attributes: dict[str, str], /,
    ) -> Node: ...

    def __iter__(self: Node) -> Iterator[Node]: ...


class Element(Protocol):
    """A part of the domain that differs from what Nova writes."""

    def write(self, domain: XmlNode) -> None:
        """Change the tree of a ``<domain>`` in place."""


@dataclass(frozen=True)
class Guest:
    """One guest on one host: all that an element may depend on.

    :ivar policy: what is asked for
    :ivar vcpus: how many vCPUs it has
    :ivar cells: its NUMA nodes as Nova placed them; none without
    :ivar limits: hw:cpu_max_sockets and its like
    :ivar explicit_topology: whether hw:cpu_sockets or its like is set
    :ivar nova_topology: the topology that Nova gives it by itself, None where
        nothing depends on it
    :ivar nova_cpu_mode: the mode that Nova gives it by itself, None for none
    :ivar host: the host's nodes, cores and caches
    :ivar capabilities: what libvirt can do for such a guest there
    :ivar realtime_vcpus: its realtime vCPUs, as Nova reads the mask
    :ivar nova_realtime_priority: [libvirt] realtime_scheduler_priority
    :ivar max_realtime_priority: the most that [numa_ext] allows
    :ivar place: the host nodes of a guest without NUMA nodes of its own,
        None where it has all shared CPUs
    :ivar is_bound: whether its memory is bound to them
    """

    policy: GuestPolicy
    vcpus: int
    cells: tuple[GuestCell, ...]
    limits: Limits
    explicit_topology: bool
    nova_cpu_mode: str | None
    host: HostTopology
    capabilities: DomainCapabilities
    realtime_vcpus: frozenset[int] = frozenset()
    nova_realtime_priority: int = 1
    max_realtime_priority: int = 98
    nova_topology: CpuTopology | None = None
    place: Place | None = None
    is_bound: bool = False

    @property
    def cpu_mode(self) -> str | None:
        """The mode that its CPU will have."""
        return self.policy.cpu_mode or self.nova_cpu_mode


def child(parent: Node, tag: str, before: tuple[str, ...] = ()) -> Node:
    """Return the child with this tag; make it, before others, if missing."""
    found = parent.find(tag)
    if found is not None:
        return found
    node = parent.makeelement(tag, {})
    index = 0
    for index, other in enumerate(parent):
        if getattr(other, 'tag', None) in before:
            parent.insert(index, node)
            return node
    parent.append(node)
    return node


def remove(parent: Node, tag: str) -> None:
    """Take away all children with this tag."""
    for node in parent.findall(tag):
        parent.remove(node)
