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

"""Nova's fake libvirtd, with what guests of this project need of it."""

import collections

from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

#: Features that the host-model CPU of these hosts has. libvirt knows more.
HOST_FEATURES = ('pdpe1gb', 'erms', 'vmx', 'x2apic')
KNOWN_FEATURES = (*HOST_FEATURES, 'avx512f', 'invtsc')


def host(nodes=4, cores=4, threads=2):
    """Return a host with this many NUMA nodes of so many cores.

    The default has 4 nodes and 32 CPUs, with 64 GiB.
    """
    return fakelibvirt.HostInfo(
        cpu_nodes=nodes, cpu_sockets=1, cpu_cores=cores, cpu_threads=threads,
        kB_mem=64 * 1024 ** 2)


class Connection(fakelibvirt.Connection):
    """A connection that keeps the XML it is given, and can say no.

    :ivar xml: the XML last defined, by the UUID of the domain
    :ivar virt_type: type of the domains that there can be
    :ivar unsupported_modes: CPU modes that domain capabilities deny
    :ivar l3: the CPUs of each L3 cache of the host; none are told by default
    :ivar allocates: whether parts of an L3 can be allocated, as with resctrl
    :ivar far: the distance of a node to the next one, half of that of one to
        the one after that; none are told by default
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.xml = {}
        self.virt_type = 'kvm'
        self.unsupported_modes = ()
        self.l3 = ()
        self.allocates = False
        self.far = None
        self._callbacks = collections.defaultdict(list)

    def defineXML(self, xml):
        domain = super().defineXML(xml)
        self.xml[domain.UUIDString()] = xml
        return domain

    def domainEventRegisterAny(self, dom, eventid, callback, opaque):
        self._callbacks[eventid].append((callback, opaque))
        super().domainEventRegisterAny(dom, eventid, callback, opaque)

    def emit(self, eventid, domain, *details):
        """Send an event to all that registered for it."""
        for callback, opaque in self._callbacks[eventid]:
            callback(self, domain, *details, opaque)

    def _emit_lifecycle(self, dom, event, detail):
        self.emit(fakelibvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, dom, event,
                  detail)

    def isAlive(self):
        return 1

    def getAllDomainStats(self, stats=0, flags=0):
        return self.domainListGetStats(list(self._vms.values()), stats, flags)

    def domainListGetStats(self, doms, stats=0, flags=0):
        return [(domain, {'state.state': domain.info()[0]})
                for domain in self._vms.values()
                if domain.UUIDString() in {
                    asked.UUIDString() for asked in doms}]

    def getCapabilities(self):
        tree = etree.fromstring(super().getCapabilities())
        cells = tree.findall('host/topology/cells/cell')
        for cell in cells if self.far else ():
            distances = etree.SubElement(cell, 'distances')
            here = int(cell.get('id'))
            for there in range(len(cells)):
                value = self.far * abs(here - there) or 10
                etree.SubElement(
                    distances, 'sibling', id=str(there), value=str(value))
        cache = etree.SubElement(tree.find('host'), 'cache')
        for number, cpus in enumerate(self.l3):
            bank = etree.SubElement(
                cache, 'bank', id=str(number), level='3', type='both',
                size='32', unit='MiB', cpus=cpus)
            if self.allocates:
                etree.SubElement(
                    bank, 'control', granularity='2', min='4', unit='MiB',
                    type='both', maxAllocs='16')
        return etree.tostring(tree, encoding='unicode')

    def getDomainCapabilities(self, emulatorbin, arch, machine_type,
                              virt_type, flags):
        if virt_type != self.virt_type:
            raise self._error(
                f'invalid argument: KVM is not supported by {virt_type}')
        tree = etree.fromstring(super().getDomainCapabilities(
            emulatorbin, arch, machine_type, virt_type, flags))
        tree.find('domain').text = virt_type
        # The real libvirt tells it of each kind of guest.
        if tree.find('iothreads') is None:
            etree.SubElement(tree, 'iothreads', supported='yes')
        etree.SubElement(
            tree.find('cpu'), 'mode', name='maximum', supported='yes')
        for mode in tree.findall('cpu/mode'):
            if mode.get('name') in self.unsupported_modes:
                mode.set('supported', 'no')
        return etree.tostring(tree, encoding='unicode')

    def compareHypervisorCPU(self, emulator, arch, machine, virttype, xml,
                             flags):
        """Say what libvirt says of features that are unknown or missing."""
        wanted = [
            (feature.get('name'), feature.get('policy'))
            for feature in etree.fromstring(xml).findall('feature')]
        for name, _policy in wanted:
            if name not in KNOWN_FEATURES:
                raise self._error(
                    f'internal error: Unknown CPU feature {name}')
        missing = [name for name, policy in wanted
                   if policy == 'require' and name not in HOST_FEATURES]
        if not missing:
            return fakelibvirt.VIR_CPU_COMPARE_SUPERSET
        if flags & 1:
            raise self._error(
                'the CPU is incompatible with host CPU: Host CPU does not '
                'provide required features: ' + ', '.join(missing))
        return fakelibvirt.VIR_CPU_COMPARE_INCOMPATIBLE

    @staticmethod
    def _error(message):
        return fakelibvirt.make_libvirtError(
            fakelibvirt.libvirtError, message,
            error_code=fakelibvirt.VIR_ERR_CONFIG_UNSUPPORTED,
            error_domain=fakelibvirt.VIR_FROM_QEMU)
