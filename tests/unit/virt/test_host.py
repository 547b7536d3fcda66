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

from unittest import mock

from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.virt import host


class NumaHostTest(testtools.TestCase):

    def test_adopt(self):
        novas = nova_host.Host('qemu:///system')

        self.assertIs(novas, host.NumaHost.adopt(novas))
        self.assertIsInstance(novas, host.NumaHost)

    def test_each_new_connection_is_shown(self):
        adopted = host.NumaHost.adopt(nova_host.Host('qemu:///system'))
        shown = []
        adopted.on_connected(shown.append)

        with mock.patch.object(adopted, '_connect', autospec=True):
            connection = adopted.get_connection()

        self.assertEqual([connection], shown)

    def test_life_cycle_events_are_shown_before_nova_has_them(self):
        adopted = host.NumaHost.adopt(nova_host.Host('qemu:///system'))
        seen = []
        adopted.on_lifecycle(lambda *event: seen.append(event))
        with mock.patch.object(
                adopted._event_handler, '_queue_event', autospec=True,
                side_effect=seen.append):
            adopted._event_lifecycle_callback(
                mock.sentinel.connection,
                mock.Mock(**{'UUIDString.return_value': 'its UUID'}), 2, 0,
                adopted)

        self.assertEqual(('its UUID', 2, 0), seen[0])
        self.assertEqual('its UUID', seen[1].uuid)
