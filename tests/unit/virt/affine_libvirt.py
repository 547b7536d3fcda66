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

"""A libvirt whose guests have affinity, as much of it as moves them."""

import dataclasses
from xml.etree import ElementTree

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from oslo_utils.fixture import uuidsentinel
import testtools

from nova_numa_ext.conf import opts
from nova_numa_ext.domain import affinity as element
from nova_numa_ext.domain import metadata
from nova_numa_ext.domain import standing
from nova_numa_ext.topology import affinity
from nova_numa_ext.topology import cpuset
from nova_numa_ext.virt import affinity_ledger
from tests.unit.host import tree

LIVE, CONFIG = 1, 2
DOMAIN = """
<domain>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory>{kib}</memory>
  <vcpu>{vcpus}</vcpu>
  <devices/>
</domain>"""
#: Two nodes of four CPUs and 4 GiB.
HOST = affinity.Host(tuple(
    affinity.Node(number, frozenset(range(4 * number, 4 * number + 4)), 4096)
    for number in (0, 1)))


def error(code=fakelibvirt.VIR_ERR_INTERNAL_ERROR, said='no cgroup'):
    return fakelibvirt.make_libvirtError(
        fakelibvirt.libvirtError, said, error_code=code)


def guest(name, vcpus=2, strict=False, **kwargs):
    return affinity.Guest(
        getattr(uuidsentinel, name), vcpus, 512, strict, **kwargs)


class Domain:
    """A domain with its XML, live and as it is defined."""

    def __init__(self, libvirt, xml):
        self._libvirt = libvirt
        self.xml = {
            LIVE: ElementTree.fromstring(xml),
            CONFIG: ElementTree.fromstring(xml)}

    def standing(self, which=LIVE):
        return standing.of_domain(
            ElementTree.tostring(self.xml[which], encoding='unicode'))

    def UUIDString(self):
        return self.xml[LIVE].findtext('uuid')

    def name(self):
        return self.xml[LIVE].findtext('name')

    def isActive(self):
        return self.UUIDString() in self._libvirt.domains

    def XMLDesc(self, flags=0):
        self._libvirt.calls.append('XMLDesc')
        if 'XMLDesc' in self._libvirt.fails:
            raise self._libvirt.fails['XMLDesc']
        return ElementTree.tostring(self.xml[LIVE], encoding='unicode')

    def pinVcpuFlags(self, vcpu, cpus, flags):
        self._pin('pinVcpuFlags', 'vcpupin', {'vcpu': str(vcpu)}, cpus,
                  flags)

    def pinEmulator(self, cpus, flags):
        self._pin('pinEmulator', 'emulatorpin', {}, cpus, flags)

    def pinIOThread(self, thread, cpus, flags):
        self._pin('pinIOThread', 'iothreadpin', {'iothread': str(thread)},
                  cpus, flags)

    def _pin(self, call, tag, which, cpus, flags):
        self._libvirt.called(call)
        for flag in LIVE, CONFIG:
            if not flags & flag:
                continue
            cputune = self.xml[flag].find('cputune')
            if cputune is None:
                cputune = ElementTree.SubElement(self.xml[flag], 'cputune')
            for pin in cputune.findall(tag):
                if which.items() <= pin.attrib.items():
                    cputune.remove(pin)
            ElementTree.SubElement(cputune, tag, dict(
                which, cpuset=cpuset.show(
                    cpu for cpu, may in enumerate(cpus) if may)))

    def setNumaParameters(self, parameters, flags):
        self._libvirt.called('setNumaParameters', flags)
        for flag in LIVE, CONFIG:
            if flags & flag:
                self.xml[flag].find('numatune/memory').set(
                    'nodeset', parameters['numa_nodeset'])


class Libvirt:
    """As nova.virt.libvirt.host.Host is asked.

    :ivar calls: names of the calls
    :ivar domains: those that run, by UUID
    :ivar fails: an error by the name of a call, or the name and its flags
    :ivar on_call: is called within each call that changes something
    """

    def __init__(self):
        self.calls = []
        self.domains = {}
        self.fails = {}
        self.on_call = lambda: None

    def take(self):
        """Return the calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def called(self, call, flags=None):
        self.calls.append(call)
        self.on_call()
        found = self.fails.get(call) or self.fails.get((call, flags))
        if found is not None:
            raise found

    def list_instance_domains(self):
        self.calls.append('list')
        if 'list' in self.fails:
            raise self.fails['list']
        return list(self.domains.values())

    def start(self, guest, place=None, iothreads=0):
        """Start a guest at its place, or without one."""
        xml = ElementTree.fromstring(DOMAIN.format(
            name=f'guest {len(self.domains)}', uuid=guest.name,
            kib=guest.memory_mib << 10, vcpus=guest.vcpus))
        if iothreads:
            ElementTree.SubElement(xml, 'iothreads').text = str(iothreads)
        metadata.Metadata((metadata.Setting(
            'numa_affinity', 'strict' if guest.strict else 'soft',
            'option'),)).write(xml)
        if isinstance(place, affinity.Place):
            element.Affinity(place, guest.strict).write(xml)
        self.domains[guest.name] = Domain(
            self, ElementTree.tostring(xml, encoding='unicode'))

    def standing(self, guest, which=LIVE):
        return self.domains[guest.name].standing(which)


@dataclasses.dataclass
class AffinityHost:
    """As nova_numa_ext.virt.affinity_host has it."""

    host: affinity.Host = HOST
    over: bool = True

    def nodes(self):
        if isinstance(self.host, Exception):
            raise self.host
        return self.host

    def is_overcommitted(self):
        return self.over


class TestCase(testtools.TestCase):
    """A host, what its libvirt is asked, and a ledger of its guests."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.host.libvirt', fakelibvirt))
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree({})).reader))
        opts.register_opts(affinity_ledger.CONF)
        self.libvirt = Libvirt()
        self.host = AffinityHost()
        self.ledger = affinity_ledger.Ledger(self.libvirt, self.host)

    def start(self, *guests, **kwargs):
        """Have Nova start guests, one after the other."""
        for one in guests:
            with self.ledger.operation(one.name, 'started'):
                self.libvirt.start(one, self.ledger.place(one), **kwargs)

    def stop(self, guest, after='stopped'):
        with self.ledger.operation(guest.name, after):
            del self.libvirt.domains[guest.name]

    def nodes(self, *guests, which=LIVE):
        """Return the nodes of guests, by the CPUs that they run on."""
        return [sorted({cpu // 4 for cpu in self.libvirt.standing(
            one, which).emulator}) for one in guests]
