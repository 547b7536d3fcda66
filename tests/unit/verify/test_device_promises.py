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

from nova_numa_ext.verify import device_promises
from tests.unit.verify import base


class IoThreadTest(base.TestCase):

    def test_kept(self):
        self.assertEqual(
            [('disk vda', '1', '1', True), ('SCSI controller 0', '2', '2',
                                            True)],
            [(row.subject, row.asked, row.got, row.kept)
             for row in self.rows() if row.promise == 'IO thread'])

    def test_another_one(self):
        self.change('cmdline', '"iothread":"iothread1"',
                    '"iothread":"iothread2"')
        self.assertBroken(('disk vda', 'IO thread', '1', '2'))

    def test_none(self):
        self.change('cmdline', '"iothread":"iothread2",', '')
        self.assertBroken(('SCSI controller 0', 'IO thread', '2', 'none'))

    def test_a_disk_that_was_plugged_in_later(self):
        self.change('cmdline', '"id":"virtio-disk0"', '"id":"virtio-disk9"')
        self.assertBroken()
        self.live = self.live.replace("type='raw' iothread='1'", "type='raw'")
        self.assertBroken(('disk vda', 'IO thread', '1', 'none'))

    def test_a_disk_that_is_gone(self):
        self.live = self.live.replace("dev='vda'", "dev='vdb'")
        self.assertBroken(('disk vda', 'IO thread', '1', 'no such device'))


class NoBalloonTest(base.TestCase):

    def test_kept(self):
        self.assertEqual(
            ('none', True), self.judge(device_promises.NoBalloon()))

    def test_there_is_one(self):
        self.change(
            'cmdline', '"driver":"piix3-usb-uhci"',
            '"driver":"virtio-balloon-pci"')
        self.assertBroken(
            ('memory balloon', 'device', 'none', 'virtio-balloon-pci'))

    def test_a_guest_that_has_one_promises_nothing(self):
        self.assertEqual([], list(device_promises.of_domain(self.domain(
            '<devices><memballoon model="virtio"/></devices>'))))
