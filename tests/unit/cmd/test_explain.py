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
import pathlib
import re
import shlex
import textwrap
from unittest import mock

import fixtures
from lxml import etree
from nova.virt.libvirt import driver
import testtools

from nova_numa_ext.cmd import explain
from nova_numa_ext.cmd import main

FLAVOR = ('--flavor', 'name=f', 'vcpus=4', 'ram=4096')
HOST = ('--host', 'intel-4-sockets')


ROOT = pathlib.Path(__file__).parents[3]


class CommandTestCase(testtools.TestCase):

    def run_command(self, *words):
        """Return the exit status, and what was said on each stream."""
        out, err = io.TextIOWrapper(io.BytesIO(), 'utf-8'), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main.main(['explain', *words])
        out.flush()
        return status, out.buffer.getvalue().decode(), err.getvalue()


class ReadmeTest(CommandTestCase):
    """What the README shows is what the command does."""

    def setUp(self):
        super().setUp()
        if not hasattr(driver.LibvirtDriver, '_get_guest_iothread'):
            self.skipTest('it is of a Nova that gives guests an IO thread')
        readme = (ROOT / 'README.md').read_text(encoding='utf-8')
        (section,) = re.findall('(?ms)^    nova-numa-ext explain.*?^!', readme)
        command, shown = textwrap.dedent(section[:-1]).split('\n\n', 1)
        self.words = shlex.split(command.replace('\\\n', ''))[2:]
        self.shown = shown.strip() + '\n'

    def test_text(self):
        status, out, err = self.run_command(*self.words)

        self.assertEqual((0, ''), (status, err))
        self.assertEqual(self.shown, out[:len(self.shown)])

    def test_svg(self):
        """Made anew by the README's command with --svg."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'a.svg')

        self.run_command(*self.words, '--svg', path)

        with open(path, encoding='utf-8') as file:
            self.assertEqual(
                (ROOT / 'doc/source/_static/explain.svg').read_text(
                    encoding='utf-8'), file.read())


class ExplainTest(CommandTestCase):

    def test_text(self):
        status, out, err = self.run_command(
            *FLAVOR, 'numa_ext:cpu_cache=emulate', *HOST)

        self.assertEqual((0, ''), (status, err))
        self.assertIn('f on intel-4-sockets\n', out)
        self.assertIn('+   <cache mode="emulate" level="3"/>\n', out)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_several_options_of_words(self):
        status, out, _err = self.run_command(
            *FLAVOR, '--flavor', 'numa_ext:cpu_cache=emulate',
            '--image', 'numa_ext_cpu_cache=disable', *HOST)

        self.assertEqual(1, status)
        self.assertIn('differs from image', out)

    def test_does_not_fit(self):
        status, out, _err = self.run_command(
            '--flavor', 'name=f', 'vcpus=5', 'ram=5120', 'hw:numa_nodes=5',
            *HOST)

        self.assertEqual(1, status)
        self.assertIn('f does not fit on intel-4-sockets:\n', out)

    def test_json(self):
        status, out, _err = self.run_command(*FLAVOR, *HOST, '--json')

        self.assertEqual(0, status)
        self.assertEqual(4, json.loads(out)['guest']['vcpus'])

    def test_svg(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'a.svg')

        status, _out, _err = self.run_command(*FLAVOR, *HOST, '--svg', path)

        self.assertEqual(0, status)
        self.assertEqual('{http://www.w3.org/2000/svg}svg',
                         etree.parse(path).getroot().tag)

    def test_svg_that_cannot_be_written(self):
        status, _out, err = self.run_command(
            *FLAVOR, *HOST, '--svg', '/nowhere/a.svg')

        self.assertEqual(2, status)
        self.assertEqual('/nowhere/a.svg cannot be written: No such file or '
                         'directory.\n', err)

    def test_ascii_and_width(self):
        _status, out, _err = self.run_command(
            *FLAVOR, *HOST, '--ascii', '--width', '60')

        out.encode('ascii')
        self.assertLessEqual(max(map(len, out.splitlines())), 60)

    def test_stream_without_boxes(self):
        stream = io.TextIOWrapper(io.BytesIO(), encoding='latin-1')

        self.assertFalse(explain._has_boxes(stream))
        self.assertTrue(explain._has_boxes(
            io.TextIOWrapper(io.BytesIO(), encoding='utf-8')))

    def test_list_of_hosts(self):
        status, out, _err = self.run_command('--list-hosts')

        self.assertEqual(0, status)
        self.assertIn('intel-4-sockets: Intel x86_64: 4 nodes, 32 cores, 32 '
                      'CPUs, 4 L3\n', out)

    def test_what_cannot_be_explained(self):
        for words, message in (
            (HOST, 'Say which flavor: --flavor, or --list-hosts.\n'),
            ((*FLAVOR, '--host', 'moon'), "There is no host 'moon'."),
            (('--flavor', 'vcpus=1', *HOST), 'The flavor has no ram'),
            ((*FLAVOR, *HOST, '--config-file', '/nowhere'),
             'The configuration is wrong'),
        ):
            status, out, err = self.run_command(*words)
            self.assertEqual((2, ''), (status, out))
            self.assertIn(message, err)
            self.assertEqual(1, err.count('\n'))

    def test_wrong_sets_of_cpus(self):
        status, out, _err = self.run_command(
            *FLAVOR, 'hw:numa_nodes=1', *HOST, '--cpu-shared-set', '0-99')

        self.assertEqual(1, status)
        self.assertIn('cpu_shared_set', out)

    def test_without_libvirt(self):
        with mock.patch.dict('sys.modules', libvirt=None):
            status, _out, err = self.run_command(*FLAVOR, '--host', 'live')

        self.assertEqual(2, status)
        self.assertIn('needs libvirt-python', err)
