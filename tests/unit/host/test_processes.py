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

import testtools

from nova_numa_ext.host import processes
from tests.unit.host import tree

UUID = '6fd2a4f8-5a3c-4c5e-9d0a-8a1b2c3d4e5f'
PID = 4000
STATUS = 'Name:\tlibvirtd\nCapEff:\t{}\nVmLck:\t     128 kB\n'


class ProcessesTest(testtools.TestCase):

    def reader(self, *files):
        return self.useFixture(
            tree.Tree(tree.saved('guest'), *files)).reader

    def test_of_guest(self):
        self.assertEqual(PID, processes.of_guest(self.reader(), UUID))
        self.assertIsNone(processes.of_guest(self.reader(), UUID[:-1]))

    def test_a_process_that_only_speaks_of_a_guest(self):
        reader = self.reader({
            f'proc/{PID}/cmdline': None,
            'proc/50/cmdline': f'grep\\x00-uuid {UUID}\\x00'})
        self.assertIsNone(processes.of_guest(reader, UUID))

    def test_named(self):
        reader = self.reader(
            {'proc/7/comm': 'virtqemud', 'proc/8/comm': 'libvirtd'})
        self.assertEqual(
            (7, 8), processes.named(reader, ('libvirtd', 'virtqemud')))

    def test_threads(self):
        threads = {
            thread.tid - PID: thread
            for thread in processes.threads(self.reader(), PID)}
        self.assertEqual(
            {0: ('qemu-system-x86', {0}, 'rr', 1),
             4: ('qemu-system-x86', {0}, 'other', 0),
             5: ('IO iothread1', {0}, 'fifo', 2),
             6: ('IO iothread2', {1}, 'other', 0),
             8: ('IO mon_iothread', {0}, 'other', 0),
             10: ('CPU 0/TCG', {0}, 'other', 0),
             11: ('CPU 1/TCG', {1}, 'fifo', 3),
             12: ('CPU 2/TCG', {0}, 'rr', 7),
             13: ('CPU 3/TCG', {1}, 'rr', 7),
             14: ('worker', {0}, 'other', 0),
             15: ('worker', {0}, 'other', 0)},
            {number: (thread.name, thread.cpus, thread.policy,
                      thread.priority)
             for number, thread in threads.items()})
        self.assertEqual(
            {10: 0, 11: 1, 12: 2, 13: 3},
            {number: thread.vcpu for number, thread in threads.items()
             if thread.vcpu is not None})
        self.assertEqual(
            {5: 1, 6: 2},
            {number: thread.iothread for number, thread in threads.items()
             if thread.iothread is not None})

    def test_a_thread_of_kvm(self):
        reader = self.reader(
            {f'proc/{PID}/task/4010/comm': 'CPU 12/KVM'})
        self.assertIn(12, [
            thread.vcpu for thread in processes.threads(reader, PID)])

    def test_a_name_with_parentheses_and_spaces(self):
        stat = tree.saved('guest')[f'proc/{PID}/task/4011/stat']
        reader = self.reader({f'proc/{PID}/task/4011/stat': stat.replace(
            '(CPU 1/TCG)', '(a) R 1 (b c)')})
        (thread,) = [thread for thread in processes.threads(reader, PID)
                     if thread.tid == 4011]
        self.assertEqual(('fifo', 3), (thread.policy, thread.priority))

    def test_a_thread_that_ends_meanwhile(self):
        reader = self.reader({f'proc/{PID}/task/4014/stat': None})
        self.assertNotIn(4014, [
            thread.tid for thread in processes.threads(reader, PID)])

    def test_areas(self):
        areas = processes.areas(self.reader(), PID)
        self.assertEqual(
            [(65536, 'bind', {0}, {}), (65536, 'bind', {0}, {0: 2048})],
            [(area.size_kib, area.policy, area.nodes, area.kib)
             for area in areas if area.policy != 'default'])
        self.assertEqual(
            {'/usr/bin/qemu-system-x86_64'},
            {area.file for area in areas[:5]})
        self.assertEqual({0: 1031 * 4}, areas[0].kib)

    def test_each_kind_of_area(self):
        reader = self.reader({
            f'proc/{PID}/maps': (
                '10000-20000 rw-p 0 0:0 0\n20000-60000 rw-s 0 0:0 0\n'
                '00060000-00070000 rw-p 0 0:0 0\n70000-80000 rw-p 0 0:0 0'),
            f'proc/{PID}/numa_maps': (
                '10000 prefer (many):0-1 anon=3 dirty=3 N0=1 N1=2 '
                'kernelpagesize_kB=4\n'
                '20000 bind=static:1 '
                'file=/dev/hugepages/libvirt/ram-node0.x\\\\x0040(deleted) '
                'huge dirty=2 N1=2 kernelpagesize_kB=2048\n'
                '60000 weighted interleave:0-1\n'
                '70000 local')})
        self.assertEqual([
            (64, 'prefer (many)', {0, 1}, '', 4, {0: 4, 1: 8}),
            (256, 'bind', {1},
             '/dev/hugepages/libvirt/ram-node0.x\\x0040(deleted)', 2048,
             {1: 4096}),
            (64, 'weighted interleave', {0, 1}, '', 4, {}),
            (64, 'local', set(), '', 4, {}),
        ], [(area.size_kib, area.policy, area.nodes, area.file, area.page_kib,
             area.kib) for area in processes.areas(reader, PID)])

    def test_areas_that_cannot_be_read(self):
        self.assertIsNone(processes.areas(
            self.reader({f'proc/{PID}/numa_maps': None}), PID))

    def test_limits(self):
        reader = self.useFixture(tree.Tree(
            tree.saved('epyc'),
            {'proc/900/status': STATUS.format('000001fffeffffff')})).reader
        self.assertIs(False, processes.may_raise_limits(reader, 900))
        self.assertEqual(8192, processes.most_locked_kib(reader, 900))
        self.assertEqual(128, processes.locked_kib(reader, 900))

    def test_no_limits(self):
        limits = tree.saved('epyc')['proc/900/limits'].replace(
            '8388608             ', 'unlimited           ')
        reader = self.useFixture(tree.Tree({
            'proc/900/limits': limits,
            'proc/900/status': STATUS.format('0000000001000000')})).reader
        self.assertIs(True, processes.may_raise_limits(reader, 900))
        self.assertEqual(
            float('inf'), processes.most_locked_kib(reader, 900))

    def test_what_is_absent(self):
        reader = self.reader()
        self.assertIsNone(processes.may_raise_limits(reader, 1))
        self.assertIsNone(processes.most_locked_kib(reader, 1))
        self.assertIsNone(processes.locked_kib(reader, 1))
        self.assertEqual((), processes.threads(reader, 1))
        self.assertEqual((), processes.command_line(reader, 1))
