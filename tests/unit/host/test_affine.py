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

from nova_numa_ext.host import affine
from nova_numa_ext.topology import host
from tests.unit.domain import test_standing
from tests.unit.host import tree

HOST = host.HostTopology('x86_64', tuple(
    host.HostCell(number, frozenset(range(4 * number, 4 * number + 4)), 1024)
    for number in (0, 1)), {}, ())
#: Of the guest's memory three quarters are on node 0.
NUMA_MAPS = (
    '55a4ff8cd000 default file=/usr/bin/qemu-system-x86_64 mapped=9 N1=9 '
    'kernelpagesize_kB=4\n'
    '7f5ddbc00000 default anon=768 dirty=768 N0=512 N1=256 '
    'kernelpagesize_kB=4\n'
    '7f5ddfe00000 default file=/memfd:pc.ram\\040(deleted) dirty=1 N0=256 '
    'kernelpagesize_kB=4')


def files(numa_maps=NUMA_MAPS):
    return {**tree.saved('guest'), 'proc/4000/numa_maps': numa_maps}


class AffineTest(testtools.TestCase):

    def guest(self, live, defined=None, numa_maps=NUMA_MAPS):
        reader = self.useFixture(tree.Tree(files(numa_maps))).reader
        return affine.of_guest(reader, HOST, live, defined)

    def test_where_a_guest_is(self):
        found = self.guest(test_standing.domain())
        self.assertEqual(affine.Affine(
            'instance-00000001', 2, 'soft', frozenset({0}),
            {0: 3072, 1: 1024}), found)
        self.assertEqual(0.25, found.remote)

    def test_a_guest_without_a_place_is_remote_nowhere(self):
        found = self.guest(test_standing.domain(place=''))
        self.assertEqual(frozenset({0, 1}), found.nodes)
        self.assertEqual(0, found.remote)

    def test_memory_that_cannot_be_read(self):
        found = self.guest(test_standing.domain(), numa_maps=None)
        self.assertEqual((None, None), (found.kib, found.remote))

    def test_no_memory_yet(self):
        found = self.guest(
            test_standing.domain(), numa_maps='7f5ddbc00000 default')
        self.assertEqual(({}, None), (found.kib, found.remote))

    def test_one_that_waits_for_its_next_start(self):
        live = test_standing.domain('strict')
        later = live.replace("'0-3'", "'4-7'")
        self.assertEqual(
            frozenset({1}), self.guest(live, later).next_nodes)
        self.assertIsNone(self.guest(live, live).next_nodes)

    def test_who_asks_for_none(self):
        self.assertIsNone(self.guest(test_standing.domain('none')))
