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

import hypothesis
from hypothesis import strategies as st
from nova import exception
from nova import objects
from nova.pci import stats
from nova.pci import whitelist
from oslo_utils.fixture import uuidsentinel as uuids
import testtools

from nova_numa_ext.virt import vnuma

objects.register_all()

AUTO = {'numa_ext:numa_nodes': 'auto'}
GIB = 1024
#: All of a node's memory.
SMALL = ((4, 1 << 20, 0),)


def flavor(vcpus=4, memory_mb=GIB, **specs):
    return objects.Flavor(vcpus=vcpus, memory_mb=memory_mb, extra_specs={
        **AUTO, **{name.replace('__', ':'): value
                   for name, value in specs.items()}})


def image(**properties):
    return objects.ImageMeta(
        properties=objects.ImageMetaProps(**properties))


def cell(number, cpus=8, used=0, pinned=0, memory_mb=4 * GIB, memory_used=0,
         pages=(), shared=True, dedicated=True, threads=2):
    """Return a node of a host.

    :param used: vCPUs that share its CPUs
    :param pages: sizes in KiB, how many there are, and how many are used
    """
    numbers = range(number * 64, number * 64 + cpus)
    return objects.NUMACell(
        id=number,
        cpuset=set(numbers) if shared else set(),
        pcpuset=set(numbers) if dedicated else set(),
        memory=memory_mb, cpu_usage=used, memory_usage=memory_used,
        pinned_cpus=set(numbers[:pinned]) if dedicated else set(),
        socket=number,
        siblings=[set(numbers[low:low + threads])
                  for low in range(0, cpus, threads)],
        mempages=[objects.NUMAPagesTopology(
            size_kb=size, total=total, used=taken, reserved=0)
            for size, total, taken in pages])


def host(*cells):
    return objects.NUMATopology(cells=list(cells))


def limits(cpu=2.0, ram=1.0):
    return objects.NUMATopologyLimits(
        cpu_allocation_ratio=cpu, ram_allocation_ratio=ram)


def devices(*nodes):
    """Return the pools of a host with a device near each of some nodes."""
    found = stats.PciDeviceStats(
        objects.NUMATopology(cells=[]),
        dev_filter=whitelist.Whitelist([]))
    found.pools = [
        {'vendor_id': '8086', 'product_id': '1528', 'numa_node': node,
         'count': 1, 'dev_type': 'type-PCI'} for node in nodes]
    return found


def device(policy=None):
    """Return a request for one of these devices."""
    return objects.InstancePCIRequest(
        count=1, request_id=uuids.device, alias_name='card',
        numa_policy=policy,
        spec=[{'vendor_id': '8086', 'product_id': '1528'}])


def splits(topology, allowed=None, **kwargs):
    return list(vnuma.splitter(flavor(**kwargs), image()).splits(
        topology, allowed))


@st.composite
def hosts(draw):
    cells = []
    for number in range(draw(st.integers(1, 4))):
        cpus = 2 * draw(st.integers(0, 4))
        size = draw(st.integers(1, 8)) * GIB
        huge = draw(st.integers(0, size // 2))
        pages = draw(st.sampled_from([(), (
            (4, (size - 2 * huge) * 256, 0),
            (2048, huge, draw(st.integers(0, huge))))]))
        cells.append(cell(
            number, cpus, draw(st.integers(0, 16)),
            draw(st.integers(0, cpus)), size,
            draw(st.integers(0, size)), pages,
            draw(st.booleans()), draw(st.booleans())))
    return host(*cells)


SPECS = st.sampled_from([
    {},
    {'hw__cpu_policy': 'shared'},
    {'hw__cpu_policy': 'dedicated'},
    {'hw__cpu_policy': 'dedicated', 'hw__cpu_thread_policy': 'isolate'},
    {'hw__cpu_policy': 'dedicated', 'hw__cpu_thread_policy': 'require'},
    {'hw__cpu_policy': 'dedicated',
     'hw__emulator_threads_policy': 'isolate'},
    {'hw__cpu_policy': 'mixed', 'hw__cpu_dedicated_mask': '^0'},
    {'hw__cpu_policy': 'mixed', 'hw__cpu_dedicated_mask': '0-1'},
])
PAGE_SIZES = st.sampled_from([None, 'small', 'large', 'any', '2MB', '1GB'])


class AgainstNovaTest(testtools.TestCase):

    @hypothesis.given(
        hosts(), SPECS, PAGE_SIZES, st.integers(3, 24),
        st.sampled_from([512, 1000, 1536, 2048, 6144, 12288]),
        st.none() | st.builds(
            limits, st.sampled_from([0.5, 1.0, 2.0]),
            st.sampled_from([1.0, 1.5])),
        st.integers(1, 16))
    @hypothesis.settings(max_examples=150, deadline=None)
    def test_as_good_as_each_number_by_itself(
            self, there, specs, page, vcpus, memory_mb, allowed, most):
        """What fits with hw:numa_nodes=N is found, and the least N first."""
        if page:
            specs = {**specs, 'hw__mem_page_size': page}
        asked = flavor(vcpus, memory_mb, numa_ext__numa_max_nodes=str(most),
                       **specs)
        explicit = []
        for number in range(1, min(most, len(there)) + 1):
            plain = vnuma.with_nodes(asked, number)
            try:
                wanted = vnuma.hardware.numa_get_constraints(plain, image())
            except exception.ImageNUMATopologyAsymmetric:
                continue
            if vnuma.fit(there, wanted, allowed) is not None:
                explicit.append(number)

        splitter = vnuma.splitter(asked, image())
        self.assertEqual(explicit, list(splitter.splits(there, allowed)))
        for number in explicit:
            self.assertEqual(number, len(splitter.wanted(number)))
        if not explicit:
            self.assertTrue(splitter.why_not(there, allowed))

    @hypothesis.given(st.lists(
        st.tuples(st.integers(1, 12), st.integers(1, 6), st.booleans()),
        max_size=12))
    @hypothesis.settings(max_examples=50, deadline=None)
    def test_no_node_is_ever_over_what_it_has(self, guests):
        there = host(*(cell(number, pages=SMALL) for number in range(4)))
        for vcpus, gib, is_dedicated in guests:
            specs = {'hw__cpu_policy': 'dedicated'} if is_dedicated else {}
            splitter = vnuma.splitter(
                flavor(vcpus, gib * GIB, **specs), image())
            for number in splitter.splits(there, limits()):
                placed = vnuma.fit(there, splitter.wanted(number), limits())
                there = vnuma.hardware.numa_usage_from_instance_numa(
                    there, placed)
                break
            for node in there.cells:
                self.assertLessEqual(node.memory_usage, node.memory)
                self.assertLessEqual(node.cpu_usage, 2 * len(node.cpuset))

    def test_guests_that_fit_are_not_scattered(self):
        """As many guests of half a node fit as there are halves."""
        there = host(*(cell(number, pages=SMALL) for number in range(4)))
        splitter = vnuma.splitter(
            flavor(4, 2 * GIB, hw__cpu_policy='dedicated'), image())
        for _ in range(8):
            self.assertEqual(1, next(splitter.splits(there, None)))
            there = vnuma.hardware.numa_usage_from_instance_numa(
                there, vnuma.fit(there, splitter.wanted(1)))
        self.assertEqual([], list(splitter.splits(there, None)))


class SplitterTest(testtools.TestCase):

    def test_who_is_split(self):
        self.assertIsNotNone(vnuma.splitter(flavor(), image()))
        for asked, properties in (
            (objects.Flavor(vcpus=1, memory_mb=1), {}),
            (objects.Flavor(vcpus=1, memory_mb=1, extra_specs={}), {}),
            (flavor(hw__numa_nodes='2'), {}),
            (flavor(), {'hw_numa_nodes': 2}),
            (flavor(), {'hw_numa_cpus': [{0}, {1}]}),
            # Nova refuses these.
            (flavor(hw__cpu_policy='none'), {}),
            (flavor(hw__cpu_thread_policy='isolate'), {}),
        ):
            self.assertIsNone(vnuma.splitter(asked, image(**properties)))

    def test_the_flavor_stays_as_it_is(self):
        asked = flavor()
        asked.obj_reset_changes(recursive=True)
        self.assertEqual(
            '2', vnuma.with_nodes(asked, 2).extra_specs['hw:numa_nodes'])
        self.assertNotIn('hw:numa_nodes', asked.extra_specs)
        self.assertEqual(set(), asked.obj_what_changed())

    def test_nothing_is_promised_to_one_guest_twice(self):
        """Whatever the ratios, no node has more vCPUs than CPUs."""
        there = host(cell(0), cell(1))
        self.assertEqual([2], splits(there, limits(16.0), vcpus=12))
        self.assertEqual([], splits(there, limits(16.0), vcpus=18))

    def test_to_the_last_mib_and_cpu(self):
        for ratio, used, last in (1.0, 1, 3 * GIB), (1.5, 2, 4 * GIB):
            for pages in (), SMALL:
                there = host(cell(0, memory_used=used * GIB, pages=pages))
                allowed = limits(ram=ratio)
                self.assertEqual(
                    [1], splits(there, allowed, memory_mb=last))
                self.assertEqual(
                    [], splits(there, allowed, memory_mb=last + 1))
        there = host(cell(0, used=12))
        self.assertEqual([1], splits(there, limits(), vcpus=4))
        self.assertEqual([], splits(there, limits(), vcpus=5))

    def test_a_host_of_many_full_nodes(self):
        """Nova alone would try all orders of the sixteen."""
        there = host(*(
            cell(number, pinned=8 if number % 2 else 0)
            for number in range(16)))
        self.assertEqual(
            [8], splits(there, vcpus=64, hw__cpu_policy='dedicated'))
        there = host(*(
            cell(number, pinned=7 if number % 2 else 0)
            for number in range(16)))
        self.assertEqual([], splits(
            there, vcpus=32, memory_mb=16 * GIB, hw__cpu_policy='dedicated',
            hw__cpu_thread_policy='isolate', numa_ext__numa_max_nodes='4'))

    def test_why_not(self):
        splitter = vnuma.splitter(
            flavor(12, hw__cpu_policy='dedicated'), image())
        self.assertEqual(
            'cell 1 lacks 2 free dedicated CPUs',
            splitter.why_not(host(cell(0), cell(1, pinned=4)), None))
        self.assertEqual(
            'cell 0 lacks 12 free dedicated CPUs',
            splitter.why_not(host(cell(0, pinned=8), cell(1)), None, only=1)
            .partition(', ')[0])

    def test_why_not_with_nodes_of_its_own(self):
        wanted = vnuma.splitter(
            flavor(12, hw__cpu_policy='dedicated',
                   hw__emulator_threads_policy='isolate'), image()).wanted(2)
        full = host(cell(0, pinned=4), cell(1))
        self.assertEqual(
            'cell 0 lacks 2 free dedicated CPUs',
            vnuma.why_not(full, wanted, None))
        self.assertEqual(
            'the host has 1 NUMA node',
            vnuma.why_not(host(cell(0)), wanted, None))
        self.assertIsNone(vnuma.why_not(
            host(cell(0), cell(1)), wanted, None))
        shared = vnuma.splitter(flavor(4), image()).wanted(1)
        self.assertEqual(
            'cell 0 lacks 2 free shared CPUs',
            vnuma.why_not(host(cell(0, used=14)), shared, limits()))

    def test_near(self):
        there = host(cell(0), cell(1), cell(2))
        for policy, nodes, expected in (
            (None, [1], [1]), ('required', [1, 2], [1, 2]),
            ('legacy', [None], [0, 1, 2]), ('required', [None], []),
            ('preferred', [1], [0, 1, 2]), ('required', [], []),
        ):
            self.assertEqual(expected, vnuma.near(
                there, devices(*nodes), [device(policy)]))
        self.assertIsNone(vnuma.near(there, devices(1), None))
        self.assertIsNone(vnuma.near(there, None, [device()]))

    def test_why_not_near_devices(self):
        there = host(cell(0), cell(1, pinned=7))
        splitter = vnuma.splitter(
            flavor(8, hw__cpu_policy='dedicated'), image())
        expected = ('its devices are near cell 1, which lacks 3 free '
                    'dedicated CPUs')
        self.assertEqual(expected, splitter.why_not(
            there, None, near_devices=[1]))
        self.assertEqual(
            'its devices are near cell 1, which lacks 7 free dedicated CPUs',
            vnuma.why_not(there, splitter.wanted(1), None, [1]))
