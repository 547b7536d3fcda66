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

"""What a golden case is, and words to write it in."""

import dataclasses

from nova_numa_ext.topology import affinity_model
from nova_numa_ext.topology import guest as guest_topology

OK = 'ok'
# Why a guest is defined only. QEMU with KVM is not run by the tests, and few
# machines that run them let memory be locked.
NOT_RUN = 'not run: KVM'
LOCKS = 'not run: locks its memory'
# Nor do many have several nodes, or can allocate parts of a cache.
NODES = 'not run: stands on two nodes'
CAT = 'not run: needs resctrl'
NOT_RUN_HERE = (NOT_RUN, LOCKS, NODES, CAT)


@dataclasses.dataclass(frozen=True)
class NovaCpu:
    """What Nova writes by itself, from its host-wide options.

    :ivar mode: [libvirt] cpu_mode, None for ``none``
    :ivar model: the first of [libvirt] cpu_models
    :ivar flags: (policy, name) of [libvirt] cpu_model_extra_flags
    """

    mode: str = 'host-model'
    model: str = None
    flags: tuple = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """A guest on a host.

    :ivar cells: for each guest node its vCPUs, as a mapping to host CPUs
        where they are pinned
    :ivar host_nodes: for each guest node the host's that it stands on
    :ivar host: a file of hosts/
    :ivar capabilities: domain capabilities of hosts/, so the kind of guest
    :ivar topology: sockets, cores and threads that Nova writes
    :ivar explicit: whether hw:cpu_sockets or its like is set
    :ivar place: where it stands without nodes of its own
    :ivar realtime: the realtime vCPUs
    :ivar max_priority: [numa_ext] max_realtime_priority
    :ivar with_pins: whether Nova's <cputune> is in the domain. Its pins are
        then on CPUs that every machine has, 0 and 1, and vCPUs that are not
        pinned float over these
    :ivar numatune: whether Nova's <numatune> is in the domain
    :ivar locked: whether the memory is locked, as that of Nova's realtime
        guests is
    :ivar devices: of those that ``domains`` knows, such as ``vda``
    :ivar nova_iothread: whether there is the thread that Nova 33 and newer
        add
    :ivar refused: what is in the message where the guest is refused
    :ivar would_be: for those, what the domain would have been given
    :ivar define: for each type of domain, ``ok`` or a pattern of libvirt's
        message
    :ivar start: the same, or why it is not run, for what is defined
    """

    name: str
    define: dict
    start: dict
    extra_specs: dict = dataclasses.field(default_factory=dict)
    image_properties: dict = dataclasses.field(default_factory=dict)
    vcpus: int = 4
    cells: tuple = ()
    host_nodes: tuple = ()
    host: str = 'intel-2-sockets'
    capabilities: str = 'kvm'
    nova: NovaCpu = NovaCpu()
    limits: guest_topology.Limits = guest_topology.Limits()
    topology: tuple = None
    explicit: bool = False
    place: affinity_model.Place = None
    realtime: frozenset = frozenset()
    max_priority: int = 98
    with_pins: bool = False
    numatune: bool = False
    locked: bool = False
    devices: tuple = ()
    nova_iothread: bool = False
    refused: str = None
    would_be: tuple = ()


def specs(**names):
    return {f'numa_ext:{name}': text for name, text in names.items()}


def nova(**names):
    """Return extra specs of Nova's own."""
    return {f'hw:{name}': text for name, text in names.items()}


def properties(**names):
    return {f'numa_ext_{name}': text for name, text in names.items()}


def nodes(*groups):
    """Return cells of consecutive vCPUs pinned to these groups of CPUs."""
    cells = []
    first = 0
    for group in groups:
        cells.append({first + at: cpu for at, cpu in enumerate(group)})
        first += len(group)
    return tuple(cells)


def unpinned(count, size):
    return tuple(
        dict.fromkeys(range(low, low + size))
        for low in range(0, count * size, size))


def pairs(cores):
    """Return CPUs core by core on a host whose siblings are 16 apart."""
    return [number for core in cores for number in (core, core + 16)]


NO_PASSTHROUGH = (
    "CPU mode 'host-passthrough' for x86_64 qemu domain on x86_64 host is "
    'not supported by hypervisor')
EVERYWHERE = {'qemu': OK, 'kvm': OK}
RUNS = {'qemu': OK, 'kvm': NOT_RUN}
KVM_ONLY = {'qemu': NO_PASSTHROUGH, 'kvm': NOT_RUN}


def nowhere(message):
    return {'qemu': message, 'kvm': message}
