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

"""The domain that Nova writes for a golden case, by Nova's own classes.

With no more memory than an idle QEMU wants.
"""

import uuid

from lxml import etree

from tests.golden import guests

# For the tests to put a real one in its place.
DISK = '/nowhere/disk'


def nova_domain(case):
    """Return the domain as Nova writes it."""
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
    domain.cpu = _cpu(vconfig, case)
    if case.cells:
        domain.cpu.numa = vconfig.LibvirtConfigGuestCPUNUMA()
        for number, cell in enumerate(case.cells):
            node = vconfig.LibvirtConfigGuestCPUNUMACell()
            node.id = number
            node.cpus = set(cell)
            node.memory = domain.memory // len(case.cells)
            domain.cpu.numa.cells.append(node)
    if case.with_pins:
        domain.cputune = _cputune(vconfig, case)
    if case.numatune:
        domain.numatune = _numatune(vconfig, case)
    if case.locked:
        domain.membacking = vconfig.LibvirtConfigGuestMemoryBacking()
        domain.membacking.locked = True
        domain.membacking.sharedpages = False
    for device in case.devices:
        for config in _DEVICES[device](vconfig):
            domain.add_device(config)
    tree = domain.format_dom()
    if case.nova_iothread:
        _add_iothread(tree)
    return tree


def domain_of(case):
    """Return a case's domain with all that is written onto it."""
    domain = nova_domain(case)
    for part in case.would_be or guests.elements_of(case):
        part.write(domain)
    etree.indent(domain)
    return etree.tostring(domain, pretty_print=True, encoding='unicode')


def path_of(case):
    return guests.FOLDER / 'golden' / f'{case.name}.xml'


def _cpu(vconfig, case):
    cpu = vconfig.LibvirtConfigGuestCPU()
    cpu.mode = case.nova.mode
    cpu.model = case.nova.model
    for policy, name in case.nova.flags:
        cpu.add_feature(vconfig.LibvirtConfigGuestCPUFeature(name, policy))
    cpu.sockets, cpu.cores, cpu.threads = (
        case.topology or (case.vcpus, 1, 1))
    return cpu


def _cputune(vconfig, case):
    cputune = vconfig.LibvirtConfigGuestCPUTune()
    cputune.emulatorpin = vconfig.LibvirtConfigGuestCPUTuneEmulatorPin()
    cputune.emulatorpin.cpuset = set()
    for cell in case.cells:
        for vcpu, cpu in cell.items():
            pin = vconfig.LibvirtConfigGuestCPUTuneVCPUPin()
            pin.id = vcpu
            pin.cpuset = {0, 1} if cpu is None else {cpu}
            cputune.vcpupin.append(pin)
            if vcpu not in case.realtime:
                cputune.emulatorpin.cpuset |= pin.cpuset
    if case.realtime:
        scheduler = vconfig.LibvirtConfigGuestCPUTuneVCPUSched()
        scheduler.vcpus = set(case.realtime)
        scheduler.scheduler = 'fifo'
        scheduler.priority = 1
        cputune.vcpusched.append(scheduler)
    return cputune


def _numatune(vconfig, case):
    numatune = vconfig.LibvirtConfigGuestNUMATune()
    numatune.memory = vconfig.LibvirtConfigGuestNUMATuneMemory()
    numatune.memory.nodeset = list(dict.fromkeys(case.host_nodes))
    numatune.memnodes = []
    for number, host_node in enumerate(case.host_nodes):
        node = vconfig.LibvirtConfigGuestNUMATuneMemNode()
        node.cellid = number
        node.nodeset = [host_node]
        numatune.memnodes.append(node)
    return numatune


def _disk(name, bus):
    def make(vconfig):
        disk = vconfig.LibvirtConfigGuestDisk()
        disk.source_type = 'file'
        disk.source_path = DISK
        disk.driver_name = 'qemu'
        disk.driver_format = 'raw'
        disk.target_dev = name
        disk.target_bus = bus
        return [disk]
    return make


def _virtio_scsi(vconfig):
    controller = vconfig.LibvirtConfigGuestController()
    controller.type = 'scsi'
    controller.model = 'virtio-scsi'
    controller.index = 0
    return [*_disk('sda', 'scsi')(vconfig), controller]


def _agent(vconfig):
    channel = vconfig.LibvirtConfigGuestChannel()
    channel.type = 'unix'
    channel.target_name = 'org.qemu.guest_agent.0'
    channel.source_path = (
        '/var/lib/libvirt/qemu/org.qemu.guest_agent.0.sock')
    return [channel]


def _balloon(vconfig):
    balloon = vconfig.LibvirtConfigMemoryBalloon()
    balloon.model = 'virtio'
    balloon.period = 10
    return [balloon]


_DEVICES = {
    'vda': _disk('vda', 'virtio'),
    'vdb': _disk('vdb', 'virtio'),
    'vdc': _disk('vdc', 'virtio'),
    'hda': _disk('hda', 'ide'),
    'sda': _virtio_scsi,
    'agent': _agent,
    'balloon': _balloon,
}


def _add_iothread(domain):
    """Add what Nova 33 and newer add; the classes of others cannot."""
    domain.find('os').addprevious(
        domain.makeelement('iothreads', {}))
    domain.find('iothreads').text = '1'
    cputune = domain.find('cputune')
    if cputune is not None:
        cputune.append(cputune.makeelement('iothreadpin', {
            'cpuset': cputune.find('emulatorpin').get('cpuset'),
            'iothread': '1'}))
