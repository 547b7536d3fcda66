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

import json

from nova_numa_ext.cmd import connection
from tests.unit.cmd import guests
from tests.unit.verify import base

TITLE = f'instance-0000000a (edge-1), {base.UUID}: '


class VerifyTest(guests.TestCase):

    def verify(self, *arguments):
        return self.run_command('verify', *arguments)

    def test_all_is_kept(self):
        for names in ((), (base.UUID,), ('instance-0000000a',), ('edge-1',)):
            status, said, complained = self.verify(*names)
            self.assertEqual((0, ''), (status, complained))
            self.assertTrue(said.startswith(
                f'{TITLE}20 promises, 0 broken\n'), said)

    def test_the_table(self):
        self.change('task/4012/stat', ' 0 7 2 0 0 0 ', ' 0 1 1 0 0 0 ')
        status, said, _complained = self.verify()
        self.assertEqual(1, status)
        rows = [[cell.strip() for cell in line.strip('|').split('|')]
                for line in said.splitlines() if line.startswith('|')]
        self.assertEqual(['', 'promise', 'asked', 'got', 'verdict'], rows[0])
        self.assertIn(
            ['vCPU 2', 'scheduler', 'rr:7', 'fifo:1', 'BROKEN'], rows)
        self.assertIn(['vCPU 3', 'scheduler', 'rr:7', 'rr:7', 'kept'], rows)

    def test_json(self):
        self.change('task/4006/status', 'list:\t1', 'list:\t0')
        status, said, _complained = self.verify('--json')
        (guest,) = json.loads(said)
        self.assertEqual(1, status)
        self.assertEqual(
            (base.UUID, 'instance-0000000a', 'edge-1'),
            (guest['uuid'], guest['domain'], guest['server']))
        self.assertEqual(
            [{'subject': 'IO thread 2', 'promise': 'CPUs', 'asked': '1',
              'got': '0', 'kept': False}],
            [row for row in guest['promises'] if not row['kept']])

    def test_unknown(self):
        self.assertEqual(
            (2, '', 'There is no guest edge-2 on this host. See virsh list '
                    '--all.\n'), self.verify('edge-2'))

    def test_off(self):
        self.domains = [(False, self.defined, None)]
        self.assertEqual(
            (2, '', 'edge-1 does not run.\n'), self.verify('edge-1'))

    def test_nobody_runs(self):
        self.domains = []
        self.assertEqual(
            (0, '\n', 'No guest runs here.\n'), self.verify())

    def test_two_of_a_name(self):
        other = self.defined.replace(base.UUID, base.UUID[:-1] + '0')
        self.domains.append((True, other, other))
        status, _said, complained = self.verify('edge-1')
        self.assertEqual(2, status)
        self.assertIn('2 guests are called edge-1. Name one by its UUID: ',
                      complained)

    def test_without_root(self):
        self.files[f'{base.PROC}/numa_maps'] = None
        status, said, complained = self.verify()
        self.assertEqual(2, status)
        self.assertIn('unknown', said)
        self.assertIn('run this as root', complained)

    def test_what_is_broken_comes_first(self):
        self.files[f'{base.PROC}/numa_maps'] = None
        self.change('task/4006/status', 'list:\t1', 'list:\t0')
        self.assertEqual(1, self.verify()[0])

    def test_no_process(self):
        self.files = {}
        status, said, complained = self.verify()
        self.assertEqual(2, status)
        self.assertEqual(f'{TITLE}no process of it is to be seen\n', said)
        self.assertIn('in its PID namespace', complained)

    def test_a_guest_with_no_promises(self):
        plain = ('<domain><name>n</name><uuid>' + base.UUID
                 + '</uuid><vcpu>1</vcpu></domain>')
        self.domains = [(True, plain, plain)]
        self.assertEqual(
            (0, f'n, {base.UUID}: nothing was promised\n', ''),
            self.verify('n'))

    def test_no_libvirt(self):
        self.opened.side_effect = connection.Unreachable('No libvirt here.')
        self.assertEqual((2, '', 'No libvirt here.\n'), self.verify())

    def test_a_libvirt_that_fails(self):
        self.asked.listAllDomains.side_effect = guests.LibvirtError('gone')
        self.assertEqual((2, '', 'libvirt: gone\n'), self.verify())
        self.asked.close.assert_called_once_with()
