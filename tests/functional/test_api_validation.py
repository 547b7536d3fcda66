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

"""What Nova's API says of extra specs, where this package is installed."""

from nova import utils
from nova.tests.functional.api import client

from nova_numa_ext.policy import table
from tests.functional import base
from tests.unit.policy import test_table


class ApiTestCase(base.TestCase):

    def set_specs(self, specs, flavor=None):
        self.admin_api.post_extra_spec(
            flavor or self.flavor(), {'extra_specs': specs})

    def specs_of(self, flavor):
        return self.admin_api.get_extra_specs(flavor)

    def refused(self, request, *args):
        """Return the sentence of a request that the API refuses."""
        refused = self.assertRaises(
            client.OpenStackApiException, request, *args)
        self.assertEqual(400, refused.response.status_code)
        return refused.response.json()['badRequest']['message']


class ExtraSpecTest(ApiTestCase):
    """From microversion 2.86 on."""

    def test_each_right_value_of_each_row(self):
        flavor = self.flavor()
        for row in table.ROWS:
            for text in test_table.EXAMPLES[row.name].good:
                self.set_specs({row.spec: text}, flavor)
                self.assertEqual(text, self.specs_of(flavor)[row.spec])

    def test_each_wrong_value_of_each_row(self):
        flavor = self.flavor()
        for row in table.ROWS:
            for text in test_table.EXAMPLES[row.name].wrong:
                sentence = self.refused(
                    self.set_specs, {row.spec: text}, flavor)
                self.assertTrue(sentence.startswith(
                    f"flavor {row.spec}='{text}': "), sentence)
                # Why, and the way out.
                self.assertEqual(
                    2, len(sentence.split(': ', 1)[1].split('. ', 1)))
        self.assertEqual({}, self.specs_of(flavor))

    def test_sentences(self):
        for spec, text, sentence in (
            ('cpu_mode', 'host-passtrough',
             'no such value. Did you mean host-passthrough? Known: '
             'host-passthrough, host-model, maximum, custom.'),
            ('iothreads', '17',
             'out of range. Use off or per-node or a number from 1 to 16.'),
            ('emulator_scheduler', 'fifo',
             'not a scheduler with its priority. Write fifo:N or rr:N, with '
             'N from 1 to 99.'),
            ('memballon', 'off',
             'no such name. Did you mean numa_ext:memballoon? Else remove '
             'it.'),
        ):
            self.assertEqual(
                f"flavor numa_ext:{spec}='{text}': {sentence}",
                self.refused(self.set_specs, {f'numa_ext:{spec}': text}))

    def test_update_of_one_spec(self):
        flavor = self.flavor()
        self.set_specs({'numa_ext:ksm': 'on'}, flavor)
        self.assertIn("flavor numa_ext:ksm='no': no such value", self.refused(
            self.admin_api.api_put,
            f'/flavors/{flavor}/os-extra_specs/numa_ext:ksm',
            {'numa_ext:ksm': 'no'}))
        self.assertEqual({'numa_ext:ksm': 'on'}, self.specs_of(flavor))

    def test_one_wrong_spec_of_several_sets_none(self):
        flavor = self.flavor()
        self.refused(self.set_specs, {
            'hw:cpu_policy': 'dedicated', 'numa_ext:ksm': 'on',
            'numa_ext:kvm_hint': 'auto'}, flavor)
        self.assertEqual({}, self.specs_of(flavor))

    def test_a_number(self):
        flavor = self.flavor()
        self.set_specs({'numa_ext:iothreads': 4}, flavor)
        self.assertIn('out of range', self.refused(
            self.set_specs, {'numa_ext:iothreads': 400}, flavor))

    def test_switched_off(self):
        self.flags(guest_policy=False, group='numa_ext')
        self.set_specs({'numa_ext:ksm': 'no', 'numa_ext:kvm_hint': 'auto'})


class OlderClientTest(ApiTestCase):
    """Before microversion 2.86 the compute host is the one to refuse."""

    def test_same_sentence_from_the_compute_host(self):
        specs = {'numa_ext:iothreads': '17'}
        sentence = self.refused(self.set_specs, specs)
        self.start_host()
        flavor = self.flavor()
        with utils.temporary_mutation(
                self.admin_api, microversion=base.UNVALIDATED):
            self.set_specs(specs, flavor)
        server = self._create_server(
            flavor_id=flavor, networks='none', expected_state='ERROR')
        self.assertTrue(
            server['fault']['message'].endswith(f' aborted: {sentence}'),
            server['fault'])


class RealtimeTest(ApiTestCase):
    """Nova's two refusals, which come before any host is asked."""

    def create(self, **specs):
        return self.refused(self._create_server, None, None, self.flavor({
            'hw:cpu_realtime': 'yes',
            **{f'hw:{name}': value for name, value in specs.items()}}), 'none')

    def test_without_dedicated_cpus(self):
        for policy in ({}, {'cpu_policy': 'shared'}):
            self.assertEqual(
                'flavor hw:cpu_realtime: realtime vCPUs need CPUs of their '
                'own. Set hw:cpu_policy=dedicated (or mixed) on the flavor.',
                self.create(cpu_realtime_mask='^0', **policy))

    def test_without_an_ordinary_vcpu(self):
        for mask in ({}, {'cpu_realtime_mask': '0-3'}):
            self.assertEqual(
                'flavor hw:cpu_realtime: realtime vCPUs need an ordinary one '
                'beside them, or emulator threads elsewhere. Set '
                'hw:cpu_realtime_mask=^0, or '
                'hw:emulator_threads_policy=share or isolate.',
                self.create(cpu_policy='dedicated', **mask))

    def test_what_nova_says_more_of_stays(self):
        self.assertIn(
            'not a subset of the vCPUs in the flavor',
            self.create(cpu_policy='dedicated', cpu_realtime_mask='2-7'))
