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

import contextlib
import io
import json
import pathlib
from unittest import mock

import fixtures
import libvirt
import testtools

from nova_numa_ext.cmd import main
from nova_numa_ext.explain import hosts
from tests.unit.host import tree


class CommandTestCase(testtools.TestCase):

    def run_command(self, *words):
        """Return the exit status, and what was said on each stream."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main.main(['traits', *words])
        return status, out.getvalue(), err.getvalue()


class FlavorTest(CommandTestCase):

    def test_lines(self):
        self.assertEqual((
            0,
            'trait:CUSTOM_NUMA_EXT_GUEST_POLICY=required\n'
            'trait:CUSTOM_NUMA_EXT_CPU_MODE_HOST_PASSTHROUGH=required\n'
            'trait:CUSTOM_NUMA_EXT_CPU_CACHE=required\n'
            'trait:CUSTOM_NUMA_EXT_IOTHREADS=required\n', ''),
            self.run_command(
                '--flavor', 'numa_ext:profile=high-performance'))

    def test_json(self):
        status, out, _err = self.run_command(
            '--json', '--flavor', 'name=big', '--flavor', 'vcpus=4',
            'hw:mem_page_size=1GB')

        self.assertEqual(0, status)
        self.assertEqual({
            'flavor': 'big',
            'properties': {
                'trait:CUSTOM_NUMA_EXT_HUGEPAGES_1GB': 'required'},
        }, json.loads(out))

    def test_nothing_needed(self):
        self.assertEqual(
            (0, '', 'The flavor needs nothing that traits tell.\n'),
            self.run_command('--flavor', 'vcpus=4'))

    def test_refused(self):
        status, out, err = self.run_command(
            '--flavor', 'numa_ext:cpu_mode=moon')

        self.assertEqual((1, ''), (status, out))
        self.assertIn("numa_ext:cpu_mode='moon': no such value", err)

    def test_what_is_no_flavor(self):
        status, out, err = self.run_command('--flavor', 'vcpu=4')

        self.assertEqual((2, ''), (status, out))
        self.assertIn('did you mean vcpus?', err)


class HostTest(CommandTestCase):

    def setUp(self):
        super().setUp()
        saved = hosts.load('intel-2-sockets-ht', 'kvm')
        self.libvirt = mock.create_autospec(libvirt)
        self.libvirt.libvirtError = libvirt.libvirtError
        reading = self.libvirt.openReadOnly.return_value
        reading.getCapabilities.return_value = saved.capabilities
        reading.getLibVersion.return_value = 9000000
        reading.getVersion.return_value = 7002000
        reading.getHostname.return_value = 'compute-1'
        self.writing = self.libvirt.open.return_value
        self.writing.getDomainCapabilities.return_value = (
            saved.domain_capabilities)
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', self.useFixture(
                tree.Tree(tree.saved('realtime'))).reader))
        self.conf = pathlib.Path(
            self.useFixture(fixtures.TempDir()).join('nova.conf'))
        self.conf.write_text('[compute]\ncpu_dedicated_set = 2-7\n')

    def run_command(self, *words):
        with mock.patch.dict('sys.modules', libvirt=self.libvirt):
            return super().run_command(
                '--config-file', str(self.conf), *words)

    def test_text(self):
        status, out, err = self.run_command()

        self.assertEqual((0, ''), (status, err))
        lines = out.splitlines()
        for name in ('GUEST_POLICY', 'CPU_MODE_HOST_PASSTHROUGH',
                     'NUMA_NODES_2', 'HUGEPAGES_2MB', 'IOTHREADS',
                     'ISOLATED_CPUS', 'REALTIME_READY'):
            self.assertIn(f'CUSTOM_NUMA_EXT_{name}', lines)

    def test_json(self):
        status, out, _err = self.run_command(
            '--json', '--cpu-dedicated-set', '0-7')

        found = json.loads(out)
        self.assertEqual((0, []), (status, found['notes']))
        self.assertIn('CUSTOM_NUMA_EXT_REALTIME_KERNEL', found['traits'])
        self.assertNotIn('CUSTOM_NUMA_EXT_ISOLATED_CPUS', found['traits'])

    def test_kind_of_guests(self):
        self.conf.write_text('[libvirt]\nvirt_type = qemu\n')
        for words, expected in ((), 'qemu'), (('--virt-type', 'kvm'), 'kvm'):
            self.run_command(*words)
            self.writing.getDomainCapabilities.assert_called_with(
                None, 'x86_64', None, expected)

    def test_switches(self):
        self.conf.write_text(
            '[numa_ext]\nguest_policy = false\nreport_traits = false\n')

        status, out, err = self.run_command()

        self.assertEqual(0, status)
        self.assertNotIn('GUEST_POLICY', out)
        self.assertEqual(
            '[numa_ext] report_traits is off: nova-compute reports none of '
            'these.\n', err)

    def test_who_may_only_look(self):
        self.libvirt.open.side_effect = libvirt.libvirtError('denied')

        status, _out, err = self.run_command()

        self.assertEqual(0, status)
        self.assertIn('taken to be those of x86_64-Intel-kvm', err)

    def test_no_libvirt(self):
        self.libvirt.openReadOnly.side_effect = libvirt.libvirtError('gone')

        status, out, err = self.run_command()

        self.assertEqual((2, ''), (status, out))
        self.assertIn('libvirt does not answer at qemu:///system: gone', err)
        self.assertNotIn('--host', err)

    def test_wrong_configuration(self):
        status, _out, err = self.run_command('--cpu-dedicated-set', 'x')

        self.assertEqual(2, status)
        self.assertIn('cpu_dedicated_set = x: ', err)
