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

import testtools

from nova_numa_ext.policy import errors
from nova_numa_ext.policy import guest_policy
from nova_numa_ext.policy import table


class TestGuestPolicy(testtools.TestCase):

    def test_a_field_for_each_row(self):
        fields = {field.name
                  for field in dataclasses.fields(guest_policy.GuestPolicy)}

        self.assertEqual({*table.BY_NAME, 'origins'}, fields)

    def test_nothing_asked_for(self):
        self.assertFalse(guest_policy.GuestPolicy())

    def test_something_asked_for(self):
        origin = errors.Origin('flavor', 'numa_ext:cpu_migratable', 'off')

        self.assertTrue(guest_policy.GuestPolicy(
            cpu_migratable=False, origins={'cpu_migratable': origin}))

    def test_is_frozen(self):
        policy = guest_policy.GuestPolicy()

        self.assertRaises(
            dataclasses.FrozenInstanceError,
            setattr, policy, 'cpu_mode', 'maximum')
        with testtools.ExpectedException(TypeError):
            policy.origins['cpu_mode'] = None
