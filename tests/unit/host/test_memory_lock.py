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

from nova_numa_ext.host import memory_lock
from nova_numa_ext.host import reader
from tests.unit.host import base
from tests.unit.host import tree


class MemoryLockTest(base.TestCase):

    def facts(self, *args):
        return memory_lock.gather(self.reader(*args))

    def test_libvirtd_with_the_capability(self):
        facts = self.facts('debian')
        self.assertEqual(
            memory_lock.Facts('libvirtd', True, 8192), facts)
        self.assertIsNone(memory_lock.judge(1 << 40, facts))

    def test_libvirtd_without(self):
        self.assertEqual(
            'libvirtd may lock 8 MiB of its 512 MiB, and has no '
            'CAP_SYS_RESOURCE',
            memory_lock.judge(512 << 10, self.facts('epyc')))

    def test_a_high_limit_does_not_help(self):
        # libvirt asks for none at all.
        facts = memory_lock.Facts('libvirtd', False, 1 << 30)
        self.assertIsNotNone(memory_lock.judge(1024, facts))

    def test_no_limit(self):
        facts = memory_lock.Facts('libvirtd', False, float('inf'))
        self.assertIsNone(memory_lock.judge(1024, facts))

    def test_a_daemon_that_cannot_be_seen(self):
        facts = self.facts('epyc', {'proc/900/comm': None})
        self.assertEqual(memory_lock.Facts(), facts)
        self.assertIsNone(memory_lock.judge(1024, facts))

    def test_a_daemon_that_tells_nothing(self):
        facts = self.facts('epyc', {'proc/900/status': None})
        self.assertIsNone(memory_lock.judge(1024, facts))

    def test_of_several_the_one_that_can(self):
        both = {
            'proc/7/comm': 'virtqemud',
            'proc/7/limits': tree.saved('debian')['proc/900/limits'],
            'proc/7/status': tree.saved('debian')['proc/900/status']}
        self.assertEqual(memory_lock.Facts('virtqemud', True, 8192),
                         self.facts('epyc', both))

    def test_this_machine(self):
        facts = memory_lock.gather(reader.HostReader())
        self.assertIn(facts.daemon, ('', *memory_lock.DAEMONS))
