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

from nova_numa_ext.verify import memory_promises
from tests.unit.verify import base

TWO_NODES = '''
<memory unit='KiB'>131072</memory>
<numatune>
  <memory mode='strict' nodeset='0-1'/>
  <memnode cellid='0' mode='strict' nodeset='0'/>
  <memnode cellid='1' mode='{mode}' nodeset='1'/>
</numatune>
<memoryBacking>{backing}</memoryBacking>
<cpu><numa>
  <cell id='0' cpus='0-1' memory='65536' unit='KiB'/>
  <cell id='1' cpus='2-3' memory='64' unit='MiB'/>
</numa></cpu>
'''
LOW = '7f5ddbc00000 bind:0'
HIGH = '7f5ddfe00000 bind:0 anon=512 dirty=512 active=0 N0=512'


class MemoryTest(base.TestCase):
    """A host of two nodes; on the saved one there is one."""

    def two_nodes(self, mode='strict', backing=''):
        self.defined = '<domain>%s</domain>' % TWO_NODES.format(
            mode=mode, backing=backing)

    def guest_nodes(self, low, high=HIGH):
        self.change('numa_maps', LOW, low)
        self.change('numa_maps', HIGH, high)

    def got(self):
        return [(row.subject, row.got, row.kept) for row in self.rows()]

    def test_on_one_node(self):
        self.assertIn(
            ('guest node 0', 'host nodes', '0 strict',
             '2.0 MiB on 0, 0.0 % remote', True),
            [(row.subject, row.promise, row.asked, row.got, row.kept)
             for row in self.rows()])
        self.assertIn(('guest node 1', 'none used yet', True), self.got())

    def test_each_where_it_should_be(self):
        self.two_nodes()
        self.guest_nodes('7f5ddbc00000 bind:1 anon=256 N1=256')
        self.assertEqual([
            ('guest node 0', '2.0 MiB on 0, 0.0 % remote', True),
            ('guest node 1', '1.0 MiB on 1, 0.0 % remote', True),
        ], self.got())

    def test_the_order_does_not_tell_nodes_of_different_policies(self):
        self.two_nodes()
        self.guest_nodes(
            '7f5ddbc00000 bind:0 anon=256 N0=256',
            '7f5ddfe00000 bind:1 anon=512 N1=512')
        self.assertEqual([
            ('guest node 0', '1.0 MiB on 0, 0.0 % remote', True),
            ('guest node 1', '2.0 MiB on 1, 0.0 % remote', True),
        ], self.got())

    def test_pages_that_were_moved(self):
        self.two_nodes()
        self.guest_nodes('7f5ddbc00000 bind:1 anon=256 N0=64 N1=192')
        self.assertEqual(
            ('guest node 1', '0.2 MiB on 0, 0.8 MiB on 1, 25.0 % remote',
             False), self.got()[1])

    def test_another_policy(self):
        self.two_nodes()
        self.guest_nodes('7f5ddbc00000 interleave:0-1')
        self.assertEqual(
            ('guest node 1', 'none used yet, policy interleave 0-1', False),
            self.got()[1])

    def test_preferred_may_be_elsewhere(self):
        self.two_nodes(mode='preferred')
        self.guest_nodes('7f5ddbc00000 prefer (many):1 anon=256 N0=256')
        self.assertEqual(
            ('guest node 1', '1.0 MiB on 0, 100.0 % remote', True),
            self.got()[1])

    def test_restrictive_has_no_policy_of_its_own(self):
        self.two_nodes(mode='restrictive')
        self.guest_nodes('7f5ddbc00000 default anon=256 N1=256')
        self.assertEqual(
            ('guest node 1', '1.0 MiB on 1, 0.0 % remote', True),
            self.got()[1])

    def test_huge_pages_are_told_by_their_names(self):
        page = '<hugepages><page size="2" unit="MiB" nodeset="0-1"/>'
        self.two_nodes(backing=f'{page}</hugepages>')
        huge = ('bind:{} file=/dev/hugepages/libvirt/qemu/1-x/'
                'qemu_back_mem._objects_ram-node{}.abc huge dirty=32 '
                'N{}=32 kernelpagesize_kB=2048')
        self.guest_nodes(
            '7f5ddbc00000 ' + huge.format(0, 0, 0),
            '7f5ddfe00000 ' + huge.format(1, 1, 1))
        self.assertEqual([
            ('guest node 0', '64.0 MiB on 0, 0.0 % remote', True),
            ('guest node 1', '64.0 MiB on 1, 0.0 % remote', True),
            ('guest node 0', '2048 KiB', True),
            ('guest node 1', '2048 KiB', True),
        ], self.got())

    def test_small_pages_instead_of_huge_ones(self):
        page = '<page size="1048576" unit="KiB" nodeset="1"/>'
        self.two_nodes(backing=f'<hugepages>{page}</hugepages>')
        self.guest_nodes('7f5ddbc00000 bind:1 anon=256 N1=256')
        self.assertBroken(('guest node 1', 'page size', '1048576 KiB',
                           '4 KiB'))

    def test_a_guest_without_nodes(self):
        self.defined = (
            '<domain><memory unit="KiB">65536</memory>'
            '<numatune><memory mode="strict" nodeset="0"/></numatune>'
            '</domain>')
        self.assertEqual(
            [('memory', '2.0 MiB on 0, 0.0 % remote', True)], self.got())

    def test_what_only_root_may_read(self):
        self.files[f'{base.PROC}/numa_maps'] = None
        self.two_nodes(backing='<hugepages><page size="2048"/></hugepages>')
        self.assertEqual(
            {('guest node 0', 'cannot be read', None),
             ('guest node 1', 'cannot be read', None)}, set(self.got()))

    def test_memory_that_is_not_there(self):
        self.change('numa_maps', LOW, '7f5ddbc00001 bind:0')
        self.assertIn(('guest node 1', 'not found in QEMU', None), self.got())


class LockedTest(base.TestCase):

    def judged(self, backing, locked):
        self.defined = (
            '<domain><memory unit="KiB">131072</memory>'
            f'<memoryBacking>{backing}<locked/></memoryBacking></domain>')
        self.change('status', 'VmLck:\t       0', f'VmLck:\t{locked}')
        (row,) = [row for row in self.rows() if row.promise == 'locked']
        return row.got, row.kept

    def test_not_locked(self):
        self.assertEqual(('0.0 MiB', False), self.judged('', 0))

    def test_locked(self):
        self.assertEqual(('1500.0 MiB', True), self.judged('', 1536000))

    def test_less_than_all(self):
        self.assertEqual(('64.0 MiB', False), self.judged('', 65536))

    def test_huge_pages_are_not_counted(self):
        pages = '<hugepages><page size="2048"/></hugepages>'
        self.assertEqual(('64.0 MiB', True), self.judged(pages, 65536))

    def test_huge_pages_and_nothing_locked(self):
        pages = '<hugepages><page size="2048"/></hugepages>'
        self.assertEqual(('0.0 MiB', False), self.judged(pages, 0))

    def test_unreadable(self):
        promise = memory_promises.Locked(1)
        self.files[f'{base.PROC}/status'] = None
        self.assertEqual(('cannot be read', None), self.judge(promise))


class NotSharedTest(base.TestCase):

    def test_kept(self):
        self.assertEqual(
            ('none', True), self.judge(memory_promises.NotShared()))

    def test_pages_that_are_merged(self):
        self.files[f'{base.PROC}/ksm_merging_pages'] = '12'
        self.assertBroken(('memory', 'shared pages', 'none', '12 merged'))

    def test_a_qemu_that_lets_them_be(self):
        self.change('cmdline', 'mem-merge=off', 'mem-merge=on')
        self.assertBroken(
            ('memory', 'shared pages', 'none', 'QEMU lets pages be merged'))
