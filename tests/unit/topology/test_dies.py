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


import ddt
from hypothesis import given
from hypothesis import strategies
import testtools

from nova_numa_ext.topology import dies
from nova_numa_ext.topology import guest
from nova_numa_ext.topology import host

# Eight L3s of four CPUs.
HOST = host.HostTopology(
    'x86_64', (), {},
    tuple(frozenset(range(low, low + 4)) for low in range(0, 32, 4)))


def found(topology, cpus, host_=HOST):
    return dies.dies(
        guest.CpuTopology(*topology), dict(enumerate(cpus)), host_)


@ddt.ddt
class TestDies(testtools.TestCase):

    @ddt.data(
        ((1, 8, 1), range(8), 2),
        ((1, 4, 2), range(8), 2),
        ((1, 16, 1), range(16), 4),
        ((2, 8, 1), range(16), 2),
        ((1, 4, 1), [0, 1, 4, 5], 2),
        ((1, 3, 1), [0, 4, 8], 3),
        ((2, 4, 1), [0, 1, 4, 5, 2, 3, 6, 7], 2),
    )
    @ddt.unpack
    def test_groups(self, topology, cpus, expected):
        self.assertEqual(expected, found(topology, cpus))

    @ddt.data(
        # All on one.
        ((1, 4, 1), range(4)),
        ((4, 1, 1), [0, 4, 8, 12]),
        # Uneven.
        ((1, 4, 1), [0, 1, 2, 4]),
        ((1, 6, 1), range(6)),
        # Not in blocks.
        ((1, 4, 1), [0, 4, 1, 5]),
        ((1, 4, 1), [0, 4, 5, 1]),
        # Back on the first.
        ((1, 6, 1), [0, 1, 4, 5, 2, 3]),
        # Threads of a core are of one die.
        ((1, 3, 2), [0, 1, 2, 4, 5, 6]),
        # Sockets that differ.
        ((2, 4, 1), [0, 1, 4, 5, 8, 9, 10, 11]),
        # Not all of them pinned, or to CPUs of no L3.
        ((1, 8, 1), range(7)),
        ((1, 8, 1), range(28, 36)),
    )
    @ddt.unpack
    def test_none(self, topology, cpus):
        self.assertEqual(1, found(topology, cpus))

    def test_caches_unknown(self):
        self.assertEqual(1, found(
            (1, 8, 1), range(8), host.HostTopology('x86_64', (), {}, ())))

    @given(strategies.data())
    def test_each_die_is_within_one_l3(self, data):
        sockets, cores, threads = (
            data.draw(strategies.integers(1, most)) for most in (3, 8, 2))
        count = sockets * cores * threads
        # Runs of CPUs: a list of any would hardly ever have dies.
        run = data.draw(strategies.sampled_from((1, 2, 4)))
        starts = data.draw(strategies.permutations(range(0, 48, run)))
        cpus = [start + at for start in starts for at in range(run)][:count]
        wide = host.HostTopology('x86_64', (), {}, tuple(
            frozenset(range(low, low + 4)) for low in range(0, 48, 4)))

        number = found((sockets, cores, threads), cpus, wide)

        self.assertEqual(0, cores % number)
        if number > 1:
            size = cores // number * threads
            blocks = [{wide.l3_of(cpu) for cpu in cpus[low:low + size]}
                      for low in range(0, count, size)]
            self.assertEqual({1}, {len(block) for block in blocks})
            for first in range(0, len(blocks), number):
                self.assertEqual(
                    number, len(set().union(*blocks[first:first + number])))
