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

"""Volumes that are attached to a guest with IO threads."""

import fixtures
from lxml import etree
from nova.tests import fixtures as nova_fixtures

from tests.functional import base

VOLUMES = (
    nova_fixtures.CinderFixture.IMAGE_BACKED_VOL,
    nova_fixtures.CinderFixture.SWAP_OLD_VOL,
)


class AttachVolumeTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(nova_fixtures.CinderFixture(self))
        self.start_host()

    def attach(self, specs, properties=None, volumes=VOLUMES):
        """Return the IO thread of each volume, attached one by one."""
        server = self.boot(specs, properties)
        connection = self.connections['compute1']
        domain = connection.lookupByUUIDString(server['id'])
        live = etree.fromstring(connection.xml[server['id']])
        found = []

        def attach(xml, flags):
            disk = etree.fromstring(xml)
            found.append(disk.find('driver').get('iothread'))
            live.find('devices').append(disk)

        # libvirt's own XML of a guest has the threads, the fake's has not.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.fixtures.libvirt.Domain.XMLDesc',
            lambda self, flags: etree.tostring(live, encoding='unicode')))
        self.useFixture(fixtures.MockPatchObject(
            domain, 'attachDeviceFlags', attach))
        for volume in volumes:
            self._attach_volume(server, volume)
        return found

    def test_by_the_thread_with_the_fewest(self):
        # The disk that the guest has from the start has the first one.
        self.assertEqual(
            ['2', '3'], self.attach({'numa_ext:iothreads': '3'}))

    def test_over_and_over(self):
        self.assertEqual(
            ['2', '1'],
            self.attach({'hw:numa_nodes': '2'},
                        {'numa_ext_iothreads': 'per-node'}))

    def test_as_nova_attaches_them(self):
        self.assertEqual([None], self.attach({}, volumes=VOLUMES[:1]))
        self.assertEqual([None], self.attach(
            {'numa_ext:iothreads': 'off'}, volumes=VOLUMES[1:]))

    def test_switched_off(self):
        self.flags(guest_policy=False, group='numa_ext')
        self.assertEqual(
            [None, None], self.attach({'numa_ext:iothreads': '2'}))
