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

import os
from unittest import mock

import fixtures
import libvirt
from lxml import etree
import testtools

from nova_numa_ext import explain
from nova_numa_ext.domain import capabilities
from nova_numa_ext.explain import hosts
from nova_numa_ext.topology import host as topology

SCHEMAS = '/usr/share/libvirt/schemas'


class TestShipped(testtools.TestCase):

    def test_names(self):
        self.assertEqual(
            ('arm64-2-sockets', 'epyc-2-sockets-nps4', 'intel-2-sockets-ht',
             'intel-4-sockets'), hosts.shipped())

    def test_summaries(self):
        self.assertEqual(
            'AMD x86_64: 8 nodes, 64 cores, 128 CPUs, 16 L3',
            hosts.summary('epyc-2-sockets-nps4'))
        self.assertEqual(
            'ARM aarch64: 2 nodes, 64 cores, 64 CPUs, unknown L3',
            hosts.summary('arm64-2-sockets'))

    def test_topologies(self):
        """Each L3 is within a node, and has whole cores of it."""
        for name in hosts.shipped():
            host = topology.from_capabilities(
                hosts.load(name, 'kvm').capabilities)
            for shared in host.l3:
                (cell,) = [cell for cell in host.cells if shared & cell.cpus]
                self.assertLessEqual(shared, cell.cpus)
                for cpu in shared:
                    self.assertLessEqual(host.siblings[cpu], shared)
            for cell in host.cells:
                self.assertEqual(10, cell.distances[cell.id])
                self.assertEqual(len(host.cells), len(cell.distances))

    def test_kinds(self):
        """The hosts differ in what guests can be explained with."""
        def read(name):
            return topology.from_capabilities(
                hosts.load(name, 'kvm').capabilities)

        intel, epyc = read('intel-2-sockets-ht'), read('epyc-2-sockets-nps4')
        self.assertEqual(frozenset({0, 32}), intel.siblings[0])
        self.assertEqual([2048, 2048],
                         [bank.granularity_kib for bank in intel.banks])
        self.assertEqual({10, 12, 32}, set(epyc.cells[0].distances.values()))
        self.assertEqual(2, sum(
            bool(shared & epyc.cells[0].cpus) for shared in epyc.l3))
        self.assertEqual((), read('arm64-2-sockets').l3)

    def test_domain_capabilities(self):
        for name in hosts.shipped():
            for virt_type in ('kvm', 'qemu'):
                host = hosts.load(name, virt_type)
                found = capabilities.from_xml(host.domain_capabilities)
                self.assertEqual(virt_type, found.virt_type)
                self.assertEqual(virt_type == 'kvm',
                                 'host-passthrough' in found.cpu_modes)
                self.assertEqual(7002000, host.hypervisor_version)
                self.assertIn('--domain-capabilities', host.notes[0])

    def test_libvirts_own_schemas(self):
        if not os.path.isdir(SCHEMAS):
            self.skipTest('%s is missing: no schema of libvirt' % SCHEMAS)
        for folder, schema in (('hosts', 'capability'),
                               ('domains', 'domaincaps')):
            checker = etree.RelaxNG(file=f'{SCHEMAS}/{schema}.rng')
            paths = sorted((hosts._DATA / folder).glob('*.xml'))
            self.assertNotEqual([], paths)
            for path in paths:
                self.assertTrue(checker.validate(etree.parse(str(path))),
                                (path.name, checker.error_log))


class TestLoad(testtools.TestCase):

    def file(self, text, name='caps.xml'):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def refused(self, *args, **kwargs):
        return str(self.assertRaises(
            explain.Unusable, hosts.load, *args, **kwargs))

    def test_file(self):
        xml = hosts.load('intel-4-sockets', 'kvm').capabilities

        host = hosts.load(self.file(xml, 'mine.xml'), 'kvm')

        self.assertEqual('mine.xml', host.name)
        self.assertEqual(xml, host.capabilities)

    def test_file_of_domain_capabilities(self):
        xml = hosts.load('intel-4-sockets', 'qemu').domain_capabilities
        path = self.file(xml)

        host = hosts.load('epyc-2-sockets-nps4', 'qemu', path)

        self.assertEqual(xml, host.domain_capabilities)
        self.assertEqual((), host.notes)
        self.assertIn('is of qemu guests: save what `virsh domcapabilities '
                      '--virttype kvm` prints',
                      self.refused('epyc-2-sockets-nps4', 'kvm', path))

    def test_unknown_name(self):
        self.assertEqual(
            "There is no host 'intel-4-socket'. Did you mean "
            'intel-4-sockets? Give live, a file of `virsh capabilities`, or '
            'one of arm64-2-sockets, epyc-2-sockets-nps4, '
            'intel-2-sockets-ht, intel-4-sockets.',
            self.refused('intel-4-socket', 'kvm'))

    def test_files_that_are_none(self):
        for text, words in (
            ('', 'not a capabilities document'),
            ('<domain/>', 'it has no <host>'),
            ('<capabilities><host/></capabilities>', 'no NUMA nodes'),
            ('<!DOCTYPE a [<!ENTITY b "c">]><capabilities/>',
             'declares entities'),
        ):
            self.assertIn(words, self.refused(self.file(text), 'kvm'))
        self.assertIn('not domain capabilities', self.refused(
            'intel-4-sockets', 'kvm', self.file('<a/>')))
        self.assertIn('cannot be read', self.refused(
            'intel-4-sockets', 'kvm', '/nowhere'))

    def test_unknown_architecture(self):
        xml = hosts.load('intel-4-sockets', 'kvm').capabilities.replace(
            'x86_64', 's390x')

        self.assertIn('give --domain-capabilities',
                      self.refused(self.file(xml), 'kvm'))


class TestLive(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.libvirt = mock.create_autospec(libvirt)
        self.libvirt.libvirtError = libvirt.libvirtError
        self.saved = hosts.load('intel-2-sockets-ht', 'kvm')
        reading = self.libvirt.openReadOnly.return_value
        reading.getCapabilities.return_value = self.saved.capabilities
        reading.getLibVersion.return_value = 9000000
        reading.getVersion.return_value = 7002000
        reading.getHostname.return_value = 'compute-1'

    def load(self, **kwargs):
        return hosts.load('live', 'kvm', libvirt=self.libvirt, **kwargs)

    def test_whole(self):
        writing = self.libvirt.open.return_value
        writing.getDomainCapabilities.return_value = '<domainCapabilities/>'

        host = self.load()

        self.assertEqual('compute-1', host.name)
        self.assertEqual('<domainCapabilities/>', host.domain_capabilities)
        self.assertEqual((9000000, 7002000),
                         (host.libvirt_version, host.hypervisor_version))
        self.assertEqual(
            ('Guests that run on the host now are not counted.',),
            host.notes)
        writing.getDomainCapabilities.assert_called_once_with(
            None, 'x86_64', None, 'kvm')

    def test_for_those_who_may_only_look(self):
        self.libvirt.open.side_effect = libvirt.libvirtError('denied')

        host = self.load()

        self.assertEqual(self.saved.domain_capabilities,
                         host.domain_capabilities)
        self.assertIn('taken to be those of x86_64-Intel-kvm', host.notes[0])

    def test_no_such_guests(self):
        self.libvirt.open.return_value.getDomainCapabilities.side_effect = (
            libvirt.libvirtError('no KVM'))

        error = self.assertRaises(explain.Unusable, self.load)
        self.assertIn('kvm guests cannot run on this host', str(error))

    def test_no_libvirtd(self):
        self.libvirt.openReadOnly.side_effect = libvirt.libvirtError('gone')

        error = self.assertRaises(explain.Unusable, self.load)
        self.assertIn('libvirt does not answer at qemu:///system: gone. Give '
                      '--host a file', str(error))

    def test_no_libvirt(self):
        error = self.assertRaises(
            explain.Unusable, hosts.load, 'live', 'kvm')
        self.assertIn('needs libvirt-python: install it', str(error))
