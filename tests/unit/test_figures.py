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

import pathlib

import fixtures
import testtools

from nova_numa_ext import figures


class FiguresTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # They are counted since the process started.
        self.report = figures.Report()
        self.report.line()

    def test_nothing_happened(self):
        self.assertEqual(
            'Since the last audit: 0 libvirt calls; 0 of 0 answers '
            'remembered, the oldest for 0.0 s; 0 changes in 0 updates; lock '
            'taken 0 times, waited for 0.00 s and held 0.00 s in all.',
            self.report.line())

    def test_the_line_has_what_happened_since_the_last(self):
        figures.LIBVIRT_CALLS.labels('domainCreate').observe(0.5)
        figures.LIBVIRT_CALLS.labels('domainDestroy').observe(0.5)
        figures.hit('states', 1.5)
        figures.hit('states', 0.5)
        figures.hit('version', 0.0)
        figures.miss('states')
        figures.CLAIMS.inc(6)
        figures.COMMITS.inc(2)
        figures.LOCK_WAIT.labels('instance_claim').observe(0.25)
        figures.LOCK_HELD.labels('instance_claim').observe(0.5)
        figures.ERRORS.labels('states').inc()
        figures.MISMATCHES.labels('states').inc(2)

        self.assertEqual(
            'Since the last audit: 2 libvirt calls; 3 of 4 answers '
            'remembered, the oldest for 1.5 s; 6 changes in 2 updates; lock '
            'taken 1 times, waited for 0.25 s and held 0.50 s in all; '
            '1 errors; 2 mismatches.',
            self.report.line())
        self.assertIn('0 libvirt calls; 0 of 0', self.report.line())

    def test_textfile(self):
        path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'nova.prom')
        figures.LIBVIRT_CALLS.labels('test_textfile').observe(0.5)

        figures.write_textfile(str(path))

        self.assertIn(
            'nova_numa_ext_libvirt_call_seconds_count'
            '{call="test_textfile"} 1.0\n', path.read_text())
