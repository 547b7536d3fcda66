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

import os

import fixtures
import testtools

from nova_numa_ext import explain
from nova_numa_ext import policy as guest_policy
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.explain import hosts
from nova_numa_ext.explain import sketch
from nova_numa_ext.explain import sources


def flavor(vcpus=4, ram=4096, **specs):
    return sources.Flavor('f', vcpus, ram, 1, {
        name.replace('__', ':'): text for name, text in specs.items()})


class TestConfigured(testtools.TestCase):

    def test_overrides_are_undone(self):
        with sketch.configured([], compute_cpu_shared_set='0-3',
                               libvirt_virt_type=None):
            self.assertEqual('0-3', sketch.CONF.compute.cpu_shared_set)
            self.assertEqual('kvm', sketch.CONF.libvirt.virt_type)

        self.assertIsNone(sketch.CONF.compute.cpu_shared_set)

    def test_file(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w') as file:
            file.write('[compute]\ncpu_dedicated_set = 1-7\n')

        with sketch.configured([path]):
            self.assertEqual('1-7', sketch.CONF.compute.cpu_dedicated_set)

    def test_wrong(self):
        for args, kwargs in ((['/nowhere'], {}),
                             ([], {'libvirt_virt_type': 'xen hypervisor'})):
            with testtools.ExpectedException(
                    explain.Unusable, 'The configuration is wrong: .*'):
                with sketch.configured(args, **kwargs):
                    self.fail('configured')


class TestRequest(testtools.TestCase):

    def test_image(self):
        image = sources.Image('i', {
            'hw_cpu_policy': 'dedicated', 'numa_ext_cpu_cache': 'auto'})

        asked = sketch.request_of(flavor(), image)

        self.assertEqual('dedicated', asked.wanted.cells[0].cpu_policy)
        self.assertEqual(
            'auto',
            asked.instance.system_metadata['image_numa_ext_cpu_cache'])

    def test_refused_by_nova(self):
        for specs in ({'hw__numa_nodes': 'x'}, {'hw__cpu_policy': 'x'}):
            self.assertRaises(
                sketch.NovaException, sketch.request_of,
                flavor(**specs), sources.Image())
        self.assertRaises(
            ValueError, sketch.request_of, flavor(),
            sources.Image('i', {'hw_disk_bus': 'x'}))


class TestSketch(testtools.TestCase):

    def sketch(self, name='intel-4-sockets', **overrides):
        overrides.setdefault('libvirt_virt_type', 'kvm')
        configured = sketch.configured([], **overrides)
        configured.__enter__()
        self.addCleanup(configured.__exit__, None, None, None)
        return sketch.Sketch(hosts.load(
            name, overrides['libvirt_virt_type']))

    def place(self, drawn, *args, **kwargs):
        asked = sketch.request_of(flavor(*args, **kwargs), sources.Image())
        asked.instance.numa_topology = (
            asked.wanted and drawn.fit(asked.wanted))
        return asked

    def test_nodes(self):
        topology = self.sketch('intel-2-sockets-ht').host_topology()

        (near, far) = topology.cells
        self.assertEqual(set(range(16)) | set(range(32, 48)), near.pcpuset)
        self.assertEqual(128 << 10, far.memory)
        self.assertEqual({4: 16777216, 2048: 0, 1048576: 64}, {
            pages.size_kb: pages.total for pages in far.mempages})

    def test_sets_of_cpus(self):
        drawn = self.sketch(compute_cpu_shared_set='0-1',
                            compute_cpu_dedicated_set='2-15')

        cells = drawn.host_topology().cells
        self.assertEqual([{0, 1}, set(), set(), set()],
                         [cell.cpuset for cell in cells])
        self.assertEqual([6, 8, 0, 0], [len(cell.pcpuset) for cell in cells])

    def test_fit(self):
        placed = self.place(self.sketch(), 8, hw__cpu_policy='dedicated',
                            hw__numa_nodes='2').instance.numa_topology

        self.assertEqual(2, len({cell.id for cell in placed.cells}))
        for cell in placed.cells:
            self.assertEqual(cell.pcpuset, set(cell.cpu_pinning))

    def test_fit_on_a_node(self):
        drawn = self.sketch()
        wanted = sketch.request_of(
            flavor(hw__cpu_policy='dedicated'), sources.Image()).wanted

        self.assertEqual(2, drawn.fit(wanted, {2}).cells[0].id)
        self.assertIsNone(drawn.fit(wanted, set()))

    def test_domain(self):
        drawn = self.sketch()
        asked = self.place(drawn, 2, hw__cpu_policy='dedicated')

        domain = drawn.domain(asked)

        self.assertEqual('2', domain.findtext('vcpu'))
        self.assertEqual('host-model', domain.find('cpu').get('mode'))
        self.assertEqual(2, len(domain.findall('cputune/vcpupin')))
        self.assertEqual('4194304', domain.findtext('memory'))

    def test_elements_have_the_last_word(self):
        drawn = self.sketch()
        asked = self.place(drawn, 2)
        element = cpu_cache.CpuCache('emulate')

        cache = drawn.domain(asked, [element]).find('cpu/cache')

        self.assertEqual('emulate', cache.get('mode'))

    def affine(self, word, vcpus, ram=4096):
        drawn = self.sketch(compute_cpu_shared_set='4-15')
        asked = self.place(drawn, vcpus, ram, numa_ext__numa_affinity=word)
        tuned = drawn.tuned(asked, guest_policy.resolve(
            asked.flavor.extra_specs, {}))
        return tuned, drawn.domain(asked, tuned.elements)

    def test_affinity(self):
        tuned, domain = self.affine('strict', 8)

        self.assertEqual((), tuned.left_out)
        self.assertEqual('8-15', domain.find(
            'cputune/emulatorpin').get('cpuset'))
        self.assertEqual('1', domain.find('numatune/memory').get('nodeset'))

    def test_affinity_without_room(self):
        tuned, domain = self.affine('soft', 13)

        (left_out,) = tuned.left_out
        self.assertEqual(
            "Left out: flavor numa_ext:numa_affinity='soft': cell 1 lacks 5 "
            'free shared CPUs, cell 0 lacks 9 free shared CPUs. The guest '
            'has all shared CPUs.', left_out)
        self.assertIsNone(domain.find('cputune'))
        refused = self.assertRaises(
            guest_policy.HostCannot, self.affine, 'strict', 13)
        self.assertIn('cell 1 lacks 5 free shared CPUs', str(refused))

    def test_disk_of_scsi(self):
        drawn = self.sketch()
        asked = sketch.request_of(
            flavor(), sources.Image('i', {'hw_disk_bus': 'scsi'}))

        devices = drawn.domain(asked).find('devices')

        self.assertEqual('scsi', devices.find('disk/target').get('bus'))
        self.assertEqual('virtio-scsi',
                         devices.find('controller').get('model'))

    def test_architecture_is_the_hosts(self):
        drawn = self.sketch('arm64-2-sockets')

        domain = drawn.domain(self.place(drawn))

        self.assertEqual('host-passthrough', domain.find('cpu').get('mode'))
