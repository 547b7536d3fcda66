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

from nova_numa_ext.verify import evidence
from tests.unit.host import tree
from tests.unit.verify import base


class EvidenceTest(base.TestCase):

    def test_a_guest_that_is_not_here(self):
        reader = self.useFixture(tree.Tree(tree.saved('debian'))).reader
        self.assertIsNone(evidence.gather(reader, base.UUID, self.live))

    def test_all_there_is(self):
        found = self.evidence()
        self.assertEqual(4000, found.pid)
        self.assertEqual(11, len(found.threads))
        self.assertTrue(found.areas)
        self.assertEqual(0, found.locked_kib)
        self.assertEqual(0, found.merged_pages)
        self.assertEqual({0, 1}, found.online)
        self.assertEqual('instance-0000000a', found.domain.findtext('name'))

    def test_option(self):
        found = self.evidence()
        self.assertEqual('qemu64', found.option('-cpu'))
        self.assertEqual('', found.option('-no-such'))

    def test_devices(self):
        found = {
            device['id']: device.get('iothread')
            for device in self.evidence().devices}
        self.assertEqual('iothread1', found['virtio-disk0'])
        self.assertEqual('iothread2', found['scsi0'])
        self.assertIsNone(found['scsi0-0-0-0'])

    def test_devices_in_the_older_way(self):
        # Before libvirt 7.9.
        self.files[f'{base.PROC}/cmdline'] = (
            f'qemu\\x00-uuid\\x00{base.UUID}\\x00-device\\x00'
            'virtio-blk-pci,iothread=iothread1,bus=pci.0,id=virtio-disk0')
        self.assertEqual(
            ({'driver': 'virtio-blk-pci', 'iothread': 'iothread1',
              'bus': 'pci.0', 'id': 'virtio-disk0'},),
            self.evidence().devices)
