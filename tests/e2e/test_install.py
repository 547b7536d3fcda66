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

"""The ways to install this package beside a Nova, each really done.

What is started in the end is the nova-compute command, up to its driver.
"""

import configparser
import email
import os
import re
import shlex
import subprocess
import zipfile

import testtools
from testtools import content

from tests.e2e.install import environment

DRIVER = 'nova_numa_ext.virt.driver.NumaLibvirtDriver'
NOVA_DRIVER = 'nova.virt.libvirt.driver.LibvirtDriver'
RIGHT = 'set compute_driver = numa_ext.NumaLibvirtDriver'


class InstallTestCase(testtools.TestCase):

    def assertStarts(self, env, package, nova):
        """nova-compute in env has our driver, from these two folders."""
        report, log = env.start()
        self.addDetail('nova-compute.log', content.text_content(log))
        self.assertIn(
            "Loading compute driver 'numa_ext.NumaLibvirtDriver'", log)
        self.assertNotIn('Unable to load', log)
        self.assertIsNotNone(report)
        self.assertEqual(DRIVER, report['bases'][0])
        self.assertIn(NOVA_DRIVER, report['bases'])
        self.assertEqual(package + '/virt/driver.py', report['file'])
        self.assertEqual(nova + '/utils.py', report['nova'])

    def assertRefused(self, env, sentence, driver=None):
        """nova-compute in env exits, and its log says why."""
        report, log = env.start(
            driver or 'numa_ext.NumaLibvirtDriver')
        self.addDetail('nova-compute.log', content.text_content(log))
        self.assertIsNone(report)
        self.assertIn('Unable to load the virtualization driver', log)
        self.assertIn(sentence, log)

    def assertChecks(self, expected, env, *command, **kwargs):
        """upgrade check has this code, and these words on the loader."""
        code, checks = environment.upgrade_check(env, *command, **kwargs)
        self.addDetail('upgrade check', content.text_content(str(checks)))
        self.assertEqual(expected, code, checks)
        return checks


class TestWheel(testtools.TestCase):
    """What is in the wheel that the other tests install."""

    def setUp(self):
        super().setUp()
        self.wheel = zipfile.ZipFile(environment.wheel())
        self.addCleanup(self.wheel.close)
        self.names = self.wheel.namelist()
        (self.info,) = {name.split('/')[0] for name in self.names
                        if '.dist-info/' in name}

    def _read(self, name):
        return self.wheel.read('%s/%s' % (self.info, name)).decode()

    def test_contents(self):
        source = environment.source('wheel-source')
        package = {os.path.relpath(os.path.join(folder, name), source)
                   for folder, _, names in os.walk(
                       os.path.join(source, 'nova_numa_ext'))
                   for name in names}
        folders = {os.path.dirname(name) for name in package}

        self.assertEqual(package, {
            name for name in self.names if not name.startswith(self.info)})
        # A folder without __init__.py is left out of the wheel.
        self.assertEqual(set(), {folder for folder in folders
                                 if folder + '/__init__.py' not in package})

    def test_requirements(self):
        metadata = email.message_from_string(self._read('METADATA'))
        with open(os.path.join(environment.ROOT, 'requirements.txt')) as f:
            required = {re.split('[<>=!~ ]', line)[0] for line in f
                        if line.strip() and not line.startswith('#')}

        self.assertEqual(environment.version(), metadata['Version'])
        self.assertEqual('>=3.8', metadata['Requires-Python'])
        self.assertEqual(required, {
            re.split('[<>=!~ (;]', value)[0]
            for value in metadata.get_all('Requires-Dist')})
        self.assertNotIn('nova', required)

    def test_entry_points(self):
        entry_points = configparser.ConfigParser()
        entry_points.read_string(self._read('entry_points.txt'))

        self.assertEqual('nova_numa_ext.loader:LoaderPlugin',
                         entry_points['os_vif']['nova_numa_ext'])
        self.assertEqual(
            'nova_numa_ext.cmd.status:main',
            entry_points['console_scripts']['nova-numa-ext-status'])
        self.assertEqual(
            'nova_numa_ext.cmd.main:main',
            entry_points['console_scripts']['nova-numa-ext'])
        self.assertEqual(
            'nova_numa_ext.api.validators',
            entry_points['nova.api.extra_spec_validators']['numa_ext'])


class TestVirtualEnvironment(InstallTestCase):
    """This package and Nova in one virtual environment."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nova = environment.VirtualEnvironment('nova')
        cls.nova.install_locked()

    def setUp(self):
        super().setUp()
        self.site = os.path.dirname(os.path.dirname(self.nova.run(
            self.nova.python, '-c',
            'import nova; print(nova.__file__)').stdout.strip()))
        self.addCleanup(self.nova.pip, 'uninstall', '--yes', 'nova-numa-ext')

    def _install(self):
        self.nova.pip('install', environment.wheel())

    def test_wheel(self):
        before = self.nova.packages()
        self._install()

        self.assertEqual(
            dict(before, **{'nova-numa-ext': environment.version()}),
            self.nova.packages())
        self.assertStarts(self.nova, self.site + '/nova_numa_ext',
                          self.site + '/nova')
        self.assertChecks(
            0, self.nova, 'nova-numa-ext-status',
            '--config-file', self.nova.configure())

    def test_editable(self):
        """Both from their sources, as DevStack installs them."""
        self.addCleanup(self.nova.install_locked)
        nova = self.nova.install_editable_nova()
        source = environment.source('editable-source')
        self.nova.install_editable(source)

        self.assertStarts(
            self.nova, source + '/nova_numa_ext', nova + '/nova')
        self.assertChecks(
            0, self.nova, 'nova-numa-ext-status',
            '--config-file', self.nova.configure())

    def test_wrong_class(self):
        self._install()

        self.assertRefused(self.nova, RIGHT, 'numa_ext.LibvirtDriver')

    def test_wrong_module(self):
        self._install()

        self.assertRefused(self.nova, RIGHT, DRIVER)

    def test_without_libvirt(self):
        self._install()
        hidden = os.path.join(self.site, 'libvirt.py')
        os.rename(hidden, hidden + '.away')
        self.addCleanup(os.rename, hidden + '.away', hidden)

        sentence = 'Install libvirt-python for %s' % self.nova.python
        self.assertRefused(self.nova, sentence)
        checks = self.assertChecks(
            2, self.nova, 'nova-numa-ext-status',
            '--config-file', self.nova.configure())
        self.assertIn(sentence, checks['Driver loader'][1])

    def test_entry_point_missing(self):
        """Found by the status command, and cured by what it says."""
        self._install()
        info = 'nova_numa_ext-%s.dist-info' % environment.version()
        os.unlink(os.path.join(self.site, info, 'entry_points.txt'))

        self.assertRefused(self.nova, "No module named 'nova.virt.numa_ext'")
        self._follow(self.nova.bin, 'has no os_vif entry point')

    def test_installed_elsewhere(self):
        """Found by the status command, and cured by what it says."""
        other = environment.VirtualEnvironment('other')
        environment.uv(
            'pip', 'install', '--quiet', '--python', other.python,
            '--constraint', self._constraints(), environment.wheel())

        self.assertRefused(self.nova, "No module named 'nova.virt.numa_ext'")
        self._follow(other.bin, 'where nova-numa-ext is not installed')

    def _follow(self, folder, words):
        """Do what the status command of this folder says for the loader."""
        command = (os.path.join(folder, 'nova-numa-ext-status'),
                   '--config-file', self.nova.configure())
        details = self.assertChecks(
            2, self.nova, *command)['Driver loader'][1]
        self.assertIn(words, details)
        self.nova.run(*shlex.split(details.partition('Run: ')[2]))

        self.assertStarts(self.nova, self.site + '/nova_numa_ext',
                          self.site + '/nova')
        self.assertChecks(0, self.nova, *command)

    def _constraints(self):
        """The lock, for an installation of a few of its packages."""
        path = os.path.join(environment.scratch(), 'constraints.txt')
        with open(environment.LOCK) as lock, open(path, 'w') as f:
            f.writelines(re.match(r'[^\\]*', line).group().strip() + '\n'
                         for line in lock if re.match(r'\w', line))
        return path


class TestDebian(InstallTestCase):
    """The wheel in /usr/local, Debian's nova-compute in /usr/lib."""

    PACKAGE = '/usr/local/lib/python3.11/dist-packages/nova_numa_ext'
    NOVA = '/usr/lib/python3/dist-packages/nova'

    def test_wheel(self):
        reason = environment.Debian.why_not()
        if reason:
            self.skipTest(reason)
        debian = environment.Debian()
        wheel = debian.put(environment.wheel())
        before = debian.packages()
        self.assertRegex(before['nova'], r'^26\.')

        # Debian wants to be told that pip may add to its Python.
        refused = debian.pip('install', wheel, check=False)
        self.assertIn('externally-managed-environment', refused.stdout)
        debian.pip('install', '--break-system-packages', wheel)

        self.assertEqual(
            dict(before, **{'nova-numa-ext': environment.version()}),
            debian.packages())
        self.assertStarts(debian, self.PACKAGE, self.NOVA)

        # Debian's own /etc/nova/nova-compute.conf names Nova's driver.
        checks = self.assertChecks(1, debian, 'nova-numa-ext-status')
        self.assertIn('compute_driver is libvirt.LibvirtDriver (read from '
                      '/etc/nova/nova.conf, /etc/nova/nova-compute.conf)',
                      checks['Compute driver'][1])
        debian.run('sed', '-i',
                   's/^compute_driver *=.*/compute_driver = '
                   'numa_ext.NumaLibvirtDriver/',
                   '/etc/nova/nova-compute.conf')
        self.assertChecks(0, debian, 'nova-numa-ext-status')

        mounted = subprocess.run(
            ['findmnt', '--list', '--noheadings', '--output', 'TARGET'],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotIn(debian.root, mounted)
