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

        self.assertEqual({*table.BY_NAME, 'nova', 'origins'}, fields)

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

    def test_defaults_are_what_the_profile_sets(self):
        policy = guest_policy.GuestPolicy(
            profile='realtime', memballoon=False, ksm=True,
            origins={
                'profile': errors.Origin(
                    'flavor', 'numa_ext:profile', 'realtime'),
                'memballoon': errors.Origin(
                    'profile', 'numa_ext:memballoon', 'off'),
                'ksm': errors.Origin('flavor', 'numa_ext:ksm', 'on'),
            })

        self.assertEqual({'memballoon'}, policy.defaults)

    def test_without_a_field(self):
        origins = {
            name: errors.Origin('flavor', f'numa_ext:{name}', 'off')
            for name in ('memballoon', 'ksm')}
        policy = guest_policy.GuestPolicy(
            memballoon=False, ksm=False, origins=origins)

        without = policy.without('ksm')

        self.assertIsNone(without.ksm)
        self.assertIs(False, without.memballoon)
        self.assertEqual({'memballoon'}, set(without.origins))
        self.assertIs(False, policy.ksm)
        self.assertEqual(
            guest_policy.GuestPolicy(), without.without('memballoon'))
