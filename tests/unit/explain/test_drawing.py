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

from lxml import etree
import testtools

from nova_numa_ext.explain import drawing
from nova_numa_ext.picture import model
from nova_numa_ext.topology import host
from tests import golden

GIB = 1 << 20
DOMAIN = """\
<domain>
  <memory>8388608</memory>
  <vcpu>6</vcpu>
  <iothreads>2</iothreads>
  <numatune>
    <memory mode='strict' nodeset='0-1'/>
    <memnode cellid='0' mode='strict' nodeset='0'/>
    <memnode cellid='1' mode='strict' nodeset='1'/>
  </numatune>
  <cputune>
    <vcpupin vcpu='0' cpuset='2'/>
    <vcpupin vcpu='1' cpuset='18'/>
    <vcpupin vcpu='2' cpuset='3'/>
    <vcpupin vcpu='3' cpuset='8-9,24-25'/>
    <vcpupin vcpu='4' cpuset='8-9,24-25'/>
    <vcpupin vcpu='5' cpuset='8-9,24-25'/>
    <emulatorpin cpuset='19'/>
    <iothreadpin iothread='1' cpuset='19'/>
    <iothreadpin iothread='2' cpuset='8-9,24-25'/>
    <vcpusched vcpus='1-2' scheduler='fifo' priority='1'/>
    <vcpusched vcpus='0' scheduler='batch'/>
  </cputune>
  <cpu mode='host-passthrough'>
    <topology sockets='2' dies='1' cores='3' threads='1'/>
    <cache mode='passthrough'/>
    <numa>
      <cell id='0' cpus='0-2' memory='6291456'/>
      <cell id='1' cpus='3-5' memory='2097152'/>
    </numa>
  </cpu>
</domain>
"""
PLAIN = '<domain><memory>1048576</memory><vcpu>1</vcpu></domain>'


class TestDrawing(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = host.from_capabilities(
            golden.host_xml('intel-2-sockets'))
        self.all = frozenset(range(32))

    def draw(self, xml=DOMAIN, usable=None, pages=None):
        return drawing.host_map(
            self.host, 'title', etree.fromstring(xml),
            self.all if usable is None else usable, pages or {})

    def labels(self, drawn, *cpus):
        """Return what is on CPUs, by label and use."""
        found = {cpu.id: cpu for node in drawn.nodes for cpu in node.cpus}
        return [(found[cpu].label, found[cpu].stand.use) for cpu in cpus]

    def test_pinned(self):
        self.assertEqual(
            [('0', 'vcpu'), ('r1', 'realtime'), ('r2', 'realtime'),
             ('E', 'emulator'), ('.', 'free')],
            self.labels(self.draw(), 2, 18, 3, 19, 0))

    def test_unpinned(self):
        self.assertEqual([('~', 'shared')] * 2,
                         self.labels(self.draw(), 8, 25))

    def test_unusable(self):
        self.assertEqual(
            [('.', 'free'), ('-', 'out'), ('0', 'vcpu')],
            self.labels(self.draw(usable=self.all - {31}), 30, 31, 2))

    def test_two_on_a_cpu(self):
        xml = DOMAIN.replace("cpuset='18'", "cpuset='2'")

        self.assertEqual([('r0,1', 'realtime')],
                         self.labels(self.draw(xml), 2))

    def test_memory(self):
        pages = (model.Pages(2048, 512, 256),)
        drawn = self.draw(pages={0: pages})

        memory = drawn.nodes[0].memory
        self.assertEqual((model.Share('guest node 0', 6 * GIB, 0),),
                         memory.shares)
        self.assertEqual(memory.total_kib - 6 * GIB, memory.free_kib)
        self.assertEqual(pages, memory.pages)

    def test_memory_of_several_nodes(self):
        xml = DOMAIN.replace("cellid='1' mode='strict' nodeset='1'",
                             "cellid='1' mode='interleave' nodeset='0-1'")

        for node in self.draw(xml).nodes:
            self.assertIn('guest node 1: 2 GiB on nodes 0-1', node.lines)

    def test_lines(self):
        near, far = self.draw().nodes

        self.assertEqual(('emulator, IO thread 1: CPU 19',), near.lines)
        self.assertEqual(('vCPUs 3-5: CPUs 8-9,24-25',
                          'IO thread 2: CPUs 8-9,24-25'), far.lines)

    def test_guest_that_is_pinned_nowhere(self):
        drawn = self.draw(PLAIN, self.all - {0})

        self.assertEqual([('-', 'out'), ('~', 'shared')],
                         self.labels(drawn, 0, 31))
        self.assertEqual(
            ('vCPU 0: CPUs 1-7,16-23, and others',
             'emulator: CPUs 1-7,16-23, and others'), drawn.nodes[0].lines)
        self.assertEqual(('The 1 GiB of memory come from any node.',),
                         drawn.notes)

    def test_emulator_that_runs_anywhere(self):
        xml = DOMAIN.replace("<emulatorpin cpuset='19'/>", '')

        for usable in (self.all, self.all - {31}, frozenset()):
            self.assertEqual([('.', 'free')],
                             self.labels(self.draw(xml, usable), 30))

    def test_guest_of_the_shared_set(self):
        drawn = self.draw(PLAIN.replace('<vcpu>', "<vcpu cpuset='4-5'>"))

        self.assertEqual([('~', 'shared'), ('.', 'free')],
                         self.labels(drawn, 5, 6))


class TestWords(testtools.TestCase):

    def words(self, xml):
        return drawing.guest_words(etree.fromstring(xml))

    def test_all(self):
        self.assertEqual(
            '6 vCPUs, 8 GiB, 2 sockets x 3 cores x 1 thread, 2 NUMA nodes, '
            "the host's L3", self.words(DOMAIN))

    def test_little(self):
        self.assertEqual('1 vCPU, 1 GiB, no NUMA nodes', self.words(PLAIN))

    def test_dies_and_caches(self):
        xml = DOMAIN.replace("dies='1'", "dies='3'")
        for mode, said in (('emulate', 'made up by QEMU'),
                           ('disable', 'no L3')):
            words = self.words(xml.replace("cache mode='passthrough'",
                                           f"cache mode='{mode}'"))
            self.assertIn('2 sockets x 3 dies x 3 cores', words)
            self.assertIn(said, words)
