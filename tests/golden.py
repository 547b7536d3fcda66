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


"""Guests, the domains that they get, and what libvirt says to those.

Shared by the unit tests, which compare each domain with the file of its name
in tests/unit/domain/golden, and the end-to-end tests, which give these files
to a real libvirt. After a wanted change run ``python -m tests.golden`` and
read the difference.
"""

import dataclasses
import pathlib
import uuid

from lxml import etree

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.domain import capabilities
from nova_numa_ext.domain import cpu
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.domain import cpu_feature
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.domain import element
from nova_numa_ext.domain import elements
from nova_numa_ext.policy import values
from nova_numa_ext.topology import guest as guest_topology
from nova_numa_ext.topology import host as host_topology

FOLDER = pathlib.Path(__file__).parent / 'unit' / 'domain'

OK = 'ok'
# QEMU with KVM is not run by the tests: guests of type kvm are defined only.
NOT_RUN = 'not run'


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
    :ivar host: a file of hosts/
    :ivar capabilities: domain capabilities of hosts/, so the kind of guest
    :ivar explicit: whether hw:cpu_sockets or its like is set
    :ivar refused: what is in the message where the guest is refused
    :ivar would_be: for those, what the domain would have been given
    :ivar define: for each type of domain, ``ok`` or a pattern of libvirt's
        message
    :ivar start: the same, or ``not run``, for what is defined
    """

    name: str
    define: dict
    start: dict
    extra_specs: dict = dataclasses.field(default_factory=dict)
    image_properties: dict = dataclasses.field(default_factory=dict)
    vcpus: int = 4
    cells: tuple = ()
    host: str = 'intel-2-sockets'
    capabilities: str = 'kvm'
    nova: NovaCpu = NovaCpu()
    limits: guest_topology.Limits = guest_topology.Limits()
    explicit: bool = False
    refused: str = None
    would_be: tuple = ()


class CacheWithoutLevel(cpu_cache.CpuCache):
    """An emulated cache as it would be by analogy with the other modes."""

    def write(self, domain):
        super().write(domain)
        del domain.find('cpu/cache').attrib['level']


def specs(**names):
    return {f'numa_ext:{name}': text for name, text in names.items()}


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


CASES = (
    Case('nothing-asked', EVERYWHERE, RUNS),
    Case(
        'four-nodes-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=32,
        cells=nodes(*(range(low, low + 8) for low in range(0, 32, 8))),
        host='intel-4-sockets',
    ),
    Case(
        'four-nodes-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='auto', cpu_topology='auto'),
        vcpus=32,
        cells=unpinned(4, 8),
        host='intel-4-sockets',
        capabilities='qemu',
    ),
    Case(
        'siblings-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=16,
        cells=nodes(pairs(range(4)), pairs(range(8, 12))),
    ),
    Case(
        # No siblings in it, so that the L1 and L2 are not as on the host.
        'no-siblings-emulate', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=8,
        cells=nodes(range(4), range(8, 12)),
    ),
    Case(
        'epyc-groups-passthrough', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=16,
        cells=nodes(pairs(range(8))),
        host='epyc-2-nodes',
    ),
    Case(
        'epyc-across-groups-emulate', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto',
              cpu_topology='auto'),
        vcpus=8,
        cells=nodes(pairs(range(2, 6))),
        host='epyc-2-nodes',
    ),
    Case(
        # Nova's own topology tells nothing of where vCPUs stand.
        'cache-auto-without-topology', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_cache='auto'),
        vcpus=8,
        cells=nodes(range(8)),
        host='intel-4-sockets',
    ),
    Case(
        'cache-auto-host-model', EVERYWHERE, RUNS,
        specs(cpu_cache='auto', cpu_topology='auto'),
        vcpus=8,
        cells=nodes(range(8)),
        host='intel-4-sockets',
    ),
    Case(
        'cache-passthrough-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='passthrough'),
        capabilities='qemu',
    ),
    Case('cache-passthrough-novas-mode', EVERYWHERE, KVM_ONLY,
         specs(cpu_cache='passthrough'), nova=NovaCpu('host-passthrough')),
    Case('cache-emulate', EVERYWHERE, RUNS, specs(cpu_cache='emulate')),
    Case('cache-disable', EVERYWHERE, RUNS, specs(cpu_cache='disable')),
    Case(
        'cache-emulate-custom', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='Nehalem', cpu_cache='emulate'),
        capabilities='qemu',
    ),
    Case(
        'cache-disable-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_cache='disable'),
        capabilities='qemu',
    ),
    Case(
        'cache-without-mode', EVERYWHERE, RUNS,
        specs(cpu_cache='disable'), nova=NovaCpu(None),
        capabilities='qemu',
    ),
    Case(
        'migratable-off', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough', cpu_migratable='off'),
    ),
    Case(
        'migratable-on-maximum', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum', cpu_migratable='on'),
        capabilities='qemu',
    ),
    Case('migratable-novas-mode', EVERYWHERE, KVM_ONLY,
         specs(cpu_migratable='off'), nova=NovaCpu('host-passthrough')),
    Case(
        'first-usable-model', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='EPYC,nehalem,Westmere'),
        capabilities='qemu',
    ),
    Case(
        # The model of the host-wide options is none of this guest's.
        'model-gives-way', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough'),
        nova=NovaCpu('custom', 'Nehalem', (('require', 'aes'),)),
    ),
    Case(
        'host-model-over-custom', EVERYWHERE, RUNS,
        specs(cpu_mode='host-model'), nova=NovaCpu('custom', 'Nehalem'),
    ),
    Case(
        'mode-of-image', EVERYWHERE, RUNS,
        {}, properties(cpu_mode='custom', cpu_models='Nehalem',
                       cpu_topology='auto'),
        vcpus=4, cells=unpinned(2, 2), capabilities='qemu',
    ),
    Case(
        'mode-where-nova-has-none', EVERYWHERE, RUNS,
        specs(cpu_mode='maximum'), nova=NovaCpu(None),
        capabilities='qemu',
    ),
    Case(
        'features', EVERYWHERE, RUNS,
        specs(cpu_mode='custom', cpu_models='Nehalem',
              cpu_features='+pdpe1gb,-aes,-popcnt'),
        nova=NovaCpu('custom', 'Westmere',
                     (('require', 'aes'), ('require', 'x2apic'))),
        capabilities='qemu',
    ),
    Case('features-passthrough', EVERYWHERE, KVM_ONLY,
         specs(cpu_mode='host-passthrough', cpu_features='-vmx,+invtsc')),
    Case(
        'sockets-limited', EVERYWHERE, RUNS,
        specs(cpu_topology='auto'), vcpus=8, cells=unpinned(4, 2),
        limits=guest_topology.Limits(sockets=2, cores=4),
    ),
    Case(
        'topology-of-operator', EVERYWHERE, RUNS,
        specs(cpu_topology='auto', cpu_cache='auto'), vcpus=8,
        cells=unpinned(2, 4), explicit=True,
    ),

    # What is refused here, and what libvirt says where it is not.
    Case(
        'refused-cache-passthrough-host-model',
        nowhere("CPU cache mode 'passthrough' can only be used with "
                "'host-passthrough' / 'maximum' CPUs"), {},
        specs(cpu_mode='host-model', cpu_cache='passthrough'),
        refused="numa_ext:cpu_mode='host-model' does not go with it",
        would_be=(cpu.Cpu('host-model', None, None),
                  cpu_cache.CpuCache('passthrough')),
    ),
    Case(
        'refused-cache-passthrough-novas-mode',
        nowhere("CPU cache mode 'passthrough' can only be used with "
                "'host-passthrough' / 'maximum' CPUs"), {},
        specs(cpu_cache='passthrough'),
        nova=NovaCpu('custom', 'Nehalem'),
        refused='guests here get CPU mode custom',
        would_be=(cpu_cache.CpuCache('passthrough'),),
    ),
    Case(
        # Never written: shows why emulate comes with a level.
        'refused-cache-emulate-without-level',
        nowhere("CPU cache mode 'emulate' can only be used with level='3'"),
        {}, would_be=(CacheWithoutLevel('emulate'),),
    ),
    Case(
        'refused-migratable-host-model',
        nowhere("Attribute migratable is only allowed for "
                "'host-passthrough' / 'maximum' CPU mode"), {},
        specs(cpu_migratable='off'),
        refused='guests here get CPU mode host-model',
        would_be=(cpu.Cpu(None, None, False),),
    ),
    Case(
        'refused-features-without-mode',
        nowhere('Non-empty feature list specified without CPU model'), {},
        specs(cpu_features='+aes'),
        nova=NovaCpu(None),
        refused='guests here get no CPU mode',
        would_be=(cpu_feature.CpuFeatures(
            (values.CpuFeature('aes', 'require'),)),),
    ),
    Case(
        'refused-passthrough-emulated', EVERYWHERE, KVM_ONLY,
        specs(cpu_mode='host-passthrough'),
        capabilities='qemu',
        refused='qemu guests on this host cannot have it',
        would_be=(cpu.Cpu('host-passthrough', None, None),),
    ),
    Case(
        'refused-unknown-model', EVERYWHERE,
        {'qemu': 'Unknown CPU model', 'kvm': NOT_RUN},
        specs(cpu_mode='custom', cpu_models='Neahlem'),
        capabilities='qemu',
        refused='Did you mean Nehalem?',
        would_be=(cpu.Cpu('custom', 'Neahlem', None),),
    ),
    Case(
        'refused-sockets-limited',
        nowhere("CPU topology doesn't match maximum vcpu count"), {},
        specs(cpu_topology='auto'), vcpus=7,
        limits=guest_topology.Limits(sockets=2, cores=4),
        refused='no topology of 7 vCPUs is within',
        would_be=(cpu_topology.Topology(2, 4, 1),),
    ),
)


def host_xml(name):
    return (FOLDER / 'hosts' / f'{name}.xml').read_text()


def domain_capabilities(name):
    return dataclasses.replace(
        capabilities.from_xml(host_xml(f'{name}.domaincapabilities')),
        hypervisor_version=7002000)


def guest_of(case):
    """Return a case as the pure rooms take it."""
    return element.Guest(
        policy=guest_policy.resolve(case.extra_specs, case.image_properties),
        vcpus=case.vcpus,
        cells=tuple(
            guest_topology.GuestCell(
                frozenset(cell),
                {vcpu: pin for vcpu, pin in cell.items() if pin is not None})
            for cell in case.cells),
        limits=case.limits,
        explicit_topology=case.explicit,
        nova_cpu_mode=case.nova.mode,
        host=host_topology.from_capabilities(host_xml(case.host)),
        capabilities=domain_capabilities(case.capabilities),
    )


def elements_of(case):
    """Return what is written onto Nova's domain.

    :raises nova_numa_ext.policy.Refused: for a guest that is refused
    """
    return elements.elements(guest_of(case))


def nova_domain(case):
    """Return the domain as Nova writes it, by Nova's own classes.

    Without disks, and with no more memory than an idle QEMU wants. The pins
    and the memory policy are left out: they name CPUs of the case's host.
    """
    # Late: Nova's package of tests wants to be the first that is imported.
    from nova.virt.libvirt import config as vconfig

    domain = vconfig.LibvirtConfigGuest()
    domain.virt_type = case.capabilities
    domain.name = case.name
    domain.uuid = str(uuid.uuid5(uuid.NAMESPACE_URL, case.name))
    cell_kib = 16 << 10
    domain.memory = cell_kib * max(len(case.cells), 4)
    domain.vcpus = case.vcpus
    domain.os_type = 'hvm'
    domain.os_mach_type = 'pc'
    domain.os_boot_dev = ['hd']
    domain.features = [vconfig.LibvirtConfigGuestFeatureACPI()]
    domain.clock = vconfig.LibvirtConfigGuestClock()
    domain.cpu = vconfig.LibvirtConfigGuestCPU()
    domain.cpu.mode = case.nova.mode
    domain.cpu.model = case.nova.model
    for policy, name in case.nova.flags:
        domain.cpu.add_feature(vconfig.LibvirtConfigGuestCPUFeature(
            name, policy))
    domain.cpu.sockets = case.vcpus
    domain.cpu.cores = domain.cpu.threads = 1
    if case.cells:
        domain.cpu.numa = vconfig.LibvirtConfigGuestCPUNUMA()
        for number, cell in enumerate(case.cells):
            node = vconfig.LibvirtConfigGuestCPUNUMACell()
            node.id = number
            node.cpus = set(cell)
            node.memory = domain.memory // len(case.cells)
            domain.cpu.numa.cells.append(node)
    return domain.format_dom()


def domain_of(case):
    """Return a case's domain with all that is written onto it."""
    domain = nova_domain(case)
    for part in case.would_be or elements_of(case):
        part.write(domain)
    return etree.tostring(domain, pretty_print=True, encoding='unicode')


def path_of(case):
    return FOLDER / 'golden' / f'{case.name}.xml'


def main():
    for path in (FOLDER / 'golden').glob('*.xml'):
        path.unlink()
    for case in CASES:
        path_of(case).write_text(domain_of(case))


if __name__ == '__main__':
    main()
