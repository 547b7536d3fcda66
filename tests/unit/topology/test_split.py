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

from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.topology import lacks
from nova_numa_ext.topology import split

GIB = 1 << 20


def room(node=0, dedicated=8, shared=8, memory_gib=16, pages=None):
    return lacks.Room(node, dedicated, shared, memory_gib * GIB, pages or {})


def guest(vcpus=8, memory_mib=8192, dedicated=False, page_kib=None,
          reserved=0):
    return split.Guest(
        vcpus, frozenset(range(vcpus) if dedicated else ()), memory_mib,
        page_kib, reserved)


GUESTS = st.integers(1, 48).flatmap(lambda vcpus: st.builds(
    split.Guest, st.just(vcpus),
    st.just(frozenset()) | st.just(frozenset(range(vcpus)))
    | st.frozensets(st.integers(0, vcpus - 1)),
    st.integers(1, 1 << 12) | st.sampled_from([1024, 3072, 12288, 49152]),
    st.sampled_from([None, -1, -2, -3, 4, 2048, GIB]), st.integers(0, 1)))
HOSTS = st.lists(
    st.builds(
        lacks.Room, st.just(0), st.integers(0, 16), st.integers(0, 16),
        st.integers(0, 16 * GIB), st.just({}) | st.fixed_dictionaries({
            4: st.integers(0, 1 << 22), 2048: st.integers(0, 4096)})),
    min_size=1, max_size=6,
).map(lambda rooms: [
    lacks.Room(node, found.dedicated, found.shared, found.memory_kib,
               found.pages)
    for node, found in enumerate(rooms)])


class TestSplits(testtools.TestCase):

    def test_even(self):
        self.assertEqual((1, 2, 4, 8), guest(8).splits(16))
        self.assertEqual((1, 2), guest(8).splits(3))
        self.assertEqual((1, 3), guest(6, 3075).splits(16))
        self.assertEqual((1,), guest(7, 1024).splits(16))

    def test_whole_pages(self):
        self.assertEqual(
            (1, 2), guest(8, 2048, page_kib=GIB).splits(16))
        self.assertEqual((), guest(8, 1536, page_kib=GIB).splits(16))
        # Which size it will be depends on the host.
        self.assertEqual(
            (1, 2, 4, 8), guest(8, 2048, page_kib=lacks.LARGE).splits(16))

    def test_nodes(self):
        mixed = split.Guest(6, frozenset({0, 1, 2, 3}), 3072, None, 1)
        self.assertEqual(
            [(0, 4, 0, GIB * 3 // 2), (1, 1, 2, GIB * 3 // 2)],
            [(want.node, want.dedicated, want.shared, want.memory_kib)
             for want in mixed.nodes(2)])


class TestCandidates(testtools.TestCase):

    def test_one_where_it_fits(self):
        self.assertEqual(
            (1, 2), split.candidates(guest(8), [room(0), room(1)], 16))

    def test_two_where_one_has_too_little(self):
        for small in (guest(12), guest(12, dedicated=True),
                      guest(4, 20480)):
            self.assertEqual(
                (2,), split.candidates(small, [room(0), room(1)], 16))

    def test_nodes_that_are_full_are_passed_over(self):
        rooms = [room(0), room(1, 0, 0, 0), room(2)]
        self.assertEqual((2,), split.candidates(guest(12), rooms, 16))
        self.assertEqual(
            (), split.candidates(guest(12), rooms[:2], 16))

    def test_nodes_that_differ(self):
        mixed = split.Guest(8, frozenset(range(4)), 4096)
        rooms = [room(0, 0, 4), room(1, 4, 0)]
        self.assertEqual((2,), split.candidates(mixed, rooms, 16))
        # Both halves would want the same one.
        self.assertEqual(
            (), split.candidates(mixed, [room(0, 4, 0), room(1, 4, 0)], 16))

    def test_most(self):
        self.assertEqual(
            (), split.candidates(guest(12), [room(0), room(1)], 1))

    @given(GUESTS, HOSTS, st.integers(1, 16))
    def test_even_and_never_over_what_a_node_has(self, asked, rooms, most):
        for number in split.candidates(asked, rooms, most):
            self.assertLessEqual(number, min(most, len(rooms)))
            wants = asked.nodes(number)
            self.assertEqual(asked.vcpus, sum(
                want.dedicated + want.shared for want in wants
            ) - asked.reserved)
            self.assertEqual(
                {asked.memory_mib * 1024 // number},
                {want.memory_kib for want in wants})
            self.assertEqual(
                asked.memory_mib * 1024, sum(
                    want.memory_kib for want in wants))
            for want in wants:
                self.assertTrue(any(
                    want.dedicated <= found.dedicated
                    and want.shared <= found.shared for found in rooms))

    @given(GUESTS, HOSTS)
    def test_never_more_than_needed(self, asked, rooms):
        """Nodes of a host that is whole need no split."""
        found = split.candidates(asked, rooms, 16)
        if any(not lacks.lacks(asked.nodes(1)[0], place) for place in rooms):
            if asked.splits(1):
                self.assertEqual(1, found[0])
        self.assertEqual(tuple(sorted(found)), found)

    @given(GUESTS, HOSTS, st.data())
    def test_more_room_is_never_worse(self, asked, rooms, data):
        before = split.candidates(asked, rooms, 16)
        number = data.draw(st.integers(0, len(rooms) - 1))
        old = rooms[number]
        rooms[number] = lacks.Room(
            old.node, old.dedicated + 4, old.shared + 4,
            old.memory_kib + GIB,
            {size: count + 512 for size, count in old.pages.items()})
        self.assertLessEqual(
            set(before), set(split.candidates(asked, rooms, 16)))


class TestWhyNot(testtools.TestCase):

    def why(self, asked, *rooms, most=16, only=None):
        return split.why_not(asked, rooms, most, only)

    def test_what_the_nodes_lack(self):
        self.assertEqual(
            'cell 1 lacks 2 free dedicated CPUs',
            self.why(guest(12, dedicated=True), room(0), room(1, 4)))
        self.assertEqual(
            'cell 0 lacks 1 free dedicated CPU',
            self.why(guest(7, dedicated=True), room(0, 6), most=1))
        self.assertEqual(
            'cell 0 lacks 4 free shared CPUs and 4 GiB of free memory, '
            'cell 1 lacks 12 free shared CPUs and 4 GiB of free memory',
            self.why(guest(24, 40960), room(0), room(1, shared=0)))

    def test_many(self):
        self.assertEqual(
            'cell 0 lacks 1 free shared CPU, cell 1 lacks 1 free shared CPU '
            'and others',
            self.why(guest(36), *(room(node) for node in range(4))))

    def test_pages(self):
        pages = {4: 1 << 18, 2048: 512}
        self.assertEqual(
            'cell 1 lacks 512 free pages of 2 MiB',
            self.why(guest(8, 3072, page_kib=2048),
                     room(0, pages={4: 0, 2048: 1024}),
                     room(1, pages={4: 0, 2048: 256})))
        self.assertEqual(
            "the guest's memory is not whole pages of hw:mem_page_size",
            self.why(guest(8, 1023, page_kib=2048), room(0, pages=pages)))

    def test_what_the_flavor_allows(self):
        self.assertEqual(
            'the guest takes 2 NUMA nodes, and numa_ext:numa_max_nodes '
            'allows 1', self.why(guest(12), room(0), room(1), most=1))

    def test_what_nova_alone_knows(self):
        self.assertEqual(
            'Nova finds no place for 1 or 2 NUMA nodes that suits '
            'hw:cpu_thread_policy, devices and networks',
            self.why(guest(8), room(0), room(1)))

    def test_nodes_that_differ(self):
        self.assertEqual(
            'too few cells have room for the 2 NUMA nodes of the guest, '
            'which differ',
            self.why(split.Guest(8, frozenset(range(4)), 4096),
                     room(0, 4, 0), room(1, 4, 0)))

    def test_only_one_number(self):
        self.assertEqual(
            'the host has 1 NUMA node',
            self.why(guest(8), room(0), only=2))
        self.assertEqual(
            'cell 0 lacks 2 free shared CPUs',
            self.why(guest(8), room(0, shared=2), room(1), only=2))

    def test_what_nodes_near_devices_lack(self):
        pinned = guest(4, dedicated=True)
        rooms = [room(0), room(1, 0), room(2, 0), room(3, 0)]
        for near, expected in (
            ([1], 'its devices are near cell 1, which lacks 1 free dedicated '
                  'CPU'),
            ([1, 2, 3],
             'its devices are near cell 1, which lacks 1 free dedicated CPU, '
             'or cell 2, which lacks 1 free dedicated CPU'),
            ([0, 1], 'Nova finds no place for 1 NUMA node that suits '
                     'hw:cpu_thread_policy, devices and networks'),
            ([], 'Nova finds no place for 1 NUMA node that suits '
                 'hw:cpu_thread_policy, devices and networks'),
        ):
            self.assertEqual(
                expected, split.why_not(pinned, rooms, 16, near=near))
        self.assertEqual(
            'its devices are near cell 1, which lacks 4 free dedicated CPUs',
            split.lacking(pinned.nodes(1), rooms, [1]))

    def test_nodes_that_are_given(self):
        wants = guest(12, dedicated=True).nodes(2)
        self.assertEqual(
            'cell 1 lacks 2 free dedicated CPUs',
            split.lacking(wants, [room(0), room(1, 4)]))
        self.assertEqual(
            'the host has 1 NUMA node', split.lacking(wants, [room(0)]))
        self.assertIsNone(split.lacking(wants, [room(0), room(1)]))

    @given(GUESTS, HOSTS, st.integers(1, 16), st.none() | st.integers(1, 7))
    def test_there_is_always_a_reason(self, asked, rooms, most, only):
        reason = split.why_not(asked, rooms, most, only)
        self.assertTrue(reason)
        self.assertLessEqual(len(reason), 190)
