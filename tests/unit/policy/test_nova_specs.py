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
from hypothesis import strategies as st
import testtools

from nova_numa_ext.policy import errors
from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import table

REALTIME = {'hw:cpu_realtime': 'yes', 'hw:cpu_policy': 'dedicated',
            'hw:cpu_realtime_mask': '^0'}


@ddt.ddt
class TestRead(testtools.TestCase):

    def test_nothing(self):
        self.assertEqual(
            nova_specs.NovaSpecs(), nova_specs.read({'a': 'b'}, {}))

    def test_flavor(self):
        self.assertEqual(
            nova_specs.NovaSpecs(
                'dedicated', True, '^0-1', 'isolate', False, True, '2MB',
                '2', '0-1', '4GB'),
            nova_specs.read({
                'hw:cpu_policy': ' dedicated ',
                'hw:cpu_realtime': 'Yes',
                'hw:cpu_realtime_mask': '^0-1',
                'hw:emulator_threads_policy': 'isolate',
                'hw:pmu': 'off',
                'hw:locked_memory': '1',
                'hw:mem_page_size': '2MB',
                'hw:numa_nodes': '2',
                'hw:numa_cpus.0': '0-1',
                'hw:pmem': '4GB',
            }, {}))

    def test_image(self):
        self.assertEqual(
            nova_specs.NovaSpecs(
                'dedicated', False, '^0', None, True, True, 'large', '4'),
            nova_specs.read({}, {
                'hw_cpu_policy': 'dedicated',
                # The operator's alone, and so not looked at.
                'hw_cpu_realtime': 'yes',
                'hw_emulator_threads_policy': 'share',
                'hw_cpu_realtime_mask': '^0',
                'hw_pmu': 'true',
                'hw_locked_memory': 'true',
                'hw_mem_page_size': 'large',
                'hw_numa_nodes': '4',
            }))

    def test_whose_mask_it_is(self):
        self.assertEqual('^1', nova_specs.read(
            {'hw:cpu_realtime_mask': '^0'},
            {'hw_cpu_realtime_mask': '^1'}).realtime_mask)
        self.assertEqual('^0', nova_specs.read(
            {'hw:cpu_realtime_mask': '^0'},
            {'hw_cpu_realtime_mask': ''}).realtime_mask)

    def test_whose_policy_it_is(self):
        self.assertEqual('mixed', nova_specs.read(
            {'hw:cpu_policy': 'mixed'},
            {'hw_cpu_policy': 'dedicated'}).cpu_policy)

    @ddt.data(
        ({'resources:PCPU': '4'}, 'dedicated'),
        ({'resources1:PCPU': '2'}, 'dedicated'),
        ({'resources:PCPU': '0'}, None),
        ({'resources:PCPU': 'four'}, None),
        ({'resources:VCPU': '4'}, None),
        ({'resources:PCPU': '4', 'hw:cpu_policy': 'shared'}, 'shared'),
    )
    @ddt.unpack
    def test_pcpus(self, specs, expected):
        self.assertEqual(expected, nova_specs.read(specs, {}).cpu_policy)

    @given(st.dictionaries(
        st.sampled_from([*REALTIME, 'hw:pmu', 'resources:PCPU']),
        st.text() | st.sampled_from(['yes', '9' * 5000])))
    def test_is_total(self, specs):
        self.assertIsInstance(
            nova_specs.read(specs, {}), nova_specs.NovaSpecs)


@ddt.ddt
class TestHas(testtools.TestCase):

    nova = nova_specs.NovaSpecs(cpu_policy='mixed', realtime=True)

    @ddt.data(
        ('hw:cpu_policy', (), True),
        ('hw:cpu_policy', ('dedicated',), False),
        ('hw:cpu_policy', ('dedicated', 'mixed'), True),
        ('hw:cpu_realtime', ('yes',), True),
        ('hw:cpu_realtime_mask', (), False),
        ('hw:mem_page_size', (), False),
    )
    @ddt.unpack
    def test_has(self, spec, words, expected):
        self.assertIs(expected, self.nova.has(spec, words))

    def test_what_rules_name_is_known(self):
        for row in table.ROWS:
            for _word, needs in row.needs:
                for spec in filter(None, [needs.name, needs.instead]):
                    if spec in table.BY_NAME:
                        continue
                    self.nova.has(spec)
                    self.assertTrue(
                        needs.words or spec in nova_specs.EXAMPLES
                        or spec == needs.instead, spec)


@ddt.ddt
class TestJudge(testtools.TestCase):

    def judge(self, specs, properties=None):
        nova_specs.judge(
            nova_specs.read(specs, properties or {}), specs)

    @ddt.data(
        {},
        REALTIME,
        {**REALTIME, 'hw:cpu_policy': 'mixed'},
        {**REALTIME, 'hw:cpu_realtime_mask': '',
         'hw:emulator_threads_policy': 'share'},
        {'hw:cpu_realtime': 'no', 'hw:cpu_policy': 'shared'},
    )
    def test_good(self, specs):
        self.judge(specs)

    def test_what_the_image_has(self):
        self.judge({'hw:cpu_realtime': 'on'}, {
            'hw_cpu_policy': 'dedicated', 'hw_cpu_realtime_mask': '^0'})

    @ddt.data(None, 'shared')
    def test_without_dedicated_cpus(self, policy):
        specs = {**REALTIME, 'hw:cpu_realtime': ' True'}
        del specs['hw:cpu_policy']
        if policy:
            specs['hw:cpu_policy'] = policy

        refused = self.assertRaises(errors.InvalidRequest, self.judge, specs)

        self.assertEqual(
            errors.Origin('flavor', 'hw:cpu_realtime', ' True'),
            refused.origin)
        self.assertEqual(
            'Set hw:cpu_policy=dedicated (or mixed) on the flavor',
            refused.remedy)

    def test_without_mask(self):
        refused = self.assertRaises(errors.InvalidRequest, self.judge, {
            'hw:cpu_realtime': 'yes', 'hw:cpu_policy': 'dedicated'})

        self.assertIn('hw:cpu_realtime_mask', refused.remedy)
        self.assertIn('hw:emulator_threads_policy', refused.remedy)
