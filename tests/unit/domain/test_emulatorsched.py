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


from nova_numa_ext.domain import emulatorsched
from nova_numa_ext.policy.values import Scheduler
from tests import golden
from tests.unit.domain import base


class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(emulatorsched.configure(base.guest(
            golden.specs(cpu_cache='disable'))))

    def test_asked_for(self):
        self.assertEqual(
            emulatorsched.EmulatorScheduler(Scheduler('rr', 50)),
            emulatorsched.configure(base.guest(
                golden.specs(emulator_scheduler='rr:50'), max_priority=50)))

    def test_above_the_hosts_cap(self):
        refused = self.refused(
            emulatorsched.configure,
            golden.specs(emulator_scheduler='rr:51'), max_priority=50)

        self.assertEqual('numa_ext:emulator_scheduler', refused.origin.key)


class TestWrite(base.ElementTestCase):

    ELEMENT = emulatorsched.EmulatorScheduler(Scheduler('fifo', 3))

    def test_into_nothing(self):
        self.assertWrites(
            '<cputune><emulatorsched priority="3" scheduler="fifo"/>'
            '</cputune><cpu/>', self.ELEMENT, '<cpu/>')

    def test_beside_what_nova_wrote(self):
        self.assertWrites(
            '<cputune><emulatorpin/><emulatorsched priority="3" '
            'scheduler="fifo"/></cputune>',
            self.ELEMENT, '<cputune><emulatorpin/></cputune>')
