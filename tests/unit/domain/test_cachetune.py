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


import dataclasses

import ddt

from nova_numa_ext import policy
from nova_numa_ext.domain import cachetune
from nova_numa_ext.domain.cachetune import Allocation
from tests import golden
from tests.unit.domain import base

PINNED = {'host': 'cat-2-sockets', 'cells': golden.nodes([0, 1], [4, 5])}


def specs(text):
    return {**golden.nova(cpu_policy='dedicated'),
            **golden.specs(l3_allocation=text)}


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(cachetune.configure(base.guest(
            golden.specs(ksm='off'), **PINNED)))

    @ddt.data(
        ('0:4MiB', [Allocation(frozenset({0, 1}), 0, 4096)]),
        ('1:2048KiB', [Allocation(frozenset({2, 3}), 1, 2048)]),
        ('1:20MiB,0:2MiB', [Allocation(frozenset({0, 1}), 0, 2048),
                            Allocation(frozenset({2, 3}), 1, 20480)]),
    )
    @ddt.unpack
    def test_of_the_caches_that_it_stands_on(self, text, expected):
        self.assertEqual(
            cachetune.CacheTune(tuple(expected)),
            cachetune.configure(base.guest(specs(text), **PINNED)))

    @ddt.data(
        ('0:2049KiB', '2049 KiB of node 0 are no multiple of 1024 KiB, as '
         'L3 0 here wants. Use a multiple.'),
        ('1:1MiB', '1024 KiB of node 1 are less than L3 1 here gives, 2048 '
         'KiB. Ask for more.'),
        ('1:21MiB', '21504 KiB are more than L3 1 here has, 20480 KiB. Ask '
         'for less.'),
    )
    @ddt.unpack
    def test_size(self, text, message):
        refused = self.refused(cachetune.configure, specs(text), **PINNED)

        self.assertEqual(
            f"flavor numa_ext:l3_allocation='{text}': {message}",
            str(refused))

    def test_sum_of_nodes_on_one_cache(self):
        cells = golden.nodes([0, 1], [2, 3])
        fields = {**PINNED, 'cells': cells}
        self.assertEqual(2, len(cachetune.configure(base.guest(
            specs('0:10MiB,1:10MiB'), **fields)).allocations))

        refused = self.refused(
            cachetune.configure, specs('0:10MiB,1:11MiB'), **fields)

        self.assertIn('21504 KiB are more than L3 0', str(refused))

    def test_no_such_node(self):
        refused = self.refused(
            cachetune.configure, specs('2:4MiB'), kind=policy.InvalidRequest,
            **PINNED)

        self.assertIn('no node 2', refused.reason)

    def test_node_on_two_caches(self):
        refused = self.refused(
            cachetune.configure, specs('0:4MiB'),
            **{**PINNED, 'cells': golden.nodes([3, 4])})

        self.assertIn(
            'node 0 is not within one L3 of this host, but on 0, 1',
            refused.reason)

    def test_node_on_none(self):
        refused = self.refused(
            cachetune.configure, specs('0:4MiB'),
            **{**PINNED, 'cells': golden.nodes([3, 40])})

        self.assertIn('not within one L3', refused.reason)

    def test_no_resctrl(self):
        for cells in (PINNED['cells'], golden.unpinned(2, 2)):
            refused = self.refused(
                cachetune.configure, specs('0:4MiB'), cells=cells)

            self.assertEqual(
                'libvirt can allocate no L3 on this host', refused.reason)

    def test_one_cache_that_cannot(self):
        made = base.guest(specs('0:4MiB'), **PINNED)
        first, second = made.host.banks
        made = dataclasses.replace(made, host=dataclasses.replace(
            made.host, banks=(
                dataclasses.replace(first, granularity_kib=0), second)))

        refused = self.assertRaises(
            policy.HostCannot, cachetune.configure, made)

        self.assertIn('L3 0', refused.reason)

    def test_not_placed_yet(self):
        self.assertIsNone(cachetune.configure(base.guest(
            specs('0:3KiB'),
            **{**PINNED, 'cells': golden.unpinned(2, 2)})))


class TestWrite(base.ElementTestCase):

    def test_allocations(self):
        self.assertWrites(
            '<cputune><vcpupin/><cachetune vcpus="0-1">'
            '<cache id="3" level="3" size="4096" type="both" unit="KiB"/>'
            '</cachetune><cachetune vcpus="2">'
            '<cache id="4" level="3" size="2048" type="both" unit="KiB"/>'
            '</cachetune></cputune>',
            cachetune.CacheTune((
                Allocation(frozenset({0, 1}), 3, 4096),
                Allocation(frozenset({2}), 4, 2048))),
            '<cputune><vcpupin/></cputune>')
