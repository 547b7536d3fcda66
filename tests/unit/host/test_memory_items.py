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

from nova_numa_ext.host import memory_items
from tests.unit.host import base
from tests.unit.host import tree

RT = 'realtime'
THP = 'sys/kernel/mm/transparent_hugepage/enabled'
NODE = 'sys/devices/system/node'


class MemoryItemsTest(base.TestCase):

    def test_ksm(self):
        path = 'sys/kernel/mm/ksm/run'
        self.assertItem('stopped', True, memory_items.ksm, RT)
        self.assertItem('running', False, memory_items.ksm, RT, {path: '1'})
        self.assertItem('not in this kernel', True, memory_items.ksm, RT,
                        {path: None})

    def test_transparent_huge_pages(self):
        function = memory_items.transparent_huge_pages
        self.assertItem('not in this kernel', True, function, RT)
        self.assertItem('always', False, function, 'debian')
        for word in ('never', 'madvise'):
            self.assertItem(word, True, function, 'debian',
                            {THP: f'always [{word}]'})

    def test_numa_balancing(self):
        function = memory_items.numa_balancing
        self.assertItem('not in this kernel', True, function, RT)
        self.assertItem('0', True, function, 'debian')
        self.assertItem('1', False, function, 'epyc')

    def test_huge_pages(self):
        function = memory_items.huge_pages
        self.assertItem(
            'node 0: 64 of 2 MiB (64 free); node 1: 64 of 2 MiB (64 free)',
            True, function, RT)
        self.assertItem('node 0: none', False, function, 'debian')
        # Of the node of the dedicated CPUs only.
        pages = f'{NODE}/node0/hugepages/hugepages-2048kB/nr_hugepages'
        self.assertItem('node 1: 32 of 2 MiB (32 free)', True, function,
                        'epyc', {pages: '0'})
        self.assertItem(
            'node 0: none; node 1: 32 of 2 MiB (32 free)', False, function,
            'epyc', {pages: '0'}, dedicated={0, 4})

    def test_huge_pages_of_two_sizes(self):
        folder = f'{NODE}/node0/hugepages/hugepages-1048576kB'
        self.assertItem(
            'node 0: 4 of 1 GiB (1 free)', True, memory_items.huge_pages,
            'debian', {f'{folder}/nr_hugepages': '4',
                       f'{folder}/free_hugepages': '1'})

    def test_swap(self):
        self.assertItem('none', True, memory_items.swap, RT)
        self.assertItem('/dev/sda5, swappiness 60', False,
                        memory_items.swap, 'debian')
        self.assertItem('/dev/sda5, swappiness 10', True, memory_items.swap,
                        'debian', {'proc/sys/vm/swappiness': '10'})

    def test_locking(self):
        function = memory_items.locking
        self.assertItem('libvirtd with CAP_SYS_RESOURCE', True, function, RT)
        self.assertItem('libvirtd without CAP_SYS_RESOURCE, 8 MiB', False,
                        function, 'epyc')
        self.assertItem('no libvirtd to be seen', None, function, 'epyc',
                        {'proc/900/comm': 'bash'})
        limits = tree.saved('epyc')['proc/900/limits']
        self.assertItem(
            'libvirtd without CAP_SYS_RESOURCE, no limit', True, function,
            'epyc', {'proc/900/limits': limits.replace(
                '8388608             ', 'unlimited           ')})
        self.assertItem('libvirtd, limit unknown', None, function, 'epyc',
                        {'proc/900/limits': None})

    def test_misses(self):
        function = memory_items.misses
        self.assertItem('node 0: 0.0 %; node 1: 0.0 %', True, function, RT)
        self.assertItem('node 0: 6.7 %; node 1: 0.0 %', False, function,
                        'epyc')
        self.assertItem('unknown', None, function, 'debian',
                        {f'{NODE}/node0/numastat': None})
