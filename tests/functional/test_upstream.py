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

"""The harness of Nova's own tests, run on a few of them, must find a fault."""

import contextlib
import io
import json
import os
import pathlib

import fixtures
import testtools
from testtools import content

from tests.upstream import __main__ as upstream
from tests.upstream import runs

MODULES = r'unit\.compute\.(test_claims|test_resource_tracker)$'
MODE = ('threading' if os.environ.get('OS_NOVA_DISABLE_EVENTLET_PATCHING')
        in ('1', 'true', 'yes') else 'eventlet')


class HarnessTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def run_with(self, classes):
        said, progress = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(progress):
                status = upstream.main([
                    'run', '--mode', MODE, '--only', MODULES, '--results',
                    self.folder, '--classes', classes])
        self.addDetail(classes, content.text_content(
            said.getvalue() + progress.getvalue()))
        path, = pathlib.Path(self.folder).rglob('report.json')
        return status, json.loads(path.read_text()), said.getvalue()

    def test_a_wrong_override_is_found(self):
        status, report, _said = self.run_with(runs.OURS)

        self.assertEqual((0, 'good', []), (
            status, report['verdict'], report['faults']))
        self.assertLess(150, sum(
            module['ours_passed'] for module in report['modules']))
        # Of the driver nothing ran.
        self.assertIn('nova_numa_ext.virt.driver.NumaLibvirtDriver.spawn',
                      report['overrides_not_run'])

        status, report, said = self.run_with(
            'tests.functional.wrong_overrides')

        self.assertEqual((1, 'RED'), (status, report['verdict']))
        self.assertEqual(
            {'good': 'test_claims', 'RED': 'test_resource_tracker'},
            {module['verdict']: module['module'].rpartition('.')[2]
             for module in report['modules']})
        self.assertIn('abort', str(report['faults']))
        self.assertIn('for 2 of 2 modules', said)
