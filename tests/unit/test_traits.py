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

import re

import ddt
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext import policy
from nova_numa_ext import traits
from nova_numa_ext.domain import capabilities
from nova_numa_ext.host import cpu_identity
from nova_numa_ext.policy import table
from nova_numa_ext.topology import host
from tests.unit.host import base

ALL = capabilities.DomainCapabilities(
    'kvm', 'x86_64', ('host-passthrough', 'custom'), {}, 7002000, 9000000,
    iothreads=True)
REALTIME = {
    'numa_ext:profile': 'realtime', 'hw:cpu_policy': 'dedicated',
    'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '^0',
    'hw:mem_page_size': '1GB', 'hw:numa_nodes': '2'}
CPU = cpu_identity.CpuIdentity('GenuineIntel', '6', '85', '7', ('sse',))


def topology(nodes=2, distances=True, granularity_kib=0):
    return host.HostTopology(
        'x86_64', tuple(host.HostCell(
            number, frozenset({number}), 1 << 20,
            {number: 10} if distances else {}) for number in range(nodes)),
        {}, (), banks=(host.CacheBank(
            0, frozenset({0}), 32768, granularity_kib),))


def short(names):
    return [name[len(traits.PREFIX):] for name in names]


class HostTest(base.TestCase):

    def found(self, **facts):
        return short(traits.traits(traits.Facts(
            **{'host': topology(), 'capabilities': ALL, **facts})))

    def test_a_realtime_host(self):
        """All of one, as placement gets it."""
        reader = self.reader('realtime', {'proc/cpuinfo': (
            'vendor_id : GenuineIntel\\ncpu family : 6\\nmodel : 85\\n'
            'stepping : 7\\nflags : sse\\n')})

        found = traits.traits(traits.read(
            reader, topology(granularity_kib=2048), ALL))

        self.assertEqual([
            'GUEST_POLICY', 'CPU_VENDOR_GENUINEINTEL',
            'CPU_MODEL_GENUINEINTEL_6_85',
            f'CPU_ID_{cpu_identity.fingerprint((CPU,)).upper()}',
            'CPU_MODE_CUSTOM', 'CPU_MODE_HOST_PASSTHROUGH', 'CPU_CACHE',
            'CPU_DIES', 'NUMA_NODES_2', 'NUMA_NODES_MIN_2',
            'NUMA_DISTANCES', 'MEMPOLICY_RESTRICTIVE', 'HUGEPAGES',
            'HUGEPAGES_2MB', 'IOTHREADS', 'L3_ALLOCATION',
            'REALTIME_KERNEL', 'ISOLATED_CPUS', 'REALTIME_READY',
            'MEMORY_LOCK'], short(found))

    def test_an_ordinary_host(self):
        found = short(traits.traits(traits.read(
            self.reader('debian'), topology(1, distances=False), None,
            has_policies=False)))

        self.assertEqual(['NUMA_NODES_1', 'MEMORY_LOCK'], found)

    def test_dedicated_cpus_that_are_not_isolated(self):
        found = short(traits.traits(traits.read(
            self.reader('realtime'), topology(), ALL, frozenset({0, 2}))))

        self.assertIn('REALTIME_KERNEL', found)
        self.assertNotIn('ISOLATED_CPUS', found)
        self.assertNotIn('REALTIME_READY', found)

    def test_memory_that_cannot_be_locked(self):
        reader = self.reader('realtime', {'proc/900/status': (
            'Name:	libvirtd\\nCapEff:	0000000000000000')})

        found = short(traits.traits(traits.read(reader, topology(), ALL)))

        self.assertNotIn('MEMORY_LOCK', found)
        self.assertNotIn('REALTIME_READY', found)

    def test_many_nodes(self):
        found = self.found(host=topology(24))

        self.assertIn('NUMA_NODES_24', found)
        self.assertEqual(
            [f'NUMA_NODES_MIN_{number}' for number in range(2, 17)],
            sorted((name for name in found if 'MIN' in name),
                   key=lambda name: int(name.rpartition('_')[2])))

    def test_old_libvirt(self):
        old = capabilities.DomainCapabilities(
            'kvm', 'x86_64', (), {}, 4000000, 6000000)

        found = self.found(capabilities=old)

        self.assertNotIn('CPU_DIES', found)
        self.assertNotIn('MEMPOLICY_RESTRICTIVE', found)
        self.assertNotIn('IOTHREADS', found)
        self.assertIn('CPU_CACHE', found)

    def test_arm(self):
        for version, has_dies in (9000000, False), (10001000, True):
            found = self.found(capabilities=capabilities.DomainCapabilities(
                'kvm', 'aarch64', (), {}, 8000000, version))
            self.assertNotIn('CPU_CACHE', found)
            self.assertIs(has_dies, 'CPU_DIES' in found)

    def test_sizes_of_pages(self):
        self.assertEqual(
            ['HUGEPAGES', 'HUGEPAGES_16MB', 'HUGEPAGES_1GB', 'HUGEPAGES_2MB',
             'HUGEPAGES_64KB'],
            [name for name in self.found(
                page_sizes=(64, 2048, 16384, 1 << 20)) if 'PAGES' in name])

    @given(st.lists(st.builds(
        cpu_identity.CpuIdentity, st.text(max_size=400), st.text(),
        st.text(), st.text(), st.just(()))))
    def test_placement_takes_each_name(self, kinds):
        for name in traits.traits(traits.Facts(
                topology(), ALL, tuple(kinds))):
            self.assertRegex(name, '^CUSTOM_NUMA_EXT_[A-Z0-9_]+$')
            self.assertLessEqual(len(name), traits.MOST)


@ddt.ddt
class NeedsTest(testtools.TestCase):

    def needs(self, **specs):
        return short(traits.needs(policy.resolve(specs, {})))

    def test_a_profile(self):
        self.assertEqual(
            ['GUEST_POLICY', 'CPU_MODE_HOST_PASSTHROUGH', 'CPU_CACHE',
             'NUMA_NODES_MIN_2', 'HUGEPAGES_1GB', 'IOTHREADS',
             'REALTIME_READY', 'MEMORY_LOCK'], self.needs(**REALTIME))

    def test_lines(self):
        required = traits.required(policy.resolve(
            {'numa_ext:cpu_mode': 'maximum'}, {}))

        self.assertEqual({
            'trait:CUSTOM_NUMA_EXT_GUEST_POLICY': 'required',
            'trait:CUSTOM_NUMA_EXT_CPU_MODE_MAXIMUM': 'required'}, required)

    @ddt.data(
        ({}, []),
        ({'hw:numa_nodes': '1'}, []),
        ({'hw:numa_nodes': '4'}, ['NUMA_NODES_MIN_4']),
        ({'hw:numa_nodes': '40'}, ['NUMA_NODES_MIN_16']),
        ({'hw:numa_nodes': 'x'}, []),
        ({'hw:mem_page_size': 'large'}, ['HUGEPAGES']),
        ({'hw:mem_page_size': 'any'}, []),
        ({'hw:mem_page_size': '4KB'}, []),
        ({'hw:mem_page_size': '2048'}, ['HUGEPAGES_2MB']),
        ({'hw:mem_page_size': '2 MB'}, ['HUGEPAGES_2MB']),
        ({'hw:mem_page_size': '1GiB'}, ['HUGEPAGES_1GB']),
        ({'hw:locked_memory': 'true', 'hw:mem_page_size': 'large'},
         ['HUGEPAGES', 'MEMORY_LOCK']),
        ({'numa_ext:cpu_cache': 'emulate'}, ['GUEST_POLICY', 'CPU_CACHE']),
        ({'numa_ext:cpu_dies': '2'}, ['GUEST_POLICY', 'CPU_DIES']),
        ({'numa_ext:iothreads': 'off'}, ['GUEST_POLICY']),
        ({'numa_ext:numa_distances': 'host'},
         ['GUEST_POLICY', 'NUMA_DISTANCES']),
        ({'numa_ext:numa_distances': 'off'}, ['GUEST_POLICY']),
        ({'numa_ext:numa_mempolicy': 'restrictive'},
         ['GUEST_POLICY', 'MEMPOLICY_RESTRICTIVE']),
        ({'hw:cpu_policy': 'dedicated', 'numa_ext:l3_allocation': '0:4MiB'},
         ['GUEST_POLICY', 'L3_ALLOCATION']),
    )
    @ddt.unpack
    def test_specs(self, specs, expected):
        self.assertEqual(expected, self.needs(**specs))

    def test_each_mode_is_one_that_hosts_have(self):
        (row,) = (row for row in traits.ROWS if row.name == 'CPU_MODE_{MODE}')
        for mode in table.BY_NAME['cpu_mode'].type.words:
            (name,) = row.of([mode])
            self.assertIn(name[len(traits.PREFIX) + 9:], row.help)


class TableTest(testtools.TestCase):

    def test_each_row_is_one_that_placement_takes(self):
        for row in traits.ROWS:
            (name,) = row.of(['1'])
            self.assertRegex(name, '^CUSTOM_NUMA_EXT_[A-Z0-9_]+$')
            self.assertTrue(row.help.endswith('.'), row.name)
            self.assertEqual(row.needs is None, not row.needed, row.name)

    def test_no_name_can_be_anothers(self):
        """A word never makes one row's name another's."""
        patterns = [re.sub(r'\{\w+\}', '[0-9A-Z]+', row.name)
                    for row in traits.ROWS]
        for row, own in zip(traits.ROWS, patterns):
            name = re.sub(r'\{\w+\}', '12', row.name)
            self.assertEqual([own], [
                pattern for pattern in patterns
                if re.fullmatch(pattern, name)])

    def test_stale(self):
        self.assertEqual(
            ('CUSTOM_NUMA_EXT_OLD',), traits.stale(
                {'CUSTOM_NUMA_EXT_OLD', 'CUSTOM_NUMA_EXT_KEPT',
                 'CUSTOM_NUMA', 'HW_CPU_X86_AVX', 'CUSTOM_MINE'},
                {'CUSTOM_NUMA_EXT_KEPT', 'CUSTOM_NUMA_EXT_NEW'}))
