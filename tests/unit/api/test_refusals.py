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

import fixtures
from nova import exception
import nova.conf
from oslo_config import fixture as config_fixture
import testtools

from nova_numa_ext.api import refusals

CONF = nova.conf.CONF
STOCK = {
    exception.RealtimeConfigurationInvalid:
        'Cannot set realtime policy in a non dedicated cpu pinning policy',
    exception.RealtimeMaskNotFoundOrInvalid:
        'Use of realtime CPUs requires either one or more non-realtime '
        'CPU(s) or offloaded emulator threads.',
}


class TestReword(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(config_fixture.Config(CONF))
        for refusal, message in STOCK.items():
            self.useFixture(fixtures.MonkeyPatch(
                f'nova.exception.{refusal.__name__}.msg_fmt', message))

    def messages(self):
        return {refusal: refusal().format_message() for refusal in STOCK}

    def test_each_names_the_spec_to_set(self):
        refusals.reword()

        self.assertEqual({
            exception.RealtimeConfigurationInvalid:
                'flavor hw:cpu_realtime: realtime vCPUs need CPUs of their '
                'own. Set hw:cpu_policy=dedicated (or mixed) on the flavor.',
            exception.RealtimeMaskNotFoundOrInvalid:
                'flavor hw:cpu_realtime: realtime vCPUs need an ordinary one '
                'beside them, or emulator threads elsewhere. Set '
                'hw:cpu_realtime_mask=^0, or '
                'hw:emulator_threads_policy=share or isolate.',
        }, self.messages())

    def test_twice(self):
        refusals.reword()
        once = self.messages()

        refusals.reword()

        self.assertEqual(once, self.messages())

    def test_message_of_its_own_stays(self):
        refusals.reword()

        self.assertEqual(
            'Another.', exception.RealtimeMaskNotFoundOrInvalid(
                'Another.').format_message())

    def test_off(self):
        self.conf.config(guest_policy=False, group='numa_ext')

        refusals.reword()

        self.assertEqual(STOCK, self.messages())
