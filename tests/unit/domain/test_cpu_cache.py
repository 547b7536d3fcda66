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


import dataclasses

import ddt

from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.topology import guest as topology
from tests import golden
from tests.unit.domain import base

# A guest whose CPUs share caches as the host's do.
TRUE = {
    'extra_specs': golden.specs(
        cpu_mode='host-passthrough', cpu_cache='auto', cpu_topology='auto'),
    'vcpus': 8,
    'cells': golden.nodes(range(8)),
    'host': 'intel-4-sockets',
}
PASSTHROUGH = golden.NovaCpu('host-passthrough')


def with_specs(**names):
    found = {**TRUE['extra_specs'], **golden.specs(**names)}
    return {**TRUE, 'extra_specs': {
        key: text for key, text in found.items() if text}}


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def configured(self, *args, **kwargs):
        return cpu_cache.configure(base.guest(*args, **kwargs))

    def test_not_asked_for(self):
        self.assertIsNone(self.configured(golden.specs(cpu_mode='maximum')))

    @ddt.data('emulate', 'disable')
    def test_in_every_mode(self, cache):
        for mode in (None, 'host-model', 'custom', 'host-passthrough'):
            self.assertEqual(
                cpu_cache.CpuCache(cache),
                self.configured(golden.specs(cpu_cache=cache),
                                nova=golden.NovaCpu(mode)))

    @ddt.data('host-passthrough', 'maximum')
    def test_passthrough(self, mode):
        self.assertEqual(
            cpu_cache.CpuCache('passthrough'),
            self.configured(
                golden.specs(cpu_cache='passthrough', cpu_mode=mode)))

    @ddt.data((None, 'none'), ('host-model', 'host-model'),
              ('custom', 'custom'))
    @ddt.unpack
    def test_passthrough_without_a_mode_that_has_it(self, mode, shown):
        refused = self.refused(
            cpu_cache.configure, golden.specs(cpu_cache='passthrough'),
            nova=golden.NovaCpu(mode))

        self.assertEqual(f'guests here get CPU mode {shown}', refused.reason)

    def test_auto_where_true(self):
        self.assertEqual(
            cpu_cache.CpuCache('passthrough'), self.configured(**TRUE))

    def test_auto_with_novas_passthrough(self):
        self.assertEqual(
            cpu_cache.CpuCache('passthrough'),
            self.configured(**with_specs(cpu_mode=None), nova=PASSTHROUGH))

    @ddt.data(
        with_specs(cpu_mode='maximum'),
        with_specs(cpu_mode='host-model'),
        with_specs(cpu_mode=None),
        with_specs(cpu_topology=None),
        {**TRUE, 'explicit': True},
        {**TRUE, 'cells': golden.unpinned(1, 8)},
        {**TRUE, 'cells': ()},
        {**TRUE, 'cells': golden.nodes(range(4, 12))},
        {**TRUE, 'limits': topology.Limits(1, 2, 1)},
        {**TRUE, 'limits': topology.Limits(cores=4)},
    )
    def test_auto_where_not(self, fields):
        self.assertEqual(
            cpu_cache.CpuCache('emulate'), self.configured(**fields))

    @ddt.data((7002000, 'passthrough'), (7001999, 'emulate'))
    @ddt.unpack
    def test_auto_for_several_parts_of_a_cache(self, version, cache):
        """Sockets of the guest that are smaller than a cache of the host."""
        made = base.guest(**{
            **TRUE, 'cells': golden.nodes(range(4), range(8, 12))})
        made = dataclasses.replace(made, capabilities=dataclasses.replace(
            made.capabilities, hypervisor_version=version))
        self.assertEqual(
            cpu_cache.CpuCache(cache), cpu_cache.configure(made))

    def test_auto_with_dies(self):
        """QEMU makes an L3 for each of them."""
        for dies, cache in (('1', 'passthrough'), ('2', 'emulate')):
            self.assertEqual(
                cpu_cache.CpuCache(cache),
                self.configured(**with_specs(cpu_dies=dies)))

    def test_auto_where_libvirt_has_no_caches(self):
        self.assertIsNone(self.configured(arch='aarch64', **TRUE))

    @ddt.data('passthrough', 'emulate', 'disable')
    def test_asked_for_where_libvirt_has_no_caches(self, cache):
        refused = self.refused(
            cpu_cache.configure, golden.specs(cpu_cache=cache),
            nova=PASSTHROUGH, arch='aarch64')

        self.assertEqual('libvirt sets no caches for aarch64 guests of kvm',
                         refused.reason)


@ddt.ddt
class TestWrite(base.ElementTestCase):

    @ddt.data('passthrough', 'disable')
    def test_mode(self, mode):
        self.assertWrites(
            f'<cpu><topology/><cache mode="{mode}"/><feature/></cpu>',
            cpu_cache.CpuCache(mode), '<cpu><topology/><feature/></cpu>')

    def test_emulate_has_a_level(self):
        self.assertWrites(
            '<cpu><cache level="3" mode="emulate"/></cpu>',
            cpu_cache.CpuCache('emulate'), '')
