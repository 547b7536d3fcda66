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


"""The golden domains, as a real libvirt and a real QEMU take them."""

import copy

import libvirt
from lxml import etree
import testscenarios
import testtools
from testtools import content

from nova_numa_ext.topology import cpuset
from tests import golden
from tests.e2e import disks
from tests.e2e import libvirt_fixture

# What libvirt makes of a CPU when it starts the guest has a mode of its own;
# the rest stays.
LIVE = ('topology', 'cache', 'numa')

# Parts of the domain that are there as they were given; elsewhere libvirt
# adds what a machine needs.
PARTS = ('iothreads', 'iothreadids', 'cputune', 'numatune', 'memoryBacking',
         'features', 'devices/memballoon')
KEYS = ('name', 'id', 'vcpu', 'iothread', 'vcpus', 'iothreads', 'cellid')


def missing(ours, theirs):
    """Return what is in an element of ours and not in libvirt's."""
    found = [
        f'<{ours.tag}> {key}={value!r}, not {theirs.get(key)!r}'
        for key, value in ours.items()
        # libvirt leaves it out where the mode leaves no choice.
        if theirs.get(key) != value and key != 'match'
    ]
    if (ours.text or '').strip() != (theirs.text or '').strip():
        found.append(f'<{ours.tag}> {ours.text!r}, not {theirs.text!r}')
    for child in ours:
        same = [
            node for node in theirs.findall(child.tag)
            if all(node.get(key) == child.get(key) for key in KEYS)
        ]
        if len(same) == 1:
            found.extend(missing(child, same[0]))
        else:
            found.append(f'{len(same)} of {etree.tostring(child).decode()}')
    return found


def differing(ours, theirs):
    """Return what differs of the parts of a domain."""
    ours, theirs = plain(ours), plain(theirs)
    return [
        what
        for part in PARTS
        if ours.find(part) is not None
        for what in missing(
            ours.find(part),
            etree.Element('none') if theirs.find(part) is None
            else theirs.find(part))
    ]


def plain(domain):
    """Return a domain in words that ours and libvirt's have in common.

    libvirt has one scheduler for each thread, and the largest unit of sizes.
    """
    domain = copy.deepcopy(domain)
    for tag, key in (('vcpusched', 'vcpus'), ('iothreadsched', 'iothreads')):
        for node in domain.findall(f'cputune/{tag}'):
            for number in cpuset.parse(node.get(key)):
                one = copy.deepcopy(node)
                one.set(key, str(number))
                node.addprevious(one)
            node.getparent().remove(node)
    for cache in domain.findall('cputune/cachetune/cache'):
        if cache.get('unit') == 'MiB':
            cache.set('size', str(int(cache.get('size')) * 1024))
            cache.set('unit', 'KiB')
    return domain


def served(domain):
    """Return the IO thread of each device that has one."""
    found = {}
    for device in (*domain.findall('devices/disk'),
                   *domain.findall('devices/controller')):
        thread = device.find('driver[@iothread]')
        if thread is not None:
            name = device.find('target')
            found[device.get('model') if name is None else name.get('dev')] = (
                thread.get('iothread'))
    return found


class TestGolden(testscenarios.WithScenarios, testtools.TestCase):

    scenarios = [
        (f'{case.name},{virt_type}', {'case': case, 'virt_type': virt_type})
        for case in golden.CASES
        for virt_type in sorted(case.define)
    ]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        libvirtd = libvirt_fixture.Libvirtd()
        libvirtd.setUp()
        cls.addClassCleanup(libvirtd.cleanUp)
        cls.connection = libvirtd.connection
        cls.disks = disks.Disks()
        cls.disks.setUp()
        cls.addClassCleanup(cls.disks.cleanUp)

    def setUp(self):
        super().setUp()
        self.xml = golden.path_of(self.case).read_text()
        self.addDetail('given', content.text_content(self.xml))
        self.domain = etree.fromstring(self.xml)
        self.domain.set('type', self.virt_type)
        self.disks.put_under(self.domain)

    def expect(self, expected, call, *args):
        """Return what a call gives, None where it failed as expected."""
        if expected == golden.OK:
            return call(*args)
        error = self.assertRaises(libvirt.libvirtError, call, *args)
        self.assertThat(
            str(error), testtools.matchers.MatchesRegex(
                f'(?s).*{expected}'))
        return None

    def kept(self, domain, flags=0):
        xml = domain.XMLDesc(flags)
        self.addDetail('kept', content.text_content(xml))
        return etree.fromstring(xml)

    def test_golden(self):
        domain = self.expect(
            self.case.define[self.virt_type], self.connection.defineXML,
            etree.tostring(self.domain, encoding='unicode'))
        if domain is None:
            return
        self.addCleanup(domain.undefine)
        cpu = self.domain.find('cpu')
        kept = self.kept(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
        self.assertEqual([], missing(cpu, kept.find('cpu')))
        self.assertEqual([], differing(self.domain, kept))
        self.assertEqual(served(self.domain), served(kept))

        start = self.case.start[self.virt_type]
        if start in golden.NOT_RUN_HERE:
            return
        if self.expect(start, domain.createWithFlags,
                       libvirt.VIR_DOMAIN_START_PAUSED) is None:
            return
        self.addCleanup(domain.destroy)
        live = self.kept(domain)
        self.assertEqual([], [
            what
            for tag in LIVE
            if cpu.find(tag) is not None
            for what in missing(cpu.find(tag), live.find(f'cpu/{tag}'))
        ])
        self.assertEqual([], differing(self.domain, live))
