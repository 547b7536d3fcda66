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

"""Guests with affinity that are moved while they run, by a real libvirt.

For the ledger each of the host's first two CPUs is a node, as this machine
may have no more than one. Where threads may run is read from the kernel.
"""

import os
import pathlib
import types
import uuid
from xml.etree import ElementTree

import fixtures
import libvirt
from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.conf import opts
from nova_numa_ext.domain import affinity as element
from nova_numa_ext.domain import metadata
from nova_numa_ext.domain import standing
from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affinity_ledger
from tests.e2e import libvirt_fixture

HOST = affinity.Host(tuple(
    affinity.Node(cpu, frozenset({cpu}), 4096) for cpu in (0, 1)))
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <iothreads>1</iothreads>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><memballoon model='none'/></devices>
</domain>
"""


class AffinityTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not {0, 1} <= os.sched_getaffinity(0):
            raise cls.skipException('needs CPUs 0 and 1 to pin to')
        libvirtd = libvirt_fixture.Libvirtd()
        libvirtd.setUp()
        cls.addClassCleanup(libvirtd.cleanUp)
        cls.connection = libvirtd.connection

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        opts.register_opts(affinity_ledger.CONF)
        # Nova imports it when it first connects.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.host.libvirt', libvirt))
        self.assertIs(libvirt, nova_host.libvirt)
        self.ledger = self.new_ledger()

    def new_ledger(self):
        return affinity_ledger.Ledger(
            types.SimpleNamespace(
                list_instance_domains=lambda: self.connection.listAllDomains(
                    libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)),
            types.SimpleNamespace(
                nodes=lambda: HOST, is_overcommitted=lambda: True))

    def start(self, strict=False):
        """Start a guest as Nova does, paused."""
        guest = affinity.Guest(str(uuid.uuid4()), 1, 64, strict)
        with self.ledger.operation(guest.name, 'started'):
            tree = ElementTree.fromstring(DOMAIN.format(
                name=f'guest-{guest.name}', uuid=guest.name))
            metadata.Metadata((metadata.Setting(
                'numa_affinity', 'strict' if strict else 'soft',
                'flavor'),)).write(tree)
            element.Affinity(self.ledger.place(guest), strict).write(tree)
            domain = self.connection.defineXML(
                ElementTree.tostring(tree, encoding='unicode'))
            self.addCleanup(domain.undefine)
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
            self.addCleanup(self.stop, domain)
        return domain

    def stop(self, domain):
        with self.ledger.operation(domain.UUIDString(), 'stopped'):
            if domain.isActive():
                domain.destroy()

    def cpus(self, domain):
        """Return where all threads of a guest may run, and as it is defined.

        IO threads and vCPUs, and those that serve QEMU.
        """
        found = []
        for flags in libvirt.VIR_DOMAIN_AFFECT_LIVE, (
                libvirt.VIR_DOMAIN_AFFECT_CONFIG):
            maps = [*domain.vcpuPinInfo(flags), domain.emulatorPinInfo(flags),
                    *(cpus for _number, cpus in domain.ioThreadInfo(flags))]
            found.append({
                cpu for cpus in maps for cpu, may in enumerate(cpus) if may})
        threads = self.threads(domain)
        self.assertLessEqual({'CPU 0/TCG', 'IO iothread1'}, set(threads))
        allowed = set()
        for cpus in threads.values():
            allowed |= cpus
        self.assertEqual(found[0], allowed)
        return found

    def threads(self, domain):
        wanted = f'\0-uuid\0{domain.UUIDString()}\0'.encode()
        process, = (
            path.parent for path in pathlib.Path('/proc').glob(
                '[0-9]*/cmdline') if wanted in path.read_bytes())
        found = {}
        for task in (process / 'task').iterdir():
            name = (task / 'comm').read_text().strip()
            found[name] = found.get(name, set()) | os.sched_getaffinity(
                int(task.name))
        return found

    def test_they_stand_and_move_as_planned(self):
        guests = [self.start() for _number in range(3)]
        self.assertEqual(
            [[{0}, {0}], [{1}, {1}], [{0}, {0}]],
            [self.cpus(guest) for guest in guests])

        self.stop(guests.pop(1))
        moved, stayed = sorted(guests, key=lambda guest: 1 not in
                               self.cpus(guest)[0])
        self.assertEqual([{1}, {1}], self.cpus(moved))
        self.assertEqual([{0}, {0}], self.cpus(stayed))
        self.assertIn(f'{moved.name()} moved from NUMA node 0 to NUMA node 1',
                      self.log.output)

        # After a restart of nova-compute nobody moves.
        before = [guest.XMLDesc() for guest in guests]
        self.ledger = self.new_ledger()
        self.ledger.settle(look=True)
        self.assertTrue(self.ledger.has_any())
        self.assertEqual(before, [guest.XMLDesc() for guest in guests])

    def test_bound_memory_that_libvirt_does_not_move(self):
        guest = self.start(strict=True)
        self.useFixture(fixtures.MonkeyPatch(
            'tests.e2e.test_affinity.HOST',
            affinity.Host((affinity.Node(0, frozenset(), 4096),
                           HOST.nodes[1]))))
        # There is no node 1 here, or no cpuset controller.
        self.ledger.settle(look=True)
        self.assertEqual([{0}, {1}], self.cpus(guest))
        later = standing.of_domain(
            guest.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        self.assertEqual({1}, later.memory)
        self.assertIn('to NUMA node 1 at its next start: ', self.log.output)
