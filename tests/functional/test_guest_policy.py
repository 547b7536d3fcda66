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

"""What flavors and images ask for, from the API to the domain's XML."""

from tests.functional import base
from tests.functional import hypervisor

PASSTHROUGH = {'numa_ext:cpu_mode': 'host-passthrough'}
TOPOLOGY = {'numa_ext:cpu_topology': 'auto'}
DEDICATED = {'hw:cpu_policy': 'dedicated'}


class CpuTest(base.TestCase):
    """Mode, models, features and migratability of the CPU."""

    # What was asked for -> the <cpu> of a guest of one vCPU, in which Nova
    # wrote topology and mode host-model.
    BY_NAME = (
        (PASSTHROUGH,
         '<cpu mode="host-passthrough" match="exact">%s</cpu>'),
        ({'numa_ext:cpu_mode': 'host-model'},
         '<cpu mode="host-model" match="exact">%s</cpu>'),
        ({'numa_ext:cpu_mode': 'maximum'},
         '<cpu mode="maximum" match="exact">%s</cpu>'),
        ({'numa_ext:cpu_mode': 'custom',
          'numa_ext:cpu_models': 'Haswell, nehalem, Penryn'},
         '<cpu mode="custom" match="exact"><model>Nehalem</model>%s</cpu>'),
        ({'numa_ext:cpu_cache': 'passthrough', **PASSTHROUGH},
         '<cpu mode="host-passthrough" match="exact">%s'
         '<cache mode="passthrough"/></cpu>'),
        ({'numa_ext:cpu_cache': 'emulate'},
         '<cpu mode="host-model" match="exact">%s'
         '<cache mode="emulate" level="3"/></cpu>'),
        ({'numa_ext:cpu_cache': 'disable'},
         '<cpu mode="host-model" match="exact">%s'
         '<cache mode="disable"/></cpu>'),
    )
    FLAVOR_ONLY = (
        ({'numa_ext:cpu_features': '+pdpe1gb,-erms'},
         '<cpu mode="host-model" match="exact">%s'
         '<feature policy="require" name="pdpe1gb"/>'
         '<feature policy="disable" name="erms"/></cpu>'),
        ({'numa_ext:cpu_migratable': 'off', **PASSTHROUGH},
         '<cpu mode="host-passthrough" match="exact" migratable="off">%s'
         '</cpu>'),
        ({'numa_ext:cpu_migratable': 'on', 'numa_ext:cpu_mode': 'maximum'},
         '<cpu mode="maximum" match="exact" migratable="on">%s</cpu>'),
    )
    ONE_VCPU = '<topology sockets="1" cores="1" threads="1"/>'

    def setUp(self):
        super().setUp()
        self.start_host()

    def test_flavor(self):
        for specs, expected in self.BY_NAME + self.FLAVOR_ONLY:
            server = self.boot(specs, vcpus=1)
            self.assertCpu(expected % self.ONE_VCPU, server)

    def test_image(self):
        for specs, expected in self.BY_NAME:
            properties = {
                name.replace(':', '_'): value
                for name, value in specs.items()}
            server = self.boot({}, properties, vcpus=1)
            self.assertCpu(expected % self.ONE_VCPU, server)

    def test_flavor_and_image_that_agree(self):
        server = self.boot(
            {'numa_ext:cpu_mode': 'maximum', 'numa_ext:cpu_cache': 'disable'},
            {'numa_ext_cpu_mode': 'maximum'}, vcpus=1)
        self.assertCpu(
            '<cpu mode="maximum" match="exact">%s<cache mode="disable"/></cpu>'
            % self.ONE_VCPU, server)

    def test_what_the_host_wide_options_say_is_refined(self):
        self.flags(
            cpu_mode='custom', cpu_models=['Penryn'],
            cpu_model_extra_flags=['-erms', 'pdpe1gb'], group='libvirt')
        server = self.boot({
            'numa_ext:cpu_features': '+erms,+x2apic', **PASSTHROUGH}, vcpus=1)
        cpu = self.cpu(server)
        self.assertEqual('host-passthrough', cpu.get('mode'))
        self.assertIsNone(cpu.find('model'))
        self.assertEqual(
            {('erms', 'require'), ('pdpe1gb', 'require'),
             ('x2apic', 'require')},
            {(node.get('name'), node.get('policy'))
             for node in cpu.findall('feature')})

    def test_nova_is_told_what_the_guest_has(self):
        # The check before a live migration compares this.
        server = self.boot(
            {'numa_ext:cpu_mode': 'custom', 'numa_ext:cpu_models': 'Nehalem',
             'numa_ext:cpu_features': '-erms', **TOPOLOGY}, vcpus=4)
        model = self.instance(server).vcpu_model
        self.assertEqual(('custom', 'Nehalem'), (model.mode, model.model))
        self.assertEqual(
            [('erms', 'disable')],
            [(feature.name, feature.policy) for feature in model.features])
        self.assertEqual(
            (1, 4, 1),
            (model.topology.sockets, model.topology.cores,
             model.topology.threads))

    def test_nova_takes_maximum_for_host_passthrough(self):
        server = self.boot({'numa_ext:cpu_mode': 'maximum'})
        model = self.instance(server).vcpu_model
        self.assertEqual(('host-passthrough', None), (model.mode, model.model))


class TopologyTest(base.TestCase):
    """Sockets, cores and threads, and the cache that goes with them."""

    def topology(self, server):
        node = self.cpu(server).find('topology')
        return tuple(
            int(node.get(name)) for name in ('sockets', 'cores', 'threads'))

    def assertTopologies(self, *cases):
        for specs, vcpus, expected in cases:
            server = self.boot({**TOPOLOGY, **specs}, vcpus=vcpus)
            self.assertEqual(expected, self.topology(server), specs)
            self._delete_server(server)

    def test_two_nodes(self):
        self.start_host(host_info=hypervisor.host(nodes=2, cores=8))
        self.assertTopologies(
            ({}, 8, (1, 8, 1)),
            ({'hw:numa_nodes': '1'}, 16, (1, 16, 1)),
            ({'hw:numa_nodes': '2'}, 32, (2, 16, 1)),
            # Nodes of 2 and 6: a socket in each takes four of two.
            ({'hw:numa_nodes': '2',
              'hw:numa_cpus.0': '0,1', 'hw:numa_cpus.1': '2-7',
              'hw:numa_mem.0': '512', 'hw:numa_mem.1': '1536'},
             8, (4, 2, 1)),
        )

    def test_eight_nodes(self):
        self.start_host(host_info=hypervisor.host(nodes=8, cores=2))
        self.assertTopologies(
            ({'hw:numa_nodes': '8'}, 32, (8, 4, 1)),
            ({'hw:numa_nodes': '4'}, 8, (4, 2, 1)),
        )

    def test_within_the_limits(self):
        self.start_host()
        self.assertTopologies(
            ({'hw:cpu_max_cores': '2'}, 8, (4, 2, 1)),
            ({'hw:cpu_max_sockets': '2', 'hw:numa_nodes': '2'}, 8, (2, 4, 1)),
            # A license for one socket counts for more than the nodes.
            ({'hw:cpu_max_sockets': '1', 'hw:numa_nodes': '2'}, 8, (1, 8, 1)),
        )

    def test_what_is_set_explicitly_is_left_as_it_is(self):
        self.start_host()
        self.assertTopologies(
            ({'hw:cpu_sockets': '8'}, 8, (8, 1, 1)),
            ({'hw:cpu_cores': '4', 'hw:cpu_max_cores': '4'}, 8, (2, 4, 1)),
        )
        server = self.boot(
            TOPOLOGY, {'hw_cpu_sockets': '2', 'hw_cpu_cores': '4'}, vcpus=8)
        self.assertEqual((2, 4, 1), self.topology(server))

    def test_threads_only_on_pinned_siblings(self):
        self.flags(cpu_dedicated_set='0-31', group='compute')
        self.start_host()
        self.assertTopologies(
            ({'hw:cpu_thread_policy': 'require', **DEDICATED}, 4, (1, 2, 2)),
            ({'hw:cpu_thread_policy': 'require', 'hw:numa_nodes': '2',
              **DEDICATED}, 8, (2, 2, 2)),
            ({'hw:cpu_thread_policy': 'require', 'hw:cpu_max_threads': '1',
              **DEDICATED}, 4, (1, 4, 1)),
        )

    def test_no_threads_where_pins_are_not_siblings(self):
        self.flags(cpu_dedicated_set='0,2,4,6,8,10,12,14', group='compute')
        self.start_host()
        self.assertTopologies((DEDICATED, 4, (1, 4, 1)))

    def test_no_threads_on_a_host_without(self):
        self.flags(cpu_dedicated_set='0-15', group='compute')
        self.start_host(host_info=hypervisor.host(threads=1))
        self.assertTopologies(
            ({'hw:cpu_thread_policy': 'isolate', **DEDICATED}, 4, (1, 4, 1)))

    def test_pins_and_threads_agree(self):
        self.flags(cpu_dedicated_set='0-31', group='compute')
        self.start_host()
        server = self.boot(
            {'hw:cpu_thread_policy': 'require', **TOPOLOGY, **DEDICATED})
        (cell,) = self.instance(server).numa_topology.cells
        pins = [cell.cpu_pinning[vcpu] for vcpu in range(4)]
        self.assertEqual((1, 2, 2), self.topology(server))
        self.assertEqual(pins[0] // 2, pins[1] // 2)
        self.assertEqual(pins[2] // 2, pins[3] // 2)

    def test_cache_auto(self):
        self.flags(cpu_dedicated_set='0-31', group='compute')
        self.start_host(l3=('0-7', '8-15', '16-23', '24-31'))
        auto = {'numa_ext:cpu_cache': 'auto', **TOPOLOGY, **PASSTHROUGH,
                **DEDICATED}
        modes = []
        for specs in (
                auto,
                {**auto, 'numa_ext:cpu_mode': 'host-model'},
                {**auto, 'hw:cpu_sockets': '8'}):
            server = self.boot(specs, vcpus=8)
            modes.append(self.cpu(server).find('cache').get('mode'))
            self._delete_server(server)
        self.assertEqual(['passthrough', 'emulate', 'emulate'], modes)

    def test_cache_auto_of_a_guest_that_floats(self):
        self.start_host(l3=('0-7', '8-15', '16-23', '24-31'))
        server = self.boot(
            {'numa_ext:cpu_cache': 'auto', **TOPOLOGY, **PASSTHROUGH},
            vcpus=8)
        self.assertEqual(
            'emulate', self.cpu(server).find('cache').get('mode'))


class SwitchTest(base.TestCase):

    def test_off_gives_what_nova_gives(self):
        self.start_host()
        server = self.boot(PASSTHROUGH, vcpus=1)
        self.assertEqual('host-passthrough', self.cpu(server).get('mode'))

        self.flags(guest_policy=False, group='numa_ext')
        self.computes['compute1'] = self.restart_compute_service('compute1')
        novas = ('<cpu mode="host-model" match="exact">'
                 '<topology sockets="1" cores="1" threads="1"/></cpu>')
        self._reboot_server(server, hard=True)
        self.assertCpu(novas, server)
        self.assertCpu(novas, self.boot(
            {**PASSTHROUGH, 'numa_ext:cpu_cash': 'big'}, vcpus=1))


class HostileValueTest(base.TestCase):

    VALUES = (
        'Nehalem</model><cache mode="disable"/><model>',
        'Nehalem"/>',
        '&xxe;',
        'Nehalem\nPenryn',
        '%s%n{0}',
        '',
        ',',
        'Ⅷ' * 80,
    )

    def test_neither_xml_nor_a_crash(self):
        compute = self.start_host()
        for value in self.VALUES:
            server = self.boot(
                {'numa_ext:cpu_mode': 'custom'},
                {'numa_ext_cpu_models': value}, expected_state='ERROR')
            self.assertIn('image numa_ext_cpu_models=',
                          server['fault']['message'])
            self.assertNothingLeft(server)
        # It is there for the next one.
        self.assertTrue(compute.manager.driver)
        self.boot({'numa_ext:cpu_mode': 'maximum'})

    def test_names(self):
        self.start_host()
        for name in ('numa_ext_cpu_mode"/>', 'numa_ext_', 'numa_ext_%s'):
            server = self.boot({}, {name: 'x'}, expected_state='ERROR')
            self.assertIn('no such name', server['fault']['message'])
