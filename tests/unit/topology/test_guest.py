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


import itertools

import ddt
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.topology import guest
from nova_numa_ext.topology import host
from tests import golden

ANY = guest.Limits()
INTEL = host.from_capabilities(golden.host_xml('intel-2-sockets'))
EPYC = host.from_capabilities(golden.host_xml('epyc-2-nodes'))
FOUR = host.from_capabilities(golden.host_xml('intel-4-sockets'))


def cell(vcpus, pins=()):
    vcpus = list(vcpus)
    return guest.GuestCell(frozenset(vcpus), dict(zip(vcpus, pins)))


def cells(*groups):
    """Return cells with consecutive vCPUs pinned to these groups of CPUs."""
    numbers = itertools.count()
    return [cell([next(numbers) for _cpu in group], group)
            for group in groups]


def pairs(cores, distance=16):
    """Return CPUs core by core, each with its sibling beside it."""
    return [cpu for core in cores for cpu in (core, core + distance)]


def told(topology):
    return (topology.sockets, topology.cores, topology.threads)


def pins_of(guest_cells):
    return {vcpu: cpu for one in guest_cells
            for vcpu, cpu in one.pins.items()}


@ddt.ddt
class TestCpuTopology(testtools.TestCase):

    def fit(self, vcpus, guest_cells=(), host_=INTEL, limits=ANY):
        found = guest.cpu_topology(
            vcpus, guest_cells, host_.siblings, limits)
        return found and told(found)

    @ddt.data(1, 2, 7, 32)
    def test_no_nodes(self, vcpus):
        self.assertEqual((1, vcpus, 1), self.fit(vcpus))

    def test_four_nodes(self):
        nodes = [cell(range(low, low + 8)) for low in range(0, 32, 8)]

        self.assertEqual((4, 8, 1), self.fit(32, nodes))

    def test_four_pinned_nodes(self):
        nodes = cells(*(sorted(one.cpus) for one in FOUR.cells))

        self.assertEqual((4, 8, 1), self.fit(32, nodes, FOUR))

    def test_siblings(self):
        self.assertEqual(
            (2, 4, 2), self.fit(16, cells(pairs(range(4)),
                                          pairs(range(8, 12)))))

    def test_siblings_of_one_node(self):
        self.assertEqual((1, 2, 2), self.fit(4, cells(pairs([0, 1]))))

    @ddt.data(
        [0, 1, 2, 3],               # no siblings
        [0, 1, 16, 17],             # siblings, but not side by side
        [0, 16, 1, 2],              # not all
        [16, 1, 17, 0],             # across cores
        [0, 16, 1, 99],             # a CPU that the host does not have
    )
    def test_no_threads(self, pinned):
        self.assertEqual((1, 4, 1), self.fit(4, cells(pinned)))

    def test_some_vcpus_without_pin(self):
        """A mixed guest: nothing is known of where the others run."""
        nodes = [guest.GuestCell(frozenset(range(4)), {0: 0, 1: 16})]

        self.assertEqual((1, 4, 1), self.fit(4, nodes))

    def test_four_siblings(self):
        core = frozenset(range(4))
        siblings = dict.fromkeys(core, core)
        found = guest.cpu_topology(4, cells(range(4)), siblings, ANY)

        self.assertEqual((1, 1, 4), told(found))

    def test_uneven_nodes(self):
        self.assertEqual(
            (3, 2, 1), self.fit(6, [cell(range(4)), cell(range(4, 6))]))

    def test_scattered_nodes(self):
        self.assertEqual(
            (4, 1, 1), self.fit(4, [cell([0, 2]), cell([1, 3])]))

    @ddt.data(
        # Whole nodes where the limits leave them possible.
        (guest.Limits(sockets=4), (4, 2, 1)),
        (guest.Limits(cores=1), (8, 1, 1)),
        # A socket spans nodes only where fewer sockets are asked for.
        (guest.Limits(sockets=2), (1, 8, 1)),
        (guest.Limits(sockets=2, cores=4), (2, 4, 1)),
        (guest.Limits(sockets=1, cores=4), None),
        (guest.Limits(sockets=0), None),
    )
    @ddt.unpack
    def test_limits(self, limits, expected):
        nodes = [cell(range(low, low + 2)) for low in range(0, 8, 2)]

        self.assertEqual(expected, self.fit(8, nodes, limits=limits))

    def test_threads_are_limited(self):
        self.assertEqual(
            (1, 4, 1), self.fit(4, cells(pairs([0, 1])),
                                limits=guest.Limits(threads=1)))

    def test_threads_where_cores_are_limited(self):
        self.assertEqual(
            (1, 2, 2), self.fit(4, cells(pairs([0, 1])),
                                limits=guest.Limits(cores=2)))

    @given(st.data())
    def test_against_all_topologies(self, data):
        vcpus = data.draw(st.integers(1, 12))
        placed = data.draw(st.lists(
            st.integers(0, 2), min_size=vcpus, max_size=vcpus).map(sorted)
            | st.lists(st.integers(0, 2), min_size=vcpus, max_size=vcpus))
        cpus = data.draw(st.permutations(range(32))
                         | st.just(pairs(range(16))))
        pinned = data.draw(st.integers(0, vcpus))
        nodes = [
            guest.GuestCell(
                frozenset(members),
                {vcpu: cpus[vcpu] for vcpu in members if vcpu < pinned})
            for node in range(3)
            if (members := [vcpu for vcpu in range(vcpus)
                            if placed[vcpu] == node])
        ]
        limit = st.sampled_from([1, 2, 3, 4, 6, 65536])
        limits = guest.Limits(*(data.draw(limit) for _part in range(3)))

        found = guest.cpu_topology(vcpus, nodes, INTEL.siblings, limits)

        self.assertEqual(
            oracle(vcpus, placed, cpus[:pinned], limits),
            found and told(found))

    @given(st.integers(1, 700), st.integers(1, 16))
    def test_even_nodes_get_a_socket_each(self, cores, nodes):
        guest_cells = [cell(range(node * cores, (node + 1) * cores))
                       for node in range(nodes)]

        self.assertEqual(
            (nodes, cores, 1), self.fit(nodes * cores, guest_cells))


def oracle(vcpus, placed, pins, limits):
    """Return the best of all topologies, by trying each."""
    best = None
    for sockets, cores, threads in itertools.product(
            range(1, vcpus + 1), repeat=3):
        if sockets * cores * threads != vcpus:
            continue
        if (sockets > limits.sockets or cores > limits.cores
                or threads > limits.threads):
            continue
        if threads > 1 and not all(
            vcpu < len(pins)
            and pins[vcpu] % 16 == pins[vcpu - vcpu % threads] % 16
            for vcpu in range(vcpus)
        ):
            continue
        socket_of = [vcpu // (cores * threads) for vcpu in range(vcpus)]
        spans = any(
            placed[a] != placed[b]
            for a, b in itertools.combinations(range(vcpus), 2)
            if socket_of[a] == socket_of[b])
        rank = (spans, -threads, sockets)
        if best is None or rank < best[0]:
            best = rank, (sockets, cores, threads)
    return best and best[1]


class TestSharesCachesAsHost(testtools.TestCase):

    def shares(self, host_, *groups, limited=True):
        guest_cells = cells(*groups)
        fitted = guest.cpu_topology(
            sum(map(len, groups)), guest_cells, host_.siblings, ANY)
        return guest.shares_caches_as_host(
            fitted, pins_of(guest_cells), host_, limited)

    def test_intel_whole_sockets(self):
        self.assertTrue(self.shares(
            INTEL, pairs(range(8)), pairs(range(8, 16))))

    def test_intel_parts_of_sockets(self):
        """QEMU limits the sharing of leaf 4 to the guest's socket."""
        self.assertTrue(self.shares(
            INTEL, pairs(range(2)), pairs(range(8, 10))))
        self.assertTrue(self.shares(INTEL, pairs([5])))

    def test_intel_parts_of_sockets_with_an_older_qemu(self):
        """Its guest's sockets would share, as the CPUs of the host do."""
        self.assertFalse(self.shares(
            INTEL, pairs(range(2)), pairs(range(8, 10)), limited=False))
        self.assertTrue(self.shares(
            INTEL, pairs(range(8)), pairs(range(8, 16)), limited=False))
        self.assertTrue(self.shares(INTEL, pairs([5]), limited=False))

    def test_intel_without_siblings(self):
        """The host's L1 and L2 are shared by two, the guest's must not be."""
        self.assertFalse(self.shares(INTEL, range(8), range(8, 16)))
        self.assertFalse(self.shares(INTEL, [0, 1, 16, 17]))

    def test_no_smt(self):
        self.assertTrue(self.shares(FOUR, range(8), range(8, 16)))
        self.assertTrue(self.shares(
            FOUR, *(sorted(one.cpus) for one in FOUR.cells)))

    def test_two_nodes_on_one_cache(self):
        self.assertFalse(self.shares(FOUR, range(4), range(4, 8)))

    def test_socket_over_two_caches(self):
        self.assertFalse(self.shares(FOUR, range(4, 12)))
        self.assertFalse(self.shares(FOUR, range(16)))

    def test_epyc_groups_of_a_node(self):
        self.assertTrue(self.shares(EPYC, pairs(range(8))))
        self.assertTrue(self.shares(
            EPYC, pairs(range(8)), pairs(range(8, 16))))
        self.assertTrue(self.shares(EPYC, pairs([4, 5, 6, 7, 0, 1, 2, 3])))

    def test_epyc_one_group(self):
        self.assertTrue(self.shares(EPYC, pairs(range(4))))
        self.assertTrue(self.shares(EPYC, pairs(range(4)),
                                    pairs(range(8, 12))))
        self.assertTrue(self.shares(EPYC, pairs(range(2))))

    def test_epyc_across_groups(self):
        """Groups of the guest that are not those of the host."""
        self.assertFalse(self.shares(EPYC, pairs(range(2, 6))))
        self.assertFalse(self.shares(EPYC, pairs(range(6))))
        self.assertFalse(self.shares(
            EPYC, pairs([0, 4, 1, 5, 2, 6, 3, 7])))

    def test_epyc_sockets_smaller_than_a_group(self):
        """AMD's leaf is not limited: the guest's sockets would share."""
        self.assertFalse(self.shares(EPYC, pairs(range(2)),
                                     pairs(range(8, 10))))

    def test_epyc_groups_of_six(self):
        """Three cores a group, as some models have: no power of two."""
        six = host.HostTopology(
            'x86_64', (), EPYC.siblings,
            tuple(frozenset(pairs(range(low, low + 3)))
                  for low in range(0, 15, 3)), 'AMD')

        self.assertTrue(self.shares(six, pairs(range(3))))
        self.assertTrue(self.shares(six, pairs(range(3)), pairs(range(3, 6))))
        self.assertFalse(self.shares(six, pairs(range(6))))

    def test_intel_socket_over_two_caches(self):
        """Leaf 4 counts numbers that CPUs could have: 16 may stand for 8."""
        interleaved = host.HostTopology(
            'x86_64', (), INTEL.siblings, INTEL.l3, 'Intel')

        self.assertFalse(self.shares(interleaved, pairs(range(16))))

    def test_vcpu_without_pin(self):
        pins = dict(enumerate(range(7)))

        self.assertFalse(guest.shares_caches_as_host(
            guest.CpuTopology(1, 8, 1), pins, FOUR, True))

    def test_nothing_pinned(self):
        self.assertFalse(guest.shares_caches_as_host(
            guest.CpuTopology(1, 1, 1), {}, FOUR, True))

    def test_caches_unknown(self):
        unknown = host.HostTopology('x86_64', (), FOUR.siblings, (), 'Intel')

        self.assertFalse(self.shares(unknown, range(8)))
