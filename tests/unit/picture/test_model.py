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

from nova_numa_ext.picture import model
from nova_numa_ext.topology import host
from tests import golden
from tests.unit.picture import maps


class TestHostMap(testtools.TestCase):

    def test_siblings_are_side_by_side(self):
        (cache,) = maps.small().nodes[0].caches

        self.assertEqual('L3', cache.name)
        self.assertEqual([[0, 4], [1, 5]],
                         [[cpu.id for cpu in core] for core in cache.cores])

    def test_groups_of_caches(self):
        found = model.host_map(host.from_capabilities(
            golden.host_xml('epyc-2-nodes')), 'epyc')

        self.assertEqual(
            [[0, 16, 1, 17, 2, 18, 3, 19], [4, 20, 5, 21, 6, 22, 7, 23]],
            [[cpu.id for core in cache.cores for cpu in core]
             for cache in found.nodes[0].caches])
        self.assertEqual('L3, 16 MiB', found.nodes[0].caches[0].name)
        self.assertEqual('free', found.nodes[0].cpus[0].stand.use)

    def test_cache_of_several_nodes(self):
        found = model.host_map(
            host.HostTopology(
                'x86_64', (host.HostCell(0, frozenset({0}), 1),
                           host.HostCell(1, frozenset({1}), 1)),
                {}, (frozenset({0, 1}),)), 'host')

        self.assertEqual(
            ['L3, shared with other nodes'],
            [cache.name for cache in found.nodes[1].caches])

    def test_unknown_cache(self):
        (cache,) = maps.small().nodes[1].caches

        self.assertEqual('', cache.name)

    def test_offline_cpu_has_no_siblings(self):
        found = model.host_map(
            host.HostTopology(
                'x86_64', (host.HostCell(0, frozenset({0, 1}), 1),), {}, ()),
            'host')

        (cache,) = found.nodes[0].caches
        self.assertEqual(2, len(cache.cores))

    def test_legend(self):
        self.assertEqual(
            [('.', 'free'), ('v0', 'vCPU pinned there'),
             ('r1', 'realtime vCPU pinned there'),
             ('E', 'emulator threads only'), ('-', 'not for guests')],
            [(cpu.label, meaning) for cpu, meaning in maps.small().legend])

    def test_size(self):
        for kib, text in (
            (0, '0 KiB'), (4, '4 KiB'), (2048, '2 MiB'), (1 << 20, '1 GiB'),
            (3 << 19, '1.5 GiB'), (10 << 20, '10 GiB'), (1 << 30, '1 TiB'),
        ):
            self.assertEqual(text, model.size(kib))

    def test_words(self):
        node = maps.small().nodes[0]

        self.assertEqual('node 0: 4 GiB, 3 GiB free', model.title_of(node))
        self.assertEqual(
            ('guest node 0: 1 GiB', 'pages of 2 MiB: 512, 0 free'),
            model.memory_lines(node.memory))
