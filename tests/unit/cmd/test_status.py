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
import os
import shutil
import sys
from unittest import mock

import ddt
import fixtures
from oslo_concurrency import processutils
import testtools

from nova_numa_ext.cmd import status

PYTHON = '/opt/nova/bin/python'
GOOD = {
    'nova': '34.0.0',
    'extension': '0.1.0',
    'entry_point': True,
    'managed': False,
    'error': None,
}


class Host(fixtures.Fixture):
    """A host whose nova-compute's Python has these facts to tell."""

    def __init__(self, conf, script='#!%s\n' % PYTHON, **facts):
        self.conf = conf
        self.script = script
        self.facts = dict(GOOD, **facts)

    def _setUp(self):
        self.dir = self.useFixture(fixtures.TempDir()).path
        self.config_file = os.path.join(self.dir, 'nova.conf')
        with open(self.config_file, 'w') as f:
            f.write(self.conf)
        self.command = os.path.join(self.dir, 'nova-compute')
        if self.script is not None:
            with open(self.command, 'w') as f:
                f.write(self.script)
            os.chmod(self.command, 0o755)
        self.useFixture(fixtures.EnvironmentVariable('PATH', self.dir))
        # Nothing beside this Python: the environment of the tests has a Nova.
        self.useFixture(fixtures.MonkeyPatch(
            'sys.executable', os.path.join(self.dir, 'python')))
        patcher = mock.patch.object(
            processutils, 'execute', autospec=True,
            return_value=('noise\n' + json.dumps(self.facts) + '\n', ''))
        self.execute = patcher.start()
        self.addCleanup(patcher.stop)

    def check(self, *args):
        """Run the command; its exit code, and its results by check."""
        argv = ['nova-numa-ext-status', '--config-file', self.config_file,
                'upgrade', 'check', '--json'] + list(args)
        out = io.StringIO()
        with mock.patch.object(sys, 'argv', argv), \
                contextlib.redirect_stdout(out):
            code = status.main()
        return int(code), {
            check['check']: (check['result'], check['details'])
            for check in json.loads(out.getvalue())['checks']}


ENABLED = '[DEFAULT]\ncompute_driver = numa_ext.NumaLibvirtDriver\n'


@ddt.ddt
class TestChecks(testtools.TestCase):

    def _check(self, conf=ENABLED, **kwargs):
        self.host = self.useFixture(Host(conf, **kwargs))
        return self.host.check()

    def test_success(self):
        code, checks = self._check()

        self.assertEqual(0, code)
        self.assertEqual({
            'Nova release': (0, None),
            'Driver loader': (0, None),
            'Compute driver': (0, None),
        }, checks)

    def test_asks_the_python_of_nova_compute_as_nova_compute_would(self):
        self._check(script='#!/usr/bin/python3 -sP\n')

        self.host.execute.assert_called_once_with(
            '/usr/bin/python3', '-sP', '-E', '-s', '-c', status.PROBE,
            cwd='/')

    def test_nova_of_this_user(self):
        host = self.useFixture(Host(ENABLED))
        with mock.patch('site.getuserbase', autospec=True,
                        return_value=host.dir):
            host.check()

        host.execute.assert_called_once_with(
            PYTHON, '-E', '-c', status.PROBE, cwd='/')

    @ddt.data('25.1.0', '35.0.0')
    def test_untested_release(self, version):
        code, checks = self._check(nova=version)

        self.assertEqual(2, code)
        result, details = checks['Nova release']
        self.assertEqual(2, result)
        self.assertIn('made for Nova 26 to 34, and this is Nova %s'
                      % version, details)
        self.assertIn('allow_untested_nova = true', details)

    def test_untested_release_allowed(self):
        code, checks = self._check(
            conf=ENABLED + '[numa_ext]\nallow_untested_nova = true\n',
            nova='35.0.0')

        self.assertEqual(1, code)
        self.assertEqual(1, checks['Nova release'][0])

    def test_no_nova(self):
        code, checks = self._check(nova=None)

        self.assertEqual(2, code)
        self.assertIn('There is no Nova in %s.' % PYTHON,
                      checks['Nova release'][1])

    def test_no_nova_compute(self):
        code, checks = self._check(script=None)

        self.assertEqual(2, code)
        result, details = checks['Driver loader']
        self.assertEqual(2, result)
        self.assertIn('no nova-compute in PATH', details)
        # The release is then that of this Python.
        self.assertEqual((0, None), checks['Nova release'])
        self.assertEqual(sys.executable, self.host.execute.call_args[0][0])

    def test_nova_compute_beside_this_command(self):
        host = self.useFixture(Host(ENABLED))
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/nowhere'))

        self.assertEqual(0, host.check()[0])
        self.assertEqual(PYTHON, host.execute.call_args[0][0])

    def test_nova_compute_is_no_script(self):
        code, checks = self._check(script='\x7fELF')

        self.assertEqual(1, code)
        self.assertIn('%s is not a Python script' % self.host.command,
                      checks['Driver loader'][1])

    def test_not_installed_there(self):
        code, checks = self._check(extension=None, entry_point=False)

        self.assertEqual(2, code)
        result, details = checks['Driver loader']
        self.assertEqual(2, result)
        self.assertIn('nova-compute runs in %s, where nova-numa-ext is not '
                      'installed. Run: %s -m pip install ' % (PYTHON, PYTHON),
                      details)

    def test_not_installed_in_the_python_of_the_distribution(self):
        _code, checks = self._check(extension=None, entry_point=False,
                                    managed=True)

        self.assertIn('-m pip install --break-system-packages ',
                      checks['Driver loader'][1])

    def test_entry_point_missing(self):
        code, checks = self._check(entry_point=False)

        self.assertEqual(2, code)
        self.assertIn('no os_vif entry point', checks['Driver loader'][1])
        self.assertIn('%s -m pip install --force-reinstall --no-deps '
                      % PYTHON, checks['Driver loader'][1])

    def test_driver_does_not_load(self):
        code, checks = self._check(error='ImportError: reason')

        self.assertEqual(2, code)
        self.assertIn('%s cannot load the driver. ImportError: reason'
                      % PYTHON, checks['Driver loader'][1])

    @ddt.data('numa_ext.LibvirtDriver', 'numa-ext.NumaLibvirtDriver',
              'nova_numa_ext.NumaLibvirtDriver',
              'nova.virt.numa_ext.NumaLibvirtDriver')
    def test_driver_misspelt(self, name):
        code, checks = self._check(
            conf='[DEFAULT]\ncompute_driver = %s\n' % name)

        self.assertEqual(2, code)
        result, details = checks['Compute driver']
        self.assertEqual(2, result)
        self.assertIn('compute_driver = %s (read from %s)'
                      % (name, self.host.config_file), details)
        self.assertIn('set [DEFAULT] compute_driver = '
                      'numa_ext.NumaLibvirtDriver', details)

    @ddt.data(('[DEFAULT]\ncompute_driver = libvirt.LibvirtDriver\n',
               'compute_driver is libvirt.LibvirtDriver'),
              ('[DEFAULT]\n', 'compute_driver is not set'))
    @ddt.unpack
    def test_other_driver(self, conf, words):
        code, checks = self._check(conf=conf)

        self.assertEqual(1, code)
        _result, details = checks['Compute driver']
        self.assertIn(words, details)
        self.assertIn('set [DEFAULT] compute_driver = '
                      'numa_ext.NumaLibvirtDriver', details)

    def test_reads_what_nova_compute_reads(self):
        host = self.useFixture(Host(''))
        home = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.EnvironmentVariable('HOME', home))
        os.mkdir(os.path.join(home, '.nova'))
        for name, driver in (('nova.conf', 'libvirt.LibvirtDriver'),
                             ('nova-compute.conf', 'numa_ext.Wrong')):
            with open(os.path.join(home, '.nova', name), 'w') as f:
                f.write('[DEFAULT]\ncompute_driver = %s\n' % driver)
        out = io.StringIO()
        with mock.patch.object(
                sys, 'argv', ['status', 'upgrade', 'check', '--json']), \
                contextlib.redirect_stdout(out):
            code = status.main()

        self.assertEqual(2, code)
        self.assertIn('numa_ext.Wrong (read from %(home)s/.nova/nova.conf, '
                      '%(home)s/.nova/nova-compute.conf)' % {'home': home},
                      out.getvalue())
        self.assertTrue(host.execute.called)


@ddt.ddt
class TestInterpreter(testtools.TestCase):

    @ddt.data(
        ('#!/usr/bin/python3\n', ['/usr/bin/python3']),
        ('#! /usr/bin/python3 -s\nimport re\n', ['/usr/bin/python3', '-s']),
        ("#!/bin/sh\n'''exec' /long/bin/python3 \"$0\" \"$@\"\n' '''\n",
         ['/long/bin/python3']),
        ("#!/bin/sh\n'''exec' \"/a b/bin/python3\" \"$0\" \"$@\"\n' '''\n",
         ['/a b/bin/python3']),
        ('#!/bin/sh\nexec /usr/bin/nova-compute\n', None),
        ('#!/bin/sh', None),
        ('#!\n', None),
        ('\x7fELF', None),
        ('', None),
    )
    @ddt.unpack
    def test_interpreter(self, script, words):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x')
        with open(path, 'w') as f:
            f.write(script)

        self.assertEqual(words, status.interpreter(path))

    def test_env(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x')
        with open(path, 'w') as f:
            f.write('#!/usr/bin/env python3\n')

        self.assertEqual([shutil.which('python3')], status.interpreter(path))


class TestRequirement(testtools.TestCase):

    def _requirement(self, origin):
        distribution = mock.create_autospec(
            status.metadata.Distribution, instance=True, version='0.1.0')
        distribution.read_text.return_value = origin
        with mock.patch.object(status.metadata, 'distribution', autospec=True,
                               return_value=distribution):
            return status._requirement()

    def test_from_an_index(self):
        self.assertEqual('nova-numa-ext==0.1.0', self._requirement(None))

    def test_from_a_wheel(self):
        self.assertEqual('file:///w.whl', self._requirement(
            '{"archive_info": {}, "url": "file:///w.whl"}'))
