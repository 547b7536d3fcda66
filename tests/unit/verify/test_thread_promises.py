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

from nova_numa_ext.verify import thread_promises
from tests.unit.verify import base


class KeptTest(base.TestCase):

    def test_what_is_promised_and_kept(self):
        self.assertEqual([
            ('vCPU 0', 'CPUs', '0', '0', True),
            ('vCPU 1', 'CPUs', '1', '1', True),
            ('vCPU 2', 'CPUs', '0', '0', True),
            ('vCPU 3', 'CPUs', '1', '1', True),
            ('emulator', 'CPUs', '0', '0', True),
            ('IO thread 1', 'CPUs', '0', '0', True),
            ('IO thread 2', 'CPUs', '1', '1', True),
            ('vCPU 0', 'scheduler', 'other', 'other', True),
            ('vCPU 1', 'scheduler', 'fifo:3', 'fifo:3', True),
            ('vCPU 2', 'scheduler', 'rr:7', 'rr:7', True),
            ('vCPU 3', 'scheduler', 'rr:7', 'rr:7', True),
            ('emulator', 'scheduler', 'rr:1', 'rr:1', True),
            ('IO thread 1', 'scheduler', 'fifo:2', 'fifo:2', True),
            ('IO thread 2', 'scheduler', 'other', 'other', True),
        ], [(row.subject, row.promise, row.asked, row.got, row.kept)
            for row in self.rows()
            if row.promise in ('CPUs', 'scheduler')])

    def test_a_worker_may_be_where_an_io_thread_is(self):
        self.change('task/4014/status', 'list:\t0', 'list:\t1')
        self.assertBroken()

    def test_threads_of_the_kernel_are_not_the_emulators(self):
        self.change('task/4014/comm', 'worker', 'kvm-nx-lpage-re')
        self.change('task/4014/status', 'list:\t0', 'list:\t1')
        self.assertBroken()

    def test_a_thread_that_filled_memory_is_on_a_part_of_the_cpus(self):
        self.defined = self.defined.replace(
            "emulatorpin cpuset='0'", "emulatorpin cpuset='0-1'")
        for thread in (4000, 4004, 4008, 4015):
            self.change(f'task/{thread}/status', 'list:\t0', 'list:\t0-1')
        self.change('task/4014/comm', 'worker', 'TC tc-ram-node0')
        self.assertBroken()

    def test_a_cpu_that_is_offline(self):
        self.defined = self.defined.replace(
            "vcpu='3' cpuset='1'", "vcpu='3' cpuset='1,7'")
        self.assertBroken()


class BrokenTest(base.TestCase):

    def test_a_vcpu_elsewhere(self):
        self.change('task/4012/status', 'list:\t0', 'list:\t0-1')
        self.assertBroken(('vCPU 2', 'CPUs', '0', '0-1'))

    def test_the_emulator_elsewhere(self):
        self.change('task/4000/status', 'list:\t0', 'list:\t1')
        self.assertBroken(
            ('emulator', 'CPUs', '0', 'qemu-system-x86 (4000) on 1'))

    def test_a_worker_elsewhere(self):
        self.change('task/4015/status', 'list:\t0', 'list:\t0-1')
        self.assertBroken(('emulator', 'CPUs', '0', 'worker (4015) on 0-1'))

    def test_a_thread_that_filled_memory_elsewhere(self):
        self.change('task/4014/comm', 'worker', 'TC tc-ram-node1')
        self.change('task/4014/status', 'list:\t0', 'list:\t0-1')
        self.assertBroken(
            ('emulator', 'CPUs', '0', 'TC tc-ram-node1 (4014) on 0-1'))

    def test_an_io_thread_elsewhere(self):
        self.change('task/4006/status', 'list:\t1', 'list:\t0')
        self.assertBroken(('IO thread 2', 'CPUs', '1', '0'))

    def test_another_priority(self):
        self.change('task/4011/stat', ' 3 1 0 0 0 ', ' 4 1 0 0 0 ')
        self.assertBroken(('vCPU 1', 'scheduler', 'fifo:3', 'fifo:4'))

    def test_another_scheduler(self):
        self.change('task/4011/stat', ' 3 1 0 0 0 ', ' 3 2 0 0 0 ')
        self.assertBroken(('vCPU 1', 'scheduler', 'fifo:3', 'rr:3'))

    def test_a_realtime_scheduler_nobody_asked_for(self):
        self.change('task/4010/stat', ' -1 0 0 0 0 ', ' -1 0 5 1 0 ')
        self.assertBroken(('vCPU 0', 'scheduler', 'other', 'fifo:5'))

    def test_an_emulator_that_lost_its_scheduler(self):
        self.change('task/4000/stat', ' 1 2 0 0 0', ' 0 0 0 0 0')
        self.assertBroken(('emulator', 'scheduler', 'rr:1', 'other'))

    def test_vcpus_without_threads(self):
        for number in range(4):
            self.change(f'task/401{number}/comm', f'CPU {number}/TCG',
                        'ALL CPUs/TCG')
        self.assertIn(
            ('vCPU 2', 'scheduler', 'no thread of its own'),
            [(row.subject, row.promise, row.got)
             for row in self.rows() if row.kept is False])


class OfDomainTest(base.TestCase):

    def promised(self, xml):
        return [
            (promise.subject, promise.what, promise.asked)
            for promise in thread_promises.of_domain(self.domain(xml))]

    def test_nothing(self):
        self.assertEqual([], self.promised('<vcpu>2</vcpu>'))

    def test_cpus_of_all(self):
        self.assertEqual([
            ('vCPU 0', 'CPUs', '0-3'),
            ('vCPU 1', 'CPUs', '5'),
            ('emulator', 'CPUs', '0-3'),
            ('IO thread 1', 'CPUs', '0-3'),
        ], self.promised(
            '<vcpu cpuset="0-3">2</vcpu><iothreads>1</iothreads>'
            '<cputune><vcpupin vcpu="1" cpuset="5"/></cputune>'))

    def test_a_realtime_guest_of_novas_own(self):
        self.assertEqual([
            ('vCPU 0', 'scheduler', 'other'),
            ('vCPU 1', 'scheduler', 'fifo:1'),
            ('vCPU 2', 'scheduler', 'fifo:1'),
            ('emulator', 'scheduler', 'other'),
        ], self.promised(
            '<vcpu>3</vcpu><cputune>'
            '<vcpusched vcpus="1-2" scheduler="fifo" priority="1"/>'
            '</cputune>'))

    def test_schedulers_that_are_not_realtime(self):
        self.assertIn(('emulator', 'scheduler', 'batch'), self.promised(
            '<vcpu>1</vcpu><cputune><emulatorsched scheduler="batch"/>'
            '</cputune>'))

    def test_io_threads_with_numbers_of_their_own(self):
        self.assertEqual(
            ['vCPU 0', 'emulator', 'IO thread 1', 'IO thread 4'],
            [subject for subject, _what, _asked in self.promised(
                '<vcpu cpuset="0">1</vcpu><iothreads>2</iothreads>'
                '<iothreadids><iothread id="4"/></iothreadids>')])
