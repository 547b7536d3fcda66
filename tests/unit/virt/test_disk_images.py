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

import os
import pathlib

import fixtures
from nova.virt.libvirt import config as vconfig
import testtools

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import disk_images
from tests.unit.virt import test_qcow2


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def qcow2(self, name='disk'):
        """Make what has a header, and after it what a guest wrote."""
        path = self.folder / name
        path.write_bytes(b'QFI\xfb'.ljust(disk_images.HEADER) + b'data')
        return path

    def write(self, path, offset, data):
        with path.open('r+b') as file:
            file.seek(offset)
            file.write(data)

    def stamp(self, path, header=True):
        return disk_images.stamp(str(path), header)[0]


class StampTest(TestCase):

    def test_a_guest_that_writes_does_not_change_what_qemu_img_reads(self):
        path = self.qcow2()
        before = self.stamp(path)
        whole = self.stamp(path, header=False)
        self.write(path, disk_images.HEADER, b'more than it was')
        os.utime(path, (1, 1))

        self.assertEqual(before, self.stamp(path))
        self.assertNotEqual(whole, self.stamp(path, header=False))

    def test_another_header_and_another_file(self):
        path = self.qcow2()
        stamps = [self.stamp(path)]
        for offset in (24, disk_images.HEADER - 1):
            self.write(path, offset, b'x')
            stamps.append(self.stamp(path))
        (self.folder / 'copy').write_bytes(path.read_bytes())
        os.replace(self.folder / 'copy', path)
        stamps.append(self.stamp(path))

        self.assertEqual(4, len(set(stamps)))

    def test_not_there(self):
        self.assertRaises(
            fast_path.Unknown, self.stamp, self.folder / 'nothing')


class RememberedTest(TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.known = disk_images.Remembered('test', lambda: self.now)

    def test_true_for_its_stamps_only(self):
        self.assertIsNone(self.known.find('a', 1))
        self.known.keep('a', 1, 'answer')

        self.assertEqual('answer', self.known.find('a', 1))
        self.assertIsNone(self.known.find('a', 2))
        self.assertIsNone(self.known.find('b', 1))

    def test_asked_anew_after_its_age(self):
        self.known.keep('a', 1, 'answer')
        self.now += disk_images.AGE
        self.assertEqual('answer', self.known.find('a', 1))
        self.now += 1
        self.assertIsNone(self.known.find('a', 1))

    def test_the_oldest_goes_first(self):
        for number in range(disk_images.KEPT + 1):
            self.known.keep(number, 1, number)

        self.assertIsNone(self.known.find(0, 1))
        self.assertEqual(1, self.known.find(1, 1))


class DomainTest(TestCase):

    def config(self, *disks):
        config = vconfig.LibvirtConfigGuest()
        for path, target, form, source in disks:
            disk = vconfig.LibvirtConfigGuestDisk()
            disk.source_type = source
            disk.source_path = str(path)
            disk.target_dev = target
            disk.driver_format = form
            config.add_device(disk)
        return config

    def test_sizes_on_disk_are_those_of_now(self):
        path = self.qcow2()
        config = self.config((path, 'vda', 'qcow2', 'file'))
        novas = {
            'type': 'qcow2', 'path': str(path), 'backing_file': '',
            'virt_disk_size': 64 << 20, 'disk_size': 1,
            'over_committed_disk_size': 1}
        self.write(path, disk_images.HEADER, b'x' * (8 << 20))

        [disk] = disk_images.Domain.of(config, None).now([novas])

        size = path.stat().st_blocks * 512
        self.assertGreater(size, 8 << 20)
        self.assertEqual({
            **novas, 'disk_size': size,
            'over_committed_disk_size': (64 << 20) - size}, disk)

    def test_read(self):
        """As Nova would say it, without qemu-img."""
        path = self.folder / 'disk'
        path.write_bytes(test_qcow2.image(size=64 << 20, name=b'/images/base'))
        self.write(path, disk_images.HEADER, b'x' * (8 << 20))
        raw = self.folder / 'raw'
        raw.write_bytes(b'x')
        os.truncate(raw, 4 << 20)

        disks = disk_images.Domain.of(self.config(
            (path, 'vda', 'qcow2', 'file'),
            (raw, 'vdb', 'raw', 'file')), None).read()

        sizes = [each.stat().st_blocks * 512 for each in (path, raw)]
        self.assertEqual([
            {'type': 'qcow2', 'path': str(path), 'backing_file': 'base',
             'virt_disk_size': 64 << 20, 'disk_size': sizes[0],
             'over_committed_disk_size': (64 << 20) - sizes[0]},
            {'type': 'raw', 'path': str(raw), 'backing_file': '',
             'virt_disk_size': 4 << 20, 'disk_size': sizes[1],
             'over_committed_disk_size': (4 << 20) - sizes[1]},
        ], disks)

    def test_more_on_disk_than_the_guest_sees(self):
        path = self.folder / 'disk'
        path.write_bytes(test_qcow2.image(size=1 << 20))
        self.write(path, disk_images.HEADER, b'x' * (8 << 20))

        [disk] = disk_images.Domain.of(
            self.config((path, 'vda', 'qcow2', 'file')), None).read()

        self.assertEqual(
            (None, 0),
            (disk['backing_file'], disk['over_committed_disk_size']))

    def test_what_cannot_be_read(self):
        """Of all disks, where it is one: Nova asks about all."""
        path = self.folder / 'disk'
        path.write_bytes(test_qcow2.image())
        good = (path, 'vda', 'qcow2', 'file')
        for bad in ((self.qcow2('bad'), 'vdb', 'qcow2', 'file'),
                    (path, 'vdb', 'ploop', 'file')):
            domain = disk_images.Domain.of(self.config(good, bad), None)

            self.assertIsNone(domain.read())
            self.assertEqual(2, len(domain.stamps))

    def test_volumes_and_disks_of_other_hosts_do_not_count(self):
        path = self.qcow2()
        local = (path, 'vda', 'qcow2', 'file')
        domain = disk_images.Domain.of(self.config(
            local, ('/dev/sdx', 'vdb', 'raw', 'block'),
            ('rbd/x', 'vdc', 'raw', 'network')),
            {'block_device_mapping': [{'mount_device': '/dev/vdb'}]})

        self.assertEqual(
            disk_images.Domain.of(self.config(local), None).key, domain.key)

    def test_block_devices_that_are_no_volumes(self):
        self.assertRaises(
            fast_path.Unknown, disk_images.Domain.of, self.config(
                ('/dev/vg/disk', 'vda', 'raw', 'block')), None)

    def test_a_raw_disk_that_was_written_to(self):
        path = self.folder / 'disk.config'
        path.write_bytes(b'\0' * 4096)
        config = self.config((path, 'sda', 'raw', 'file'))
        before = disk_images.Domain.of(config, None)
        path.write_bytes(b'\0' * 8192)
        after = disk_images.Domain.of(config, None)

        self.assertEqual(before.key, after.key)
        self.assertNotEqual(before.stamps, after.stamps)
