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

"""Where a guest's vCPUs stand, and the topology that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Mapping
from typing import Sequence

from nova_numa_ext.topology.host import HostTopology


@dataclass(frozen=True)
class GuestCell:
    """A NUMA node of the guest.

    :ivar vcpus: its vCPUs
    :ivar pins: host CPU of each vCPU that has one of its own
    :ivar host_node: the host's node that it stands on, None for none yet
    :ivar memory_kib: its memory
    """

    vcpus: frozenset[int]
    pins: Mapping[int, int] = field(default_factory=dict)
    host_node: int | None = None
    memory_kib: int = 0


@dataclass(frozen=True)
class Limits:
    """The most that hw:cpu_max_sockets, _cores and _threads allow."""

    sockets: int = 65536
    cores: int = 65536
    threads: int = 65536


@dataclass(frozen=True)
class CpuTopology:
    """Sockets of the guest, cores of a socket, threads of a core."""

    sockets: int
    cores: int
    threads: int


def cpu_topology(
    vcpus: int,
    cells: Sequence[GuestCell],
    siblings: Mapping[int, frozenset[int]],
    limits: Limits,
) -> CpuTopology | None:
    """Return the topology that says to the guest where its vCPUs stand.

    QEMU numbers vCPUs by socket, core and thread in this order, so a socket
    is a block of consecutive vCPUs. Threads are those of a host core, or
    there are none; no socket spans two guest nodes, unless the limits ask
    for fewer sockets than that takes; the fewest sockets of that kind win.

    :param vcpus: how many vCPUs the guest has
    :param cells: its NUMA nodes; none for a guest without
    :param siblings: for each host CPU, the CPUs of its core
    :param limits: what the operator allows
    :returns: None where no topology is within the limits
    """
    pins = {
        vcpu: cpu for cell in cells for vcpu, cpu in cell.pins.items()}
    node_of = {
        vcpu: node
        for node, cell in enumerate(cells)
        for vcpu in cell.vcpus
    }
    for whole_nodes in (True, False):
        for threads in _thread_counts(vcpus, pins, siblings):
            if threads > limits.threads:
                continue
            for sockets in _divisors(vcpus // threads):
                cores = vcpus // threads // sockets
                if sockets > limits.sockets or cores > limits.cores:
                    continue
                if whole_nodes and not _blocks_within(
                        vcpus, cores * threads, node_of):
                    continue
                return CpuTopology(sockets, cores, threads)
    return None


def shares_caches_as_host(
    topology: CpuTopology,
    pins: Mapping[int, int],
    host: HostTopology,
    limited: bool,
) -> bool:
    """Return whether the host's cache data would be true for this guest.

    With passed-on data the guest takes as many consecutive vCPUs to share a
    cache as CPUs share one on the host. That is true only where the vCPUs are
    pinned to CPUs that share in just this way: the L3, and the L1 and L2 of a
    core.

    Of a cache that more CPUs share than a socket of the guest has, newer
    QEMUs make one per socket, but only in the leaf of CPUID that Intel has
    (target/i386/cpu.c: leaf 4 is limited, AMD's leaf 0x8000001D is not). On
    others the guest's sockets would seem to share it. Intel's leaf, for its
    part, counts the numbers that CPUs could have, more than there are, so
    that several caches in a socket come out right with AMD's only.

    :param topology: the guest's
    :param pins: host CPU of each vCPU
    :param host: its cores and caches
    :param limited: whether QEMU makes one per socket
    """
    count = topology.sockets * topology.cores * topology.threads
    sharing = []
    for vcpu in range(count):
        cpus = host.l3_of(pins[vcpu]) if vcpu in pins else None
        if cpus is None:
            return False
        if len(host.siblings.get(pins[vcpu], ())) != topology.threads:
            return False
        sharing.append(cpus)
    socket = topology.cores * topology.threads
    shared = len(sharing[0])
    if shared > socket and topology.sockets > 1 and not (
            limited and host.vendor == 'Intel'):
        return False
    if shared < socket and (
            host.vendor != 'AMD' or shared & (shared - 1) or socket % shared):
        # CPUID has powers of two only.
        return False
    size = min(shared, socket)
    groups = [set(sharing[low:low + size]) for low in range(0, count, size)]
    if any(len(group) != 1 for group in groups):
        return False
    return len({next(iter(group)) for group in groups}) == len(groups)


def _thread_counts(
    vcpus: int,
    pins: Mapping[int, int],
    siblings: Mapping[int, frozenset[int]],
) -> list[int]:
    """Return the thread counts that are true of the pins, best first."""
    widest = max((len(siblings.get(cpu, ())) for cpu in pins.values()),
                 default=1)
    counts = []
    for threads in range(min(widest, vcpus), 1, -1):
        if vcpus % threads:
            continue
        core_of = [
            siblings.get(pins[vcpu]) if vcpu in pins else None
            for vcpu in range(vcpus)
        ]
        cores = [
            set(core_of[low:low + threads])
            for low in range(0, vcpus, threads)
        ]
        if all(len(core) == 1 and None not in core for core in cores):
            counts.append(threads)
    counts.append(1)
    return counts


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _blocks_within(
    vcpus: int, size: int, node_of: Mapping[int, int],
) -> bool:
    """Return whether each block of so many vCPUs is in one guest node."""
    return all(
        len({node_of.get(vcpu) for vcpu in range(low, low + size)}) == 1
        for low in range(0, vcpus, size)
    )
