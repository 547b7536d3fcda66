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

import argparse
import sys
from unittest import mock

import testtools

from nova_numa_ext.cmd import connection


class LibvirtError(Exception):
    """As libvirt has it."""


class ConnectionTest(testtools.TestCase):

    def libvirt(self, **kwargs):
        module = mock.Mock(
            spec=['libvirtError', 'openReadOnly', 'registerErrorHandler'],
            **kwargs)
        module.libvirtError = LibvirtError
        return self.put(module)

    def put(self, module):
        """Have this module, or None, be what importing libvirt finds."""
        patch = mock.patch.dict(sys.modules, {'libvirt': module})
        patch.start()
        self.addCleanup(patch.stop)
        return module

    def test_the_argument(self):
        parser = argparse.ArgumentParser()
        connection.add_argument(parser)
        self.assertEqual('qemu:///system', parser.parse_args([]).connect)
        self.assertEqual(
            'test:///x', parser.parse_args(['--connect', 'test:///x']).connect)

    def test_it_only_reads(self):
        module = self.libvirt()
        self.assertIs(
            module.openReadOnly.return_value,
            connection.open_read_only('qemu:///system'))
        module.openReadOnly.assert_called_once_with('qemu:///system')

    def test_no_libvirt_python(self):
        self.put(None)
        error = self.assertRaises(
            connection.Unreachable, connection.open_read_only, 'x')
        self.assertEqual(
            f'{sys.executable} has no libvirt-python. Install '
            'python3-libvirt there, or run this in the Python of '
            'nova-compute.', str(error))

    def test_no_libvirtd(self):
        module = self.libvirt()
        module.openReadOnly.side_effect = LibvirtError('Connection refused')
        error = self.assertRaises(
            connection.Unreachable, connection.open_read_only, 'qemu:///x')
        self.assertIn('libvirt does not answer at qemu:///x: Connection '
                      'refused. Run this on the compute host', str(error))
