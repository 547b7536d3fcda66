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

import sys
from unittest import mock

import fixtures
from lxml import etree
import testtools

from nova_numa_ext import explain
from nova_numa_ext.explain import hosts
from nova_numa_ext.explain import report
from nova_numa_ext.explain import sources
from nova_numa_ext.host import reader
from tests.unit.host import tree

DEDICATED = {'hw:cpu_policy': 'dedicated'}
AUTO = {'numa_ext:cpu_mode': 'host-passthrough',
        'numa_ext:cpu_topology': 'auto', 'numa_ext:cpu_cache': 'auto'}
REALTIME = dict(DEDICATED, **{
    'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '^0'})


class ReportTestCase(testtools.TestCase):

    def explain(self, specs=None, vcpus=4, ram=4096, image=None,
                host='intel-4-sockets', virt_type='kvm', **kwargs):
        return report.explain(
            sources.Flavor('f', vcpus, ram, 1, dict(specs or {})),
            sources.Image('i', dict(image or {})),
            hosts.load(host, virt_type), libvirt_virt_type=virt_type,
            **kwargs)


    def hide_nova(self):
        """Make every further import of Nova fail."""
        if hasattr(explain, 'sketch'):
            self.useFixture(fixtures.MonkeyPatch(
                'nova_numa_ext.explain.sketch', fixtures.MonkeyPatch.delete))
        hidden = mock.patch.dict(sys.modules, nova=None)
        hidden.start()
        self.addCleanup(hidden.stop)
        sys.modules.pop('nova_numa_ext.explain.sketch', None)


class TestPlaced(ReportTestCase):

    def test_whole(self):
        """A guest with 4 nodes on a host with 4."""
        found = self.explain(
            dict(DEDICATED, **AUTO, **{'hw:numa_nodes': '4'}), 32, 65536)

        self.assertEqual(0, found.status)
        self.assertEqual('f on intel-4-sockets', found.host_map.title)
        self.assertEqual({'sockets': 4, 'dies': 1, 'cores': 8, 'threads': 1},
                         found.guest['topology'])
        self.assertEqual(
            [[0], [1], [2], [3]],
            [node['host_nodes'] for node in found.guest['nodes']])
        cpus = [cpu for (cpu,) in found.guest['pins'].values()]
        self.assertEqual(list(range(32)), sorted(cpus))
        self.assertEqual(['cpu'], [part.path for part in found.fragments])
        self.assertEqual(
            "<cpu mode='host-passthrough'", etree.tostring(
                etree.fromstring(found.domain).find('cpu')).decode()
            .replace('"', "'")[:28])

    def test_guest_that_asks_for_nothing(self):
        found = self.explain()

        self.assertEqual(0, found.status)
        self.assertEqual((), found.fragments)
        self.assertEqual([], found.guest['nodes'])

    def test_huge_pages_are_taken(self):
        found = self.explain(
            {'hw:mem_page_size': '1GB'}, 2, 4096, host='intel-2-sockets-ht')

        (pages,) = found.host_map.nodes[0].memory.pages
        self.assertEqual((64, 60), (pages.total, pages.free))

    def test_cpus_that_are_not_for_guests(self):
        found = self.explain(
            DEDICATED, compute_cpu_dedicated_set='2-7',
            compute_cpu_shared_set='8')

        uses = {cpu.id: cpu.stand.use for node in found.host_map.nodes
                for cpu in node.cpus}
        self.assertEqual('out', uses[0])
        self.assertEqual('free', uses[8])
        self.assertEqual(
            4, sum(uses[cpu] == 'vcpu' for cpu in range(2, 8)))
        self.assertEqual([], [note for note in found.notes
                              if 'All CPUs are' in note])

    def test_assumptions_are_noted(self):
        self.assertIn('All CPUs are taken for usable',
                      self.explain().notes[-1])

    def test_left_out(self):
        found = self.explain({'numa_ext:profile': 'high-performance'},
                             virt_type='qemu')

        self.assertEqual(0, found.status)
        (sentence,) = found.left_out
        self.assertIn("numa_ext:cpu_mode='host-passthrough'", sentence)
        self.assertNotIn('cpu_mode', [name for name, *_ in found.settings])
        self.assertIn('cpu_mode=host-passthrough', found.profile.made)

    def test_each_shipped_host(self):
        for name in hosts.shipped():
            for virt_type in ('kvm', 'qemu'):
                found = self.explain(
                    dict(DEDICATED,
                         **{'numa_ext:profile': 'high-performance'}),
                    host=name, virt_type=virt_type)
                self.assertEqual(0, found.status, (name, found.refused))


    def test_nodes_that_the_host_decides(self):
        specs = dict(DEDICATED, **AUTO, **{'numa_ext:numa_nodes': 'auto'})
        for vcpus, nodes in ((8, 1), (16, 2), (20, 4)):
            found = self.explain(specs, vcpus, 8192)

            self.assertEqual((0, nodes), (
                found.status, len(found.guest['nodes'])))
            self.assertEqual(nodes, found.guest['topology']['sockets'])


class TestNotPlaced(ReportTestCase):

    def test_no_split_fits(self):
        found = self.explain(
            dict(DEDICATED, **{'numa_ext:numa_nodes': 'auto'}), 34, 4096)

        self.assertEqual(1, found.status)
        self.assertEqual(
            ('Cell 0 lacks 9 free dedicated CPUs, cell 1 lacks 9 free '
             'dedicated CPUs and others.',), found.lacks)
        self.assertIsNotNone(found.host_map)

    def test_too_many_cpus_and_too_much_memory(self):
        found = self.explain(
            dict(DEDICATED, **{'hw:numa_nodes': '2'}), 20, 200 << 10,
            host='intel-4-sockets')

        self.assertEqual(1, found.status)
        self.assertEqual('Guest node 0 fits on no node of the host.',
                         found.lacks[0])
        for node in range(4):
            self.assertIn(
                f'guest node 1 on host node {node}: dedicated CPUs: 10 '
                'wanted, 8 there', found.lacks)
            self.assertIn(
                f'guest node 1 on host node {node}: memory in pages of 4 '
                'KiB: 100 GiB wanted, 64 GiB there', found.lacks)
        self.assertEqual('intel-4-sockets', found.host_map.title)
        self.assertEqual({}, found.guest)

    def test_too_many_nodes(self):
        found = self.explain({'hw:numa_nodes': '5'}, 5, 5120)

        self.assertEqual(
            ('The guest has 5 NUMA nodes, and the host 4: Nova puts each on '
             'a node of its own.',), found.lacks)

    def test_too_few_nodes_with_room(self):
        """Each guest node has a host node, and both have the same."""
        found = self.explain(
            dict(DEDICATED, **{'hw:numa_nodes': '2'}), 16, 4096,
            compute_cpu_dedicated_set='0-7,8-10')

        self.assertIn('too few have room: guest node 0 on 0, guest node 1 '
                      'on 0.', found.lacks[0])
        self.assertIn('guest node 0 on host node 1: dedicated CPUs: 8 '
                      'wanted, 3 there', found.lacks)

    def test_pages(self):
        found = self.explain({'hw:mem_page_size': '2MB'}, 1, 1024)

        self.assertIn('guest node 0 on host node 0: pages of 2 MiB: 512 '
                      'wanted, 0 there', found.lacks)

    def test_emulator_thread_of_its_own(self):
        found = self.explain(
            dict(DEDICATED, **{'hw:emulator_threads_policy': 'isolate'}), 8)

        self.assertIn('guest node 0 on host node 0: dedicated CPUs: 9 '
                      'wanted, 8 there', found.lacks)

    def test_siblings_that_there_are_not(self):
        found = self.explain(
            dict(DEDICATED, **{'hw:cpu_thread_policy': 'require'}))

        self.assertIn('guest node 0 on host node 0: Nova finds no CPUs there '
                      'that suit hw:cpu_thread_policy or '
                      'hw:emulator_threads_policy', found.lacks)

    def test_without_nodes(self):
        found = self.explain({}, 9999, 1 << 30)

        cpus, memory = found.lacks
        self.assertEqual(
            'shared CPUs of the host: 9999 wanted, 32 there', cpus)
        self.assertIn('memory of the host: 1024 TiB wanted, 256 GiB there',
                      memory)


class TestRefused(ReportTestCase):

    def test_wrong_flavor(self):
        found = self.explain({'numa_ext:cpu_mode': 'host-passtrough'})

        self.assertEqual(1, found.status)
        self.assertEqual(
            "flavor numa_ext:cpu_mode='host-passtrough': no such value. Did "
            'you mean host-passthrough? Known: host-passthrough, host-model, '
            'maximum, custom.', found.refused)
        self.assertIsNone(found.host_map)

    def test_wrong_flavor_needs_no_nova(self):
        self.hide_nova()

        self.assertIn('no such value', self.explain(
            {'numa_ext:cpu_mode': 'x'}).refused)

    def test_conflict_with_the_image(self):
        found = self.explain(
            {'numa_ext:cpu_cache': 'auto'},
            image={'numa_ext_cpu_cache': 'disable'})

        self.assertIn("differs from image numa_ext_cpu_cache='disable'",
                      found.refused)

    def test_image_that_sets_what_is_the_flavors(self):
        found = self.explain(image={'numa_ext_cpu_features': '+vmx'})

        self.assertIn('only the flavor may set this', found.refused)

    def test_refused_by_the_host(self):
        found = self.explain(
            {'numa_ext:cpu_mode': 'host-passthrough'}, virt_type='qemu')

        self.assertEqual(1, found.status)
        self.assertIn('qemu guests on this host cannot have it',
                      found.refused)

    def test_refused_by_nova(self):
        for specs, image, words in (
            ({'hw:numa_nodes': 'x'}, {}, 'Nova refuses it: '),
            ({'hw:cpu_policy': 'shared'}, {'hw_cpu_policy': 'dedicated'},
             'hw_cpu_policy'),
            ({}, {'hw_disk_bus': 'floppy disk'}, 'Nova refuses it: '),
        ):
            found = self.explain(specs, image=image)
            self.assertEqual(1, found.status)
            self.assertIn(words, found.refused)
            self.assertTrue(found.refused.isprintable())

    def test_without_nova(self):
        self.hide_nova()

        error = self.assertRaises(explain.Unusable, self.explain)
        self.assertIn('this Python has no Nova: run it on a compute node',
                      str(error))


class TestWarnings(ReportTestCase):

    def test_saved_host(self):
        (sentence,) = self.explain(REALTIME).warnings

        self.assertIn('only `nova-numa-ext host` there can tell', sentence)
        self.assertEqual((), self.explain(DEDICATED).warnings)

    def test_features_are_not_judged(self):
        (sentence,) = self.explain(
            {'numa_ext:cpu_features': '+avx512f'}).warnings

        self.assertIn('the host is asked at the boot', sentence)

    def test_this_host(self):
        here = self.useFixture(tree.Tree(tree.saved('debian'))).reader

        found = self.explain(REALTIME, reader=here).warnings

        self.assertIn('host is not ready', found[-1])
        self.assertEqual((), self.explain(DEDICATED, reader=here).warnings)

    def test_host_that_cannot_lock(self):
        here = mock.create_autospec(reader.HostReader, instance=True)
        facts = report.memory_lock.Facts('libvirtd', False, 8192)
        with mock.patch.object(report.memory_lock, 'gather', autospec=True,
                               return_value=facts), \
                mock.patch.object(report.readiness, 'judge', autospec=True,
                                  return_value=()):
            (sentence,) = self.explain(REALTIME, reader=here).warnings

        self.assertEqual(
            "The guest's memory cannot be locked: libvirtd may lock 8 MiB of "
            'its 4096 MiB, and has no CAP_SYS_RESOURCE. Give it that, or '
            'LimitMEMLOCK=infinity in its unit.', sentence)
