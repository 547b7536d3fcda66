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

from nova_numa_ext.verify import cpu_promises
from tests.unit.verify import base

CPU = '-cpu\\x00qemu64'
SMP = '4,sockets=4,cores=1,threads=1'


class CpuTest(base.TestCase):

    def judged(self, xml, cpu, smp=SMP):
        self.change('cmdline', CPU, f'-cpu\\x00{cpu}')
        self.change('cmdline', SMP, smp)
        (promise,) = cpu_promises.of_domain(self.domain(xml))
        return (promise.what, promise.asked, *self.judge(promise))

    def test_mode(self):
        xml = '<cpu mode="host-passthrough"/>'
        self.assertEqual(
            ('mode', 'host-passthrough', 'host-passthrough', True),
            self.judged(xml, 'host,migratable=on'))

    def test_another_mode(self):
        xml = '<cpu mode="maximum"/>'
        self.assertEqual(
            ('mode', 'maximum', 'Nehalem', False),
            self.judged(xml, 'Nehalem'))

    def test_modes_that_become_models(self):
        self.assertEqual([], list(cpu_promises.of_domain(
            self.domain('<cpu mode="host-model"/>'))))

    def test_topology(self):
        xml = '<cpu><topology sockets="2" dies="1" cores="2" threads="1"/>' \
            '</cpu>'
        asked = '2 sockets x 1 die x 2 cores x 1 thread'
        self.assertEqual(
            ('topology', asked, asked, True),
            self.judged(xml, 'qemu64', '4,sockets=2,cores=2,threads=1'))

    def test_another_topology(self):
        xml = '<cpu><topology sockets="2" cores="2" threads="1"/></cpu>'
        self.assertEqual(
            ('topology', '2 sockets x 2 cores x 1 thread',
             '4 sockets x 1 core x 1 thread', False),
            self.judged(xml, 'qemu64'))

    def test_caches(self):
        for mode, there in (
            ('passthrough', 'host,host-cache-info=on,l3-cache=off'),
            ('emulate', 'host,l3-cache=on,host-cache-info=off'),
            ('disable', 'host,host-cache-info=off,l3-cache=off'),
        ):
            xml = f'<cpu><cache mode="{mode}"/></cpu>'
            self.files = base.tree.saved('guest')
            self.assertEqual(
                ('L3 cache', mode, mode, True), self.judged(xml, there))

    def test_no_cache(self):
        self.assertEqual(
            ('L3 cache', 'emulate', 'no l3-cache=on', False),
            self.judged('<cpu><cache mode="emulate"/></cpu>', 'host'))

    def test_hints(self):
        xml = '<features><kvm><poll-control state="on"/>' \
            '<hint-dedicated state="off"/></kvm></features>'
        self.assertEqual(
            ('KVM poll-control', 'on', 'on', True),
            self.judged(xml, 'host,kvm-poll-control=on'))
        self.files = base.tree.saved('guest')
        self.assertEqual(
            ('KVM poll-control', 'on', 'no kvm-poll-control=on', False),
            self.judged(xml, 'host'))
