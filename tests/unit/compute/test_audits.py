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

"""Audits of this project's tracker, and what they say."""

import logging
import os

import fixtures
import nova.conf
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compute import resource_tracker
from tests.unit.compute import life
from tests.unit.compute import world
from tests.unit.compute.test_resource_tracker import GUESTS

CONF = nova.conf.CONF


class AuditTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(world.Nova())
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

    def set(self, name, value):
        CONF.set_override(name, value, 'numa_ext')
        self.addCleanup(CONF.clear_override, name, 'numa_ext')

    def host(self, guests=1):
        host = world.World(resource_tracker.NumaResourceTracker)
        for number in range(guests):
            life.create(host, GUESTS[number], number)
        return host

    def mismatches(self):
        return figures.total('shadow_mismatches_total')

    def test_a_line_for_each(self):
        host = self.host()
        host.audit()

        first, second = [
            line for line in self.log.output.splitlines()
            if line.startswith('Since the last audit: ')]
        self.assertIn('2 changes in 2 updates; lock taken 3 times', second)

    def test_no_line_where_all_is_off(self):
        self.set('coalesce_updates', False)
        self.set('reduce_libvirt_calls', False)
        self.host()

        self.assertNotIn('Since the last audit', self.log.output)

    def test_a_file_for_prometheus(self):
        path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'nova.prom')
        self.set('metrics_textfile', path)
        self.host().audit()

        with open(path, encoding='utf-8') as file:
            self.assertIn(
                'nova_numa_ext_lock_held_seconds_count{caller='
                '"instance_claim"}', file.read())

    def test_a_file_that_cannot_be_written(self):
        self.set('metrics_textfile', '/proc/nova.prom')
        host = self.host()
        host.audit()

        self.assertEqual(host.memory, host.row)
        self.assertIn('[numa_ext] metrics_textfile cannot be written: ',
                      self.log.output)

    def test_shadow(self):
        self.set('shadow', True)
        before = self.mismatches()
        host = self.host(guests=3)
        host.audit()
        life.abort(host, GUESTS[0])
        host.audit()

        self.assertEqual(before, self.mismatches())
        self.assertEqual(host.memory, host.row)

    def test_shadow_sees_a_row_that_was_not_saved(self):
        self.set('shadow', True)
        host = self.host()
        before = self.mismatches()
        host.save_node = lambda node: None
        life.create(host, GUESTS[1], 1)

        self.assertLess(before, self.mismatches())
        self.assertIn('shadow: coalesce_updates gives vcpus_used=1, Nova '
                      'gives 4.', self.log.output)
