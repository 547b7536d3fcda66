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
from lxml import etree
import testtools

from nova_numa_ext.domain import iothreads
from nova_numa_ext.domain.iothreads import IoThread
from nova_numa_ext.topology import cpuset
from tests import golden
from tests.unit.domain import base

PER_NODE = golden.specs(iothreads='per-node')
DISK = ('<disk%s><driver name="qemu"%s/><target dev="vd%s" bus="%s"/>'
        '</disk>')
SCSI = '<controller type="scsi" model="%s">%s</controller>'


def disk(name='a', bus='virtio', thread=None, kind=''):
    uses = f' iothread="{thread}"' if thread else ''
    return DISK % (kind, uses, name, bus)


def scsi(model='virtio-scsi', thread=None):
    uses = f'<driver iothread="{thread}"/>' if thread else ''
    return SCSI % (model, uses)


def domain(*devices, tune='', head=''):
    return f'{head}{tune}<cpu/><devices>{"".join(devices)}</devices>'


def threads(count):
    ids = ''.join(f'<iothread id="{n}"/>' for n in range(1, count + 1))
    return (f'<iothreads>{count}</iothreads><iothreadids>{ids}'
            '</iothreadids>')


@ddt.ddt
class TestThreads(testtools.TestCase):

    def beside(self, specs, **fields):
        found = iothreads.configure(base.guest(specs, **fields))
        return [set(thread.beside) for thread in found.threads]

    def test_not_asked_for(self):
        self.assertIsNone(iothreads.configure(base.guest(
            golden.specs(cpu_cache='disable'))))

    @ddt.data(('off', []), ('1', [set()]), ('3', [set(), set(), set()]))
    @ddt.unpack
    def test_number(self, asked, expected):
        self.assertEqual(expected, self.beside(
            golden.specs(iothreads=asked), cells=golden.unpinned(2, 2)))

    @ddt.data(
        ((), [set()]),
        (golden.unpinned(2, 2), [{0, 1}, {2, 3}]),
        (golden.nodes([0, 1], [2, 3]), [{0, 1}, {2, 3}]),
        # Where others run anyway, before a CPU that a vCPU has to itself.
        (({0: 4, 1: None}, {2: 5, 3: 6}), [{1}, {2, 3}]),
    )
    @ddt.unpack
    def test_per_node(self, cells, expected):
        self.assertEqual(expected, self.beside(PER_NODE, cells=cells))

    def test_per_node_beside_realtime_vcpus(self):
        self.assertEqual([{0}, set()], self.beside(
            PER_NODE, cells=golden.nodes([0, 1], [2, 3]),
            realtime=frozenset({1, 2, 3})))


@ddt.ddt
class TestWrite(base.ElementTestCase):

    def test_round_robin(self):
        self.assertWrites(
            domain(disk('a', thread=1), disk('b', thread=2),
                   disk('c', thread=1), scsi(thread=2), head=threads(2)),
            iothreads.IoThreads((IoThread(), IoThread())),
            domain(disk('a'), disk('b'), disk('c'), scsi()))

    def test_what_cannot_use_them_does_not(self):
        others = (disk('b', 'ide'), disk('c', 'scsi'),
                  disk('d', kind=' type="vhostuser"'), scsi('lsilogic'),
                  '<controller type="usb" model="virtio-scsi"/>')
        self.assertWrites(
            domain(disk(thread=1), *others, head=threads(1)),
            iothreads.IoThreads((IoThread(),)), domain(disk(), *others))

    def test_a_disk_without_driver(self):
        self.assertWrites(
            domain('<disk><target bus="virtio"/><driver iothread="1"/>'
                   '</disk>', head=threads(1)),
            iothreads.IoThreads((IoThread(),)),
            domain('<disk><target bus="virtio"/></disk>'))

    @ddt.data(
        (iothreads.IoThreads(()), 'virtio'),
        # Nothing can use them.
        (iothreads.IoThreads((IoThread(),)), 'ide'),
    )
    @ddt.unpack
    def test_novas_idle_thread_goes(self, element, bus):
        self.assertWrites(
            domain(disk(bus=bus), tune='<cputune><emulatorpin cpuset="1"/>'
                   '</cputune>'),
            element,
            domain(disk(bus=bus), head='<iothreads>1</iothreads>',
                   tune='<cputune><emulatorpin cpuset="1"/>'
                   '<iothreadpin iothread="1" cpuset="1"/></cputune>'))

    def test_pins(self):
        novas = (
            '<emulatorpin cpuset="3-5"/><vcpupin vcpu="0" cpuset="8-9"/>'
            '<vcpupin vcpu="1" cpuset="10"/><vcpupin vcpu="2" cpuset="11"/>')
        self.assertWrites(
            domain(disk(thread=1), head=threads(3),
                   tune=f'<cputune>{novas}'
                   '<iothreadpin cpuset="8-10" iothread="1"/>'
                   '<iothreadpin cpuset="11" iothread="2"/>'
                   '<iothreadpin cpuset="3-5" iothread="3"/></cputune>'),
            iothreads.IoThreads((
                IoThread(frozenset({0, 1})), IoThread(frozenset({2})),
                IoThread())),
            domain(disk(), tune=f'<cputune>{novas}</cputune>'))

    def test_no_pins_where_nova_has_none(self):
        self.assertWrites(
            domain(disk(thread=1), head=threads(1),
                   tune='<cputune><shares/></cputune>'),
            iothreads.IoThreads((IoThread(frozenset({0})),)),
            domain(disk(), tune='<cputune><shares/></cputune>'))


@ddt.ddt
class TestLeastUsed(testtools.TestCase):

    @ddt.data(
        (domain(disk()), None),
        (domain(disk(), head='<iothreads/>'), None),
        (domain(disk(), head='<iothreads>0</iothreads>'), None),
        (domain(head=threads(2)), 1),
        (domain(disk(thread=1), head=threads(2)), 2),
        (domain(disk(thread=1), disk('b', thread=2), scsi(thread=1),
                head=threads(2)), 2),
        (domain(disk(thread=1), disk('b', thread=2), head=threads(2)), 1),
        # One that came without a thread is no use of one.
        (domain(disk(), scsi(), head=threads(2)), 1),
    )
    @ddt.unpack
    def test_least_used(self, xml, expected):
        self.assertEqual(expected, iothreads.least_used(
            etree.fromstring(f'<domain>{xml}</domain>')))


class TestAnyGuest(testtools.TestCase):

    @given(
        cells=strategies.lists(
            strategies.lists(strategies.booleans(), min_size=1, max_size=4),
            min_size=1, max_size=4),
        disks=strategies.integers(0, 6))
    def test_no_thread_on_a_realtime_cpu_and_each_pinned(self, cells, disks):
        """Of each vCPU it says whether it is realtime."""
        flat = [realtime for cell in cells for realtime in cell]
        flat[0] = False
        realtime = frozenset(
            vcpu for vcpu, yes in enumerate(flat) if yes)
        groups, first = [], 0
        for cell in cells:
            groups.append(range(first, first + len(cell)))
            first += len(cell)
        guest = base.guest(
            PER_NODE, vcpus=first, cells=golden.nodes(*groups),
            realtime=realtime)
        pins = ''.join(f'<vcpupin vcpu="{vcpu}" cpuset="{vcpu}"/>'
                       for vcpu in range(first))
        emulator = cpuset.show(set(range(first)) - realtime)
        tree = etree.fromstring('<domain>' + domain(
            *(disk(name) for name in 'abcdef'[:disks]),
            tune=f'<cputune>{pins}<emulatorpin cpuset="{emulator}"/>'
            '</cputune>') + '</domain>')

        iothreads.configure(guest).write(tree)

        found = {
            pin.get('iothread'): cpuset.parse(pin.get('cpuset'))
            for pin in tree.findall('cputune/iothreadpin')}
        self.assertEqual(len(cells) if disks else 0, len(found))
        for cpus in found.values():
            self.assertEqual(frozenset(), cpus & realtime)
        used = {driver.get('iothread')
                for driver in tree.findall('devices/disk/driver')}
        self.assertLessEqual(used, set(found))
        self.assertEqual(min(disks, len(found)), len(used))
