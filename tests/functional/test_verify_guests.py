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

"""Guests that are looked at once they run: warned of, or given up."""

import fixtures
from lxml import etree

from nova_numa_ext.host import processes
from nova_numa_ext.topology import cpuset
from tests.functional import base
from tests.functional import hypervisor

REALTIME = {
    'hw:cpu_policy': 'dedicated',
    'hw:cpu_realtime': 'yes',
    'hw:cpu_realtime_mask': '^0',
    'numa_ext:realtime_priority': '5',
}
PID = 4000


class VerifyGuestsTest(base.TestCase):
    """A host of one node, whose guests have threads as libvirt sets them.

    :ivar priority: the priority that each realtime vCPU gets
    """

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='0-7', group='compute')
        self.flags(verify_guests='fail', group='numa_ext')
        self.start_host(host_info=hypervisor.host(
            nodes=1, cores=4, threads=2))
        self.priority = 5
        # Nova's fake of a domain leaves most of it out.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.libvirt.Domain.XMLDesc',
            lambda domain, flags:
            self.connections['compute1'].xml[domain.UUIDString()]))
        for name, stand_in in (
            ('of_guest', lambda reader, uuid: PID),
            ('command_line', lambda reader, pid: (
                'qemu', '-machine', 'pc,mem-merge=off',
                '-smp', '4,sockets=4,cores=1,threads=1')),
            ('threads', self.threads),
            ('areas', lambda reader, pid: None),
            ('locked_kib', lambda reader, pid: 1 << 30),
        ):
            self.useFixture(fixtures.MonkeyPatch(
                f'nova_numa_ext.host.processes.{name}', stand_in))

    def threads(self, reader, pid):
        """Return threads as the domain that was last defined has them."""
        (*_others, xml) = self.connections['compute1'].xml.values()
        cputune = etree.fromstring(xml).find('cputune')
        threads = [processes.Thread(
            PID, 'qemu', cpuset.parse(
                cputune.find('emulatorpin').get('cpuset')), 'other', 0)]
        # Nova has one from 33 on.
        for pin in cputune.findall('iothreadpin'):
            number = pin.get('iothread')
            threads.append(processes.Thread(
                PID + 100 + int(number), f'IO iothread{number}',
                cpuset.parse(pin.get('cpuset')), 'other', 0))
        realtime = cpuset.parse(
            cputune.find('vcpusched').get('vcpus'))
        for pin in cputune.findall('vcpupin'):
            number = int(pin.get('vcpu'))
            threads.append(processes.Thread(
                PID + 1 + number, f'CPU {number}/KVM',
                cpuset.parse(pin.get('cpuset')),
                *(('fifo', self.priority) if number in realtime
                  else ('other', 0))))
        return tuple(threads)

    def test_a_guest_that_got_all(self):
        server = self.boot(REALTIME)
        self.assertEqual('ACTIVE', server['status'])
        self.assertNotIn('Broken promise', self.stdlog.logger.output)
        self.assertNotIn('Not verified: ', self.stdlog.logger.output)

    def test_a_guest_that_did_not(self):
        self.priority = 1
        server = self.boot(REALTIME, expected_state='ERROR')
        self.assertEqual(
            f'Build of instance {server["id"]} aborted: vCPU 1, scheduler: '
            'asked for fifo:5, got fifo:1 (2 more broken)',
            server['fault']['message'])
        connection = self.connections['compute1']
        self.assertEqual([], connection.listAllDomains(None))
        # It keeps what was once defined.
        connection.xml.clear()
        self.assertNothingLeft(server)

    def test_the_host_takes_the_next_one(self):
        self.priority = 1
        for _number in range(3):
            self.boot(REALTIME, expected_state='ERROR')
        self.priority = 5
        self.boot(REALTIME)

    def test_warn(self):
        self.flags(verify_guests='warn', group='numa_ext')
        self.priority = 1
        self.boot(REALTIME)
        for number in (1, 2, 3):
            self.assertIn(
                f'Broken promise of vCPU {number}, scheduler: asked for '
                'fifo:5, got fifo:1', self.stdlog.logger.output)

    def test_off(self):
        self.flags(verify_guests='off', group='numa_ext')
        self.priority = 1
        self.boot(REALTIME)
        self.assertNotIn('Broken promise', self.stdlog.logger.output)

    def test_a_guest_that_was_there_before_is_spared(self):
        server = self.boot(REALTIME)
        self.priority = 1
        self._reboot_server(server, hard=True)
        self.assertIn('Broken promise of vCPU 1', self.stdlog.logger.output)
        self.assertEqual(
            'ACTIVE', self.api.get_server(server['id'])['status'])
        self._stop_server(server)
        self._start_server(server)

    def test_what_was_asked_for_is_kept_in_the_domain(self):
        server = self.boot(REALTIME)
        self.assertIn(
            '<numa_ext:guest xmlns:numa_ext="urn:nova-numa-ext:guest:1.0">',
            self.xml(server))
        self.assertIn('name="realtime_priority" value="5" source="flavor"',
                      self.xml(server))
