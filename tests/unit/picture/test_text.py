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

from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.picture import model
from nova_numa_ext.picture import text
from nova_numa_ext.picture import words
from tests.unit.picture import maps

SMALL = """\
compute-1
┌─ node 0: 4 GiB, 3 GiB free ─┐ ┌─ node 1: 4 GiB ─────────────┐
│ L3                          │ │ ┌───────┬───────┐           │
│ ┌───────┬───────┐           │ │ │  2  6 │  3  7 │           │
│ │  0  4 │  1  5 │           │ │ │  .  . │  .  - │           │
│ │ v0 r1 │  E  . │           │ │ └───────┴───────┘           │
│ └───────┴───────┘           │ │                             │
│ guest node 0: 1 GiB         │ │                             │
│ pages of 2 MiB: 512, 0 free │ │                             │
│ emulator: CPU 1             │ │                             │
└─────────────────────────────┘ └─────────────────────────────┘
Below each CPU what is on it:   . free   v0 vCPU pinned there
r1 realtime vCPU pinned there   E emulator threads only
- not for guests
web <1>
CPU 7 is offline.
"""

NARROW = """\
compute-1
+- node 0: 4 GiB, 3 G... +
| L3                     |
| +-------+-------+      |
| |  0  4 |  1  5 |      |
| | v0 r1 |  E  . |      |
| +-------+-------+      |
| guest node 0: 1 GiB    |
| pages of 2 MiB: 512, 0 |
|   free                 |
| emulator: CPU 1        |
+------------------------+
"""


class TestText(testtools.TestCase):

    def test_small(self):
        self.assertEqual(SMALL, text.draw(maps.small(), 64))

    def test_narrow_in_ascii(self):
        drawn = text.draw(maps.small(), 26, ascii_only=True)

        self.assertEqual(NARROW, drawn[:len(NARROW)])

    def test_colour(self):
        drawn = text.draw(maps.small(), colour=True)

        self.assertIn('\033[1mcompute-1\033[0m', drawn)
        self.assertIn(' \033[36mv0\033[0m \033[1;36mr1\033[0m ', drawn)

    def test_cores_of_a_row(self):
        """A cache with more cores than there is room for takes more rows."""
        cache = model.Cache('', tuple((model.Cpu(n),) for n in range(5)))
        node = model.Node(0, model.Memory(1 << 20), (cache,))

        self.assertEqual(
            ['┌─ node 0: 1 GiB ───┐',
             '│ ┌───┬───┬───┬───┐ │',
             '│ │ 0 │ 1 │ 2 │ 3 │ │',
             '│ │ . │ . │ . │ . │ │',
             '│ └───┴───┴───┴───┘ │',
             '│ ┌───┐             │',
             '│ │ 4 │             │',
             '│ │ . │             │',
             '│ └───┘             │',
             '└───────────────────┘'],
            text.draw(model.HostMap('h', (node,)), 24).splitlines()[1:11])

    def test_name_of_a_small_cache(self):
        cache = model.Cache('L3, 16 MiB', ((model.Cpu(0),),))
        node = model.Node(0, model.Memory(4), (cache,))

        self.assertIn('│ L3, 16 MiB',
                      text.draw(model.HostMap('h', (node,)), 40))

    @given(maps.MAPS, st.integers(0, 200), st.booleans())
    @example(model.HostMap('', ()), 0, True)
    def test_no_line_is_too_long(self, host_map, width, ascii_only):
        drawn = text.draw(host_map, width, ascii_only)

        for line in drawn.splitlines():
            self.assertLessEqual(words.width(line),
                                 max(width, text.LEAST_WIDTH))
        self.assertNotIn('\033', drawn)
        if ascii_only:
            drawn.encode('ascii')

    @given(maps.MAPS)
    def test_each_cpu_is_drawn(self, host_map):
        drawn = text.draw(host_map, 200).split()

        for node in host_map.nodes:
            for cpu in node.cpus:
                self.assertIn(str(cpu.id), drawn)
