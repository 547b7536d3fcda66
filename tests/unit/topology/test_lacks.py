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

GIB = 1 << 20
ROOM = lacks.Room(0, 8, 4, 64 * GIB)
PAGED = lacks.Room(0, 8, 4, 64 * GIB, {4: 12 * GIB // 4, 2048: 512,
                                       GIB: 16})


class TestLacks(testtools.TestCase):

    def words(self, want, room=ROOM):
        return [str(lack) for lack in lacks.lacks(want, room)]

    def test_nothing(self):
        self.assertEqual([], self.words(lacks.Want(0, 8, 4, 64 * GIB)))

    def test_cpus_and_memory(self):
        self.assertEqual(
            ['guest node 2 on host node 0: dedicated CPUs: 9 wanted, 8 there',
             'guest node 2 on host node 0: shared CPUs: 5 wanted, 4 there',
             'guest node 2 on host node 0: memory: 65 GiB wanted, 64 GiB '
             'there'],
            self.words(lacks.Want(2, 9, 5, 65 * GIB)))

    def test_small_pages_have_what_huge_ones_leave(self):
        self.assertEqual([], self.words(
            lacks.Want(0, 1, 0, 12 * GIB), PAGED))
        self.assertEqual(
            ['guest node 0 on host node 0: memory in pages of 4 KiB: 13 GiB '
             'wanted, 12 GiB there'],
            self.words(lacks.Want(0, 1, 0, 13 * GIB), PAGED))
        self.assertEqual(
            self.words(lacks.Want(0, 1, 0, 13 * GIB), PAGED),
            self.words(lacks.Want(0, 1, 0, 13 * GIB, lacks.SMALL), PAGED))

    def test_one_size(self):
        self.assertEqual([], self.words(
            lacks.Want(0, 1, 0, 16 * GIB, GIB), PAGED))
        self.assertEqual(
            ['guest node 0 on host node 0: pages of 1 GiB: 17 wanted, 16 '
             'there'], self.words(lacks.Want(0, 1, 0, 17 * GIB, GIB), PAGED))

    def test_size_that_there_is_not(self):
        self.assertEqual(
            ['guest node 0 on host node 0: pages of 512 MiB: 2 wanted, 0 '
             'there'],
            self.words(lacks.Want(0, 1, 0, GIB, GIB // 2), PAGED))

    def test_any_large_size(self):
        self.assertEqual([], self.words(
            lacks.Want(0, 1, 0, GIB, lacks.LARGE), PAGED))
        self.assertEqual(
            ['guest node 0 on host node 0: pages of 2 MiB: 10240 wanted, '
             '512 there',
             'guest node 0 on host node 0: pages of 1 GiB: 20 wanted, 16 '
             'there'],
            self.words(lacks.Want(0, 1, 0, 20 * GIB, lacks.LARGE), PAGED))

    def test_any_size(self):
        self.assertEqual([], self.words(
            lacks.Want(0, 1, 0, 12 * GIB + 4, lacks.ANY),
            lacks.Room(0, 8, 4, 64 * GIB, {4: 13 * GIB // 4, GIB: 16})))

    @given(st.builds(
        lacks.Want, st.just(0), st.integers(0, 9), st.integers(0, 9),
        st.integers(1, 99 * GIB),
        st.none() | st.sampled_from([-1, -2, -3, 4, 2048])))
    def test_host_without_pages(self, want):
        """Nothing is lacking of what there is enough of, and no crash."""
        for lack in lacks.lacks(want, ROOM):
            self.assertGreater(lack.wanted, lack.there)
