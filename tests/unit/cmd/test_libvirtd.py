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

from nova_numa_ext.cmd import libvirtd
from tests.unit.cmd import files

CONF = 'etc/libvirt/libvirtd.conf'
TEXT = '#max_workers = 20\nmax_workers = 20\n'


class LibvirtdTest(files.HostTest):

    command = libvirtd

    def setUp(self):
        super().setUp()
        self.put(CONF, TEXT)
        self.put('etc/libvirt/qemu.conf', '#security_driver = "selinux"\n')

    def limits(self, *arguments):
        return json.loads(
            self.run_command(*arguments, '--json')[1])['limits']

    def test_the_plan(self):
        before = self.files()
        status, said, complained = self.run_command()
        self.assertEqual((0, ''), (status, complained))
        self.assertRegex(
            said, r'\| max_client_requests \| 5 +\| 36 +\| 10 builds \+ 20')
        self.assertIn(f"""
/{CONF}: another text, wanted:
    #nova-numa-ext# max_workers = 20
    # BEGIN nova-numa-ext
    max_client_requests = 36
    max_workers = 46
    prio_workers = 5
    max_clients = 5000
    # END nova-numa-ext
Nothing was written: --write does it.
""", said)
        self.assertEqual(before, self.files())

    def test_what_nova_conf_says(self):
        self.conf.write_text(
            '[DEFAULT]\nmax_concurrent_builds = 20\n'
            'max_concurrent_live_migrations = 3\n'
            'sync_power_state_pool_size = 5\n')
        self.assertEqual(33, self.limits()['max_client_requests'])
        self.assertEqual(
            22, self.limits('--guests', '9')['max_client_requests'])

    def test_written_and_reverted(self):
        before = self.files()
        self.assertEqual(1, self.run_command('--check')[0])
        status, said, _complained = self.run_command('--write')
        self.assertEqual(0, status)
        self.assertIn('\nRestart, in this order: libvirtd, nova-compute.\n',
                      said)
        self.assertIn('\nmax_client_requests = 36\n',
                      (self.root / CONF).read_text())
        status, said, _complained = self.run_command('--check')
        self.assertEqual(0, status)
        self.assertTrue(said.endswith('\nThe host is as planned.\n'))
        # More builds are allowed since.
        self.conf.write_text('[DEFAULT]\nmax_concurrent_builds = 20\n')
        status, said, _complained = self.run_command('--check')
        self.assertEqual(1, status)
        self.assertRegex(
            said, r'max_client_requests +\| 36 +\| at least 46 +\| MISSING')
        self.assertEqual(0, self.run_command('--write')[0])
        self.conf.write_text('')
        self.assertEqual(0, self.run_command('--revert')[0])
        self.assertEqual(before, self.files())

    def test_limits_that_are_enough_are_left(self):
        before = 'max_client_requests = 50\nmax_workers = 60\n'
        self.put(CONF, before)
        self.assertEqual(0, self.run_command('--write')[0])
        self.assertEqual(before, (self.root / CONF).read_text())

    def test_modular_daemons(self):
        self.put('run/libvirt/virtqemud-sock', '')
        before = self.files()
        _status, said, _complained = self.run_command('--write')
        self.assertIn('Restart, in this order: virtqemud, ', said)
        # It had none, and gets one.
        self.assertIn('max_workers = 46\n', (
            self.root / 'etc/libvirt/virtqemud.conf').read_text())
        self.assertEqual(TEXT, (self.root / CONF).read_text())
        self.run_command('--revert')
        self.assertEqual(before, self.files())

    def test_another_daemon_than_before(self):
        self.run_command('--write')
        self.run_command('--write', '--daemon', 'virtqemud')
        self.assertEqual(TEXT, (self.root / CONF).read_text())

    def test_what_is_never_changed(self):
        text = 'security_driver = "none"\ncgroup_controllers = []\n'
        path = self.put('etc/libvirt/qemu.conf', text)
        status, said, _complained = self.run_command('--write')
        self.assertEqual(1, status)
        self.assertIn('qemu.conf: security_driver = "none": take it out of '
                      'qemu.conf: without AppArmor or SELinux', said)
        self.assertIn('where this is no container that cannot write control '
                      'groups', said)
        self.assertEqual(text, path.read_text())

    def test_refused(self):
        self.assertEqual(
            (2, '', '--guests 0: not one guest.\n'),
            self.run_command('--guests', '0'))
        self.conf.write_text('[DEFAULT]\nmax_concurrent_builds = x\n')
        status, said, complained = self.run_command()
        self.assertEqual((2, '', 1), (status, said, complained.count('\n')))
        self.assertIn('max_concurrent_builds', complained)

    def test_a_host_without_libvirt(self):
        self.root = self.root / 'empty'
        self.put('etc/nova/x', '')
        self.assertEqual(
            (2, '', 'There is no /etc/libvirt: libvirt is not here.\n'),
            self.run_command('--write'))
