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

import threading
from unittest import mock

import testtools

from nova_numa_ext.virt import host_facts

CELLS = """
<capabilities><host><cpu><arch>x86_64</arch></cpu><topology><cells num='1'>
<cell id='0'><memory unit='KiB'>1024</memory>%s<cpus num='2'>
<cpu id='0' siblings='0-1'/><cpu id='1' siblings='0-1'/>
</cpus></cell></cells></topology>%s</host></capabilities>
"""
DISTANCES = "<distances><sibling id='0' value='10'/></distances>"
CACHE = """
<cache><bank id='0' level='3' type='both' size='8' unit='MiB' cpus='%s'/>
</cache>
"""
DOMAIN = """
<domainCapabilities><domain>kvm</domain><arch>x86_64</arch><cpu>
<mode name='host-passthrough' supported='%s'/>
</cpu></domainCapabilities>
"""


class Host:
    """Nova's host, with the capabilities that it keeps."""

    def __init__(self):
        self.asked = 0

    def get_capabilities(self):
        self.asked += 1
        capabilities = mock.Mock()
        capabilities.to_xml.return_value = CELLS % ('', '')
        return capabilities


class Connection:
    """A connection that counts what it is asked."""

    def __init__(self, l3='0-1', passthrough='yes'):
        self.asked = []
        self.l3 = l3
        self.passthrough = passthrough

    def getCapabilities(self):
        self.asked.append('capabilities')
        return CELLS % (DISTANCES, CACHE % self.l3)

    def getDomainCapabilities(self, emulator, arch, machine, virt_type, flags):
        self.asked.append((emulator, arch, machine, virt_type, flags))
        return DOMAIN % self.passthrough

    def getVersion(self):
        self.asked.append('version')
        return 7002000

    def getLibVersion(self):
        return 9000000


class HostFactsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = Host()
        self.facts = host_facts.HostFacts(self.host)

    def test_nothing_is_asked_before_it_is_needed(self):
        self.assertEqual(0, self.host.asked)

    def test_topology_is_asked_once(self):
        connection = Connection()
        first = self.facts.topology(connection)
        self.assertIs(first, self.facts.topology(connection))
        self.assertEqual(['capabilities'], connection.asked)
        self.assertEqual(1, self.host.asked)
        self.assertEqual(frozenset({0, 1}), first.siblings[0])
        self.assertEqual((frozenset({0, 1}),), first.l3)

    def test_distances(self):
        """Nova does not keep them."""
        (cell,) = self.facts.topology(Connection()).cells

        self.assertEqual({0: 10}, cell.distances)

    def test_domain_capabilities_are_asked_once_per_kind_of_guest(self):
        connection = Connection()
        for _ in range(3):
            self.facts.domain_capabilities(connection, 'x86_64', 'kvm')
            self.facts.domain_capabilities(connection, 'x86_64', 'qemu')
            self.facts.domain_capabilities(connection, 'aarch64', 'qemu')
        self.assertEqual(
            [(None, 'x86_64', None, 'kvm', 0), 'version',
             (None, 'x86_64', None, 'qemu', 0), 'version',
             (None, 'aarch64', None, 'qemu', 0), 'version'],
            connection.asked)

    def test_domain_capabilities_have_the_version(self):
        self.assertEqual(7002000, self.facts.domain_capabilities(
            Connection(), 'x86_64', 'kvm').hypervisor_version)

    def test_another_connection_empties_it(self):
        old, new = Connection(), Connection('0', 'no')
        self.facts.topology(old)
        self.facts.domain_capabilities(old, 'x86_64', 'kvm')
        self.assertEqual(
            (frozenset({0}),), self.facts.topology(new).l3)
        self.assertEqual(
            (), self.facts.domain_capabilities(
                new, 'x86_64', 'kvm').cpu_modes)
        self.assertEqual(3, len(old.asked))
        self.assertEqual(3, len(new.asked))

    def test_what_a_late_thread_learned_of_an_old_connection_is_not_kept(self):
        old, new = Connection('0-1'), Connection('0')
        asking, go_on = threading.Event(), threading.Event()
        answer = old.getCapabilities

        def late():
            asking.set()
            go_on.wait(60)
            return answer()

        old.getCapabilities = late
        thread = threading.Thread(target=self.facts.topology, args=(old,))
        thread.start()
        asking.wait(60)
        self.facts.domain_capabilities(new, 'x86_64', 'kvm')
        go_on.set()
        thread.join(60)
        self.assertEqual((frozenset({0}),), self.facts.topology(new).l3)

    def test_an_error_is_not_remembered(self):
        connection = Connection()
        with mock.patch.object(
                connection, 'getDomainCapabilities', autospec=True,
                side_effect=RuntimeError):
            self.assertRaises(
                RuntimeError, self.facts.domain_capabilities, connection,
                'x86_64', 'kvm')
        self.assertEqual(
            ('host-passthrough',), self.facts.domain_capabilities(
                connection, 'x86_64', 'kvm').cpu_modes)
