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

import testtools

from nova_numa_ext.policy import errors
from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import rules
from nova_numa_ext.policy import values


class TestJudge(testtools.TestCase):
    """The rules' words; each rule of the table is in test_table."""

    def judge(self, nova=None, **asked):
        origins = {
            name: errors.Origin('flavor', f'numa_ext:{name}', 'as written')
            for name in asked}
        rules.judge(asked, origins, nova or nova_specs.NovaSpecs())

    def refused(self, **asked):
        return self.assertRaises(errors.InvalidRequest, self.judge, **asked)

    def test_nothing(self):
        self.judge()

    def test_needs_another_row(self):
        refused = self.refused(cpu_models=('EPYC',))

        self.assertEqual('this needs numa_ext:cpu_mode', refused.reason)
        self.assertEqual('Set numa_ext:cpu_mode to custom', refused.remedy)

    def test_needs_any_value_of_another_row(self):
        self.assertEqual(
            'Set numa_ext:cpu_models to '
            + values.CpuModels().help, self.refused(cpu_mode='custom').remedy)

    def test_remedy_does_not_offer_what_is_excluded(self):
        self.assertEqual(
            'Set numa_ext:iothreads to per-node, 1 to 16',
            self.refused(
                iothread_scheduler=values.Scheduler('rr', 1)).remedy)

    def test_other_row_has_another_value(self):
        refused = self.refused(cpu_mode='maximum', cpu_models=('EPYC',))

        self.assertEqual(
            "flavor numa_ext:cpu_mode='as written' does not go with it",
            refused.reason)

    def test_needs_one_of_novas(self):
        refused = self.refused(l3_allocation=(values.CacheShare(0, 4),))

        self.assertEqual(
            'this needs hw:cpu_policy=dedicated', refused.reason)
        self.assertEqual('Set it on the flavor', refused.remedy)

    def test_needs_several_of_novas(self):
        refused = self.refused(profile='realtime')

        self.assertEqual(
            'this needs hw:cpu_realtime=yes, hw:cpu_policy=dedicated (or '
            'mixed) and hw:cpu_realtime_mask (such as ^0)', refused.reason)
        self.assertEqual('Set them on the flavor', refused.remedy)

    def test_needs_that_are_met(self):
        self.judge(
            nova_specs.NovaSpecs(
                cpu_policy='mixed', realtime=True,
                emulator_threads_policy='share'),
            profile='realtime', cpu_mode='custom', cpu_models=('EPYC',))

    def test_first_by_name(self):
        refused = self.refused(realtime_priority=3, cpu_mode='custom')

        self.assertEqual('numa_ext:cpu_mode', refused.origin.key)

    def test_excludes(self):
        refused = self.refused(
            iothread_scheduler=values.Scheduler('rr', 1), iothreads='off')

        self.assertEqual(
            "flavor numa_ext:iothreads='as written' does not go with it",
            refused.reason)

    def test_excludes_one_of_novas(self):
        realtime = nova_specs.NovaSpecs(cpu_policy='dedicated', realtime=True)

        refused = self.assertRaises(
            errors.InvalidRequest, self.judge, realtime, ksm=True)

        self.assertEqual(
            'hw:cpu_realtime=yes does not go with it', refused.reason)
        self.judge(realtime, ksm=False)
        self.judge(ksm=True)
