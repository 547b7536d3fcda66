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

from nova import objects
import testtools

from nova_numa_ext import policy
from nova_numa_ext.topology import guest as topology
from nova_numa_ext.virt import request

objects.register_all()


def flavor(**specs):
    return objects.Flavor(
        vcpus=4, memory_mb=512,
        extra_specs={name.replace('__', ':'): value
                     for name, value in specs.items()})


def instance(flavor, **system_metadata):
    return objects.Instance(flavor=flavor, system_metadata=system_metadata)


class PolicyOfTest(testtools.TestCase):

    def test_flavor_and_image(self):
        asked = request.policy_of(instance(
            flavor(numa_ext__cpu_mode='maximum'),
            image_numa_ext_cpu_cache='disable'))
        self.assertEqual(
            ('maximum', 'disable'), (asked.cpu_mode, asked.cpu_cache))

    def test_only_properties_of_the_image_are_read(self):
        self.assertFalse(request.policy_of(instance(
            flavor(hw__cpu_policy='dedicated'), numa_ext_cpu_cache='disable',
            image_hw_cpu_policy='dedicated')))

    def test_another_flavor(self):
        asked = request.policy_of(
            instance(flavor(numa_ext__cpu_mode='maximum'),
                     image_numa_ext_cpu_cache='disable'),
            flavor(numa_ext__cpu_mode='host-model'))
        self.assertEqual(
            ('host-model', 'disable'), (asked.cpu_mode, asked.cpu_cache))

    def test_a_flavor_without_its_specs(self):
        self.assertFalse(request.policy_of(
            instance(flavor()), objects.Flavor(vcpus=4, memory_mb=512)))

    def test_what_is_wrong(self):
        self.assertRaises(
            policy.InvalidRequest, request.policy_of,
            instance(flavor(numa_ext__cpu_mode='fast')))


class CellsOfTest(testtools.TestCase):

    def test_a_guest_that_nova_placed_nowhere(self):
        self.assertEqual((), request.cells_of(None))

    def test_floating_pinned_and_mixed(self):
        cells = request.cells_of(objects.InstanceNUMATopology(cells=[
            objects.InstanceNUMACell(
                id=0, cpuset={0, 1}, pcpuset=set(), memory=512),
            objects.InstanceNUMACell(
                id=1, cpuset=set(), pcpuset={2, 3}, memory=512,
                cpu_pinning={2: 8, 3: 9}),
            objects.InstanceNUMACell(
                id=2, cpuset={4}, pcpuset={5}, memory=512,
                cpu_pinning={5: 10}),
        ]))
        self.assertEqual(
            [({0, 1}, {}), ({2, 3}, {2: 8, 3: 9}), ({4, 5}, {5: 10})],
            [(set(cell.vcpus), dict(cell.pins)) for cell in cells])


class RealtimeVcpusTest(testtools.TestCase):

    def vcpus(self, mask=None, emulator=None, **properties):
        specs = {'hw__cpu_realtime': 'yes'}
        if mask is not None:
            specs['hw__cpu_realtime_mask'] = mask
        if emulator:
            specs['hw__emulator_threads_policy'] = emulator
        return request.realtime_vcpus(
            flavor(**specs),
            objects.ImageMeta(properties=objects.ImageMetaProps(
                **properties)))

    def test_none_asked_for(self):
        self.assertEqual(frozenset(), request.realtime_vcpus(
            flavor(), objects.ImageMeta(
                properties=objects.ImageMetaProps())))

    def test_masks(self):
        self.assertEqual({1, 2, 3}, self.vcpus('^0'))
        self.assertEqual({2, 3}, self.vcpus('2-3'))
        self.assertEqual(
            {3}, self.vcpus('^0', hw_cpu_realtime_mask='^0-2'))
        self.assertEqual({0, 1, 2, 3}, self.vcpus(emulator='isolate'))

    def test_what_nova_cannot_tell(self):
        for setting, arguments in (
            ("flavor hw:cpu_realtime_mask='0-3'", ('0-3',)),
            ("flavor hw:cpu_realtime_mask='^0-3'", ('^0-3', 'share')),
            ("flavor hw:cpu_realtime_mask='0-4'", ('0-4', 'share')),
            ("flavor hw:cpu_realtime_mask='^x'", ('^x',)),
            ("flavor hw:cpu_realtime='yes'", ()),
        ):
            refused = self.assertRaises(
                policy.InvalidRequest, self.vcpus, *arguments)

            self.assertEqual(
                f'{setting}: of 4 vCPUs it must leave a realtime and an '
                'ordinary one. Set hw:cpu_realtime_mask=^0, or '
                'hw:emulator_threads_policy=share or isolate.', str(refused))

    def test_mask_of_the_image(self):
        refused = self.assertRaises(
            policy.InvalidRequest, self.vcpus, '^0',
            hw_cpu_realtime_mask='0-3')

        self.assertIn("image hw_cpu_realtime_mask='0-3': ", str(refused))


class TopologyConstraintsTest(testtools.TestCase):

    def constraints(self, flavor, **properties):
        image_meta = objects.ImageMeta(
            properties=objects.ImageMetaProps(**properties))
        limits, explicit = request.topology_constraints(flavor, image_meta)
        return (limits.sockets, limits.cores, limits.threads), explicit

    def test_none(self):
        self.assertEqual(
            ((65536, 65536, 65536), False), self.constraints(flavor()))

    def test_limits(self):
        self.assertEqual(
            ((2, 65536, 1), False), self.constraints(
                flavor(hw__cpu_max_sockets='2'), hw_cpu_max_threads=1))

    def test_any_one_count_is_explicit(self):
        for name in ('sockets', 'cores', 'threads'):
            self.assertEqual(
                ((65536, 65536, 65536), True),
                self.constraints(flavor(**{f'hw__cpu_{name}': '2'})))
            self.assertEqual(
                ((65536, 65536, 65536), True),
                self.constraints(flavor(), **{f'hw_cpu_{name}': 2}))


class NovaTopologyTest(testtools.TestCase):

    def topology(self, asked, **specs):
        return request.nova_topology(
            asked, flavor(**specs),
            objects.ImageMeta(properties=objects.ImageMetaProps()))

    def test_where_something_depends_on_it(self):
        asked = policy.resolve({'numa_ext:cpu_dies': '2'}, {})
        self.assertEqual(
            topology.CpuTopology(1, 4, 1),
            self.topology(asked, hw__cpu_max_sockets='1'))

    def test_where_nothing_does(self):
        asked = policy.resolve({'numa_ext:cpu_topology': 'auto'}, {})
        self.assertIsNone(self.topology(asked))


class UnplacedTopologyTest(testtools.TestCase):

    def cells(self, claimed=None, **specs):
        context = None
        if claimed:
            context = objects.MigrationContext(
                new_numa_topology=objects.InstanceNUMATopology(cells=[
                    objects.InstanceNUMACell(id=cell)
                    for cell in range(claimed)]))
        resized = instance(flavor())
        resized.migration_context = context
        return request.cells_of(request.unplaced_topology(
            resized, flavor(**specs),
            objects.ImageMeta(properties=objects.ImageMetaProps())))

    def test_nodes_on_no_host(self):
        cells = self.cells(hw__numa_nodes='2', hw__cpu_policy='dedicated')
        self.assertEqual(
            [({0, 1}, {}, None), ({2, 3}, {}, None)],
            [(set(cell.vcpus), dict(cell.pins), cell.host_node)
             for cell in cells])

    def test_no_nodes(self):
        self.assertEqual((), self.cells())
        self.assertEqual((), self.cells(claimed=2))

    def test_nodes_that_the_host_decides(self):
        auto = {'numa_ext__numa_nodes': 'auto'}
        self.assertEqual(1, len(self.cells(**auto)))
        cells = self.cells(claimed=2, **auto)
        self.assertEqual(
            [({0, 1}, None), ({2, 3}, None)],
            [(set(cell.vcpus), cell.host_node) for cell in cells])
