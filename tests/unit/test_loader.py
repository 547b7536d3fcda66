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

import importlib
import importlib.machinery
import subprocess
import sys
import types
from unittest import mock

import ddt
import fixtures
import os_vif
from os_vif import exception
from oslo_utils import importutils
import testtools

from nova_numa_ext import loader
from nova_numa_ext.compat import release

RIGHT = 'set compute_driver = numa_ext.NumaLibvirtDriver'


class StandInDriver(fixtures.Fixture):
    """A driver module that needs no libvirt, and no trace of the facade."""

    def _setUp(self):
        self.module = types.ModuleType('nova_numa_ext.virt.driver', 'Words')
        self.module.NumaLibvirtDriver = type('NumaLibvirtDriver', (), {})
        modules = mock.patch.dict(sys.modules, {
            'libvirt': types.ModuleType('libvirt'),
            'nova_numa_ext.virt.driver': self.module,
        })
        modules.start()
        self.addCleanup(modules.stop)
        sys.modules.pop(loader.MODULE, None)
        virt = importlib.import_module('nova.virt')
        self.addCleanup(virt.__dict__.pop, 'numa_ext', None)


@ddt.ddt
class TestFinder(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.useFixture(StandInDriver()).module

    def test_loads_as_nova_loads(self):
        cls = importutils.import_class('nova.virt.numa_ext.NumaLibvirtDriver')

        self.assertIs(self.driver.NumaLibvirtDriver, cls)

    def test_reload(self):
        module = importlib.import_module('nova.virt.numa_ext')
        self.driver.NumaLibvirtDriver = type('NumaLibvirtDriver', (), {})

        self.assertIs(module, importlib.reload(module))
        self.assertIs(self.driver.NumaLibvirtDriver, module.NumaLibvirtDriver)

    @ddt.data('nova', 'nova.virt', 'nova.virt.libvirt', 'numa_ext',
              'nova.virt.nova', 'nova.virt.numa_extra', 'nova.virt.fake',
              'nova.numa_ext', 'nova_numa_ext', 'nova_numa_ext.virt.driver',
              'nova.virt.libvirt.numa_ext', 'nova.virt.numa')
    def test_answers_for_nothing_else(self, name):
        self.assertIsNone(loader.DriverFinder().find_spec(name))

    @ddt.data('LibvirtDriver', 'NUMALibvirtDriver', 'driver')
    def test_wrong_class(self, name):
        exc = self.assertRaises(
            ImportError, importutils.import_class,
            'nova.virt.numa_ext.' + name)

        self.assertIn(RIGHT, str(exc))
        self.assertIn(name, str(exc))

    @ddt.data('nova_numa_ext.NumaLibvirtDriver',
              'nova_numa_ext.virt.driver.NumaLibvirtDriver',
              'numa-ext.NumaLibvirtDriver',
              'NumaExt.NumaLibvirtDriver',
              'numa_ext.driver.NumaLibvirtDriver',
              'numa_ext.virt.driver.NumaLibvirtDriver')
    def test_wrong_module(self, name):
        exc = self.assertRaises(
            ImportError, importutils.import_class, 'nova.virt.' + name)

        self.assertIn(RIGHT, str(exc))

    def test_attributes_can_be_asked_for(self):
        module = importlib.import_module('nova.virt.numa_ext')

        self.assertFalse(hasattr(module, 'nothing'))
        self.assertEqual('Words', module.__doc__)

    def test_without_libvirt(self):
        with mock.patch.dict(sys.modules, {'libvirt': None}):
            exc = self.assertRaises(
                ImportError, importlib.import_module, 'nova.virt.numa_ext')

        self.assertIn('Install libvirt-python for %s (on Debian and Ubuntu '
                      'the package python3-libvirt).' % sys.executable,
                      str(exc))
        self.assertIsInstance(exc.__cause__, ImportError)
        self.assertNotIn('nova.virt.numa_ext', sys.modules)

    @mock.patch.object(release, 'installed', autospec=True)
    @ddt.data(('34.0.0', 'Run "nova-numa-ext-status upgrade check"'),
              ('36.0.0', 'made for Nova 26 to 34, and this is Nova 36.0.0'))
    @ddt.unpack
    def test_driver_does_not_import(self, version, remedy, installed):
        installed.return_value = version
        with mock.patch.dict(sys.modules, {'nova_numa_ext.virt.driver': None}):
            exc = self.assertRaises(
                ImportError, importlib.import_module, 'nova.virt.numa_ext')

        self.assertIn('The driver of nova_numa_ext cannot be imported', str(
            exc))
        self.assertIn(remedy, str(exc))


class TestRegistration(testtools.TestCase):

    def _registered(self):
        return [finder for finder in sys.meta_path
                if type(finder).__name__ == 'DriverFinder']

    def test_once(self):
        loader.register()
        loader.register()

        self.assertEqual(1, len(self._registered()))

    def test_once_after_reload(self):
        importlib.reload(loader)

        self.assertEqual(1, len(self._registered()))

    def test_a_real_module_wins(self):
        self.assertGreater(
            sys.meta_path.index(self._registered()[0]),
            sys.meta_path.index(importlib.machinery.PathFinder))

    def test_imports_neither_nova_nor_libvirt(self):
        # In a Python of its own: this one has them all.
        script = (
            'import sys, os_vif; before = set(sys.modules)\n'
            'import nova_numa_ext.loader\n'
            'print(*sorted({name.partition(".")[0]\n'
            '               for name in set(sys.modules) - before}))\n')
        out = subprocess.run([sys.executable, '-c', script], check=True,
                             stdout=subprocess.PIPE, text=True).stdout

        self.assertIn('nova_numa_ext', out.split())
        self.assertEqual(set(), set(out.split()) & {
            'eventlet', 'libvirt', 'lxml', 'nova', 'oslo_messaging'})

    def test_imports_no_driver(self):
        script = ('import sys, nova_numa_ext.loader\n'
                  'print(*sorted(n for n in sys.modules\n'
                  '              if n.startswith("nova_numa_ext")))\n')
        out = subprocess.run([sys.executable, '-c', script], check=True,
                             stdout=subprocess.PIPE, text=True).stdout

        self.assertEqual(['nova_numa_ext', 'nova_numa_ext.compat',
                          'nova_numa_ext.compat.release',
                          'nova_numa_ext.loader'], out.split())


class TestLoaderPlugin(testtools.TestCase):

    def setUp(self):
        super().setUp()
        os_vif.objects.register_all()
        self.plugin = loader.LoaderPlugin.load('nova_numa_ext')

    def test_describe(self):
        info = self.plugin.describe()

        self.assertEqual('nova_numa_ext', info.plugin_name)
        self.assertEqual([], info.vif_info)
        # What os_vif.host_info() makes of it.
        host = os_vif.objects.host_info.HostInfo(plugin_info=[info])
        host.filter_vif_types(['VIFBridge'])
        self.assertEqual([], host.plugin_info)

    def test_plug(self):
        exc = self.assertRaises(exception.PlugException,
                                self.plugin.plug, mock.sentinel.vif, None)
        self.assertIn('loads a compute driver', str(exc))

    def test_unplug(self):
        exc = self.assertRaises(exception.UnplugException,
                                self.plugin.unplug, mock.sentinel.vif, None)
        self.assertIn('loads a compute driver', str(exc))
