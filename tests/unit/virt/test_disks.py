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
from unittest import mock

import fixtures
from nova import exception
from nova import objects
import nova.conf
from nova.tests import fixtures as nova_fixtures
from nova.virt import images
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import imagebackend
import testtools

from nova_numa_ext import figures
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import disk_images
from nova_numa_ext.virt import disks
from nova_numa_ext.virt import time_limit
from tests.unit.virt import test_qcow2

CONF = nova.conf.CONF
opts.register_opts(CONF)

#: The start of a disk's header: version 3, nothing behind it.
QCOW2 = b'QFI\xfb\0\0\0\3'
GIB = 1 << 30
UUID = '9b28a1d5-3c4e-4f9a-8d1e-5a0f6c7b8e21'


class Nova:
    """As much of Nova's driver as these parts are over."""

    def __init__(self):
        self.image_backend = imagebackend.Backend(True)

    _get_local_gb_info = nova_driver.LibvirtDriver._get_local_gb_info
    _get_instance_disk_info_from_config = (
        nova_driver.LibvirtDriver._get_instance_disk_info_from_config)

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        provider_tree.append(self._get_local_gb_info()['total'])


class Driver(disks.Disks, Nova):

    def __init__(self):
        super().__init__()
        self._init_disks()


class Image:
    """What qemu-img would say of an image."""

    file_format = 'qcow2'
    backing_file = cluster_size = None
    format_specific = {}
    virtual_size = GIB
    disk_size = 0


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(nova_fixtures.ConfFixture(CONF)).conf
        folder = self.useFixture(fixtures.TempDir()).path
        self.folder = pathlib.Path(folder)
        self.set('instances_path', folder)
        self.info = self.useFixture(fixtures.MockPatch(
            'nova.virt.images.qemu_img_info', autospec=True,
            side_effect=self.qemu_img_info)).mock

    def qemu_img_info(self, path, format=None):
        return Image()

    def set(self, name, value, group=None):
        CONF.set_override(name, value, group=group)
        self.addCleanup(CONF.clear_override, name, group=group)

    def image(self, path):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(QCOW2.ljust(disk_images.HEADER, b'\0'))
        return path


class BootTest(TestCase):

    def setUp(self):
        super().setUp()
        self.base = self.image(self.folder / '_base' / 'base')
        # Not in every release.
        if hasattr(images, 'get_image_format'):
            self.useFixture(fixtures.MockPatch(
                'nova.virt.images.get_image_format', autospec=True))
        self.useFixture(fixtures.MockPatch(
            'nova.privsep.path.utime', autospec=True, side_effect=os.utime))
        # qemu-img create
        self.useFixture(fixtures.MockPatch(
            'oslo_concurrency.processutils.execute', autospec=True,
            side_effect=lambda *args, **kwargs: self.image(
                self.folder / UUID / 'disk')))
        self.useFixture(fixtures.MockPatch(
            'nova.virt.libvirt.imagebackend.Image._can_fallocate',
            return_value=False))

    def create(self, driver, size=GIB):
        """Make a guest's disk; return how often qemu-img was asked."""
        disk = self.folder / UUID / 'disk'
        disk.unlink(missing_ok=True)
        disk.parent.mkdir(exist_ok=True)
        before = self.info.call_count
        driver.image_backend.by_name(
            objects.Instance(uuid=UUID), 'disk', 'qcow2').cache(
                fetch_func=mock.Mock(), filename='base', size=size)
        return self.info.call_count - before

    def test_a_base_that_is_not_there_is_fetched(self):
        """As Nova's backend does it, which this one is."""
        fetched = []

        def fetch(target, **kwargs):
            fetched.append(pathlib.Path(target))
            self.image(fetched[-1])

        backend = Driver().image_backend.by_name(
            objects.Instance(uuid=UUID), 'disk', 'qcow2')
        backend.cache(fetch_func=fetch, filename='another', size=GIB)

        self.assertEqual([self.folder / '_base' / 'another'], fetched)
        self.assertIsInstance(backend, imagebackend.Qcow2)
        self.assertTrue(backend.exists())

    def test_the_base_is_asked_about_once(self):
        driver = Driver()

        # The one left is in libvirt_utils.create_image.
        self.assertEqual([2, 1, 1], [self.create(driver) for _ in range(3)])

    def test_off(self):
        self.set('reduce_libvirt_calls', False, 'numa_ext')
        driver = Driver()

        self.assertIs(
            imagebackend.Qcow2, driver.image_backend.backend('qcow2'))
        self.assertEqual([3, 3], [self.create(driver) for _ in range(2)])

    def test_another_base(self):
        driver = Driver()
        self.create(driver)
        self.image(self.base.with_suffix('.new')).replace(self.base)

        self.assertEqual(2, self.create(driver))

    def test_a_raw_base_of_another_size(self):
        driver = Driver()
        self.create(driver)
        with self.base.open('ab') as file:
            file.write(b'more')

        self.assertEqual(2, self.create(driver))

    def test_a_disk_that_is_to_grow(self):
        driver = Driver()
        self.create(driver)
        image = driver.image_backend.by_name(
            objects.Instance(uuid=UUID), 'disk', 'qcow2')
        with mock.patch('nova.virt.disk.api.extend', autospec=True) as extend:
            image.cache(fetch_func=mock.Mock(), filename='base',
                        size=2 * GIB)

        extend.assert_called_once()
        self.assertEqual(2 * GIB, extend.call_args.args[1])

    def test_shadow_asks_as_nova_does(self):
        self.set('shadow', True, 'numa_ext')
        driver = Driver()

        self.assertEqual([3, 3], [self.create(driver) for _ in range(2)])
        self.assertEqual(0, figures.value(
            'shadow_mismatches_total', fast_path='base_images'))


class DomainTest(TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.image(self.folder / 'disk')
        self.config = vconfig.LibvirtConfigGuest()
        disk = vconfig.LibvirtConfigGuestDisk()
        disk.source_type = 'file'
        disk.source_path = str(self.path)
        disk.target_dev = 'vda'
        disk.driver_format = 'qcow2'
        self.config.add_device(disk)

    def ask(self, driver):
        before = self.info.call_count
        with mock.patch('nova.virt.libvirt.utils.get_disk_backing_file',
                        autospec=True, return_value='base'):
            disk, = driver._get_instance_disk_info_from_config(
                self.config, None)
        self.assertEqual(
            ('base', GIB), (disk['backing_file'], disk['virt_disk_size']))
        return disk, self.info.call_count - before

    def test_an_unchanged_disk_is_not_asked_about(self):
        driver = Driver()
        _first, asked = self.ask(driver)
        self.assertEqual(1, asked)
        disk, asked = self.ask(driver)
        self.assertEqual(0, asked)
        self.assertEqual(self.path.stat().st_blocks * 512, disk['disk_size'])

    def test_an_audit_reads_the_disk_itself(self):
        self.path.write_bytes(test_qcow2.image(name=b'/images/base'))
        for shadow, asked in ((False, 0), (True, 2)):
            self.set('shadow', shadow, 'numa_ext')
            log = self.useFixture(fixtures.FakeLogger())
            driver = Driver()
            with mock.patch.object(
                    Nova, 'get_available_resource', create=True,
                    new=lambda self, node: [self.asked() for _ in range(2)]):
                driver.asked = lambda driver=driver: self.ask(driver)[1]
                answers = driver.get_available_resource('node')
            self.assertEqual(asked, sum(answers))
            # The size on disk is what qemu-img would say, of what is there.
            self.assertEqual(shadow, 'shadow: disks' in log.output)

    def test_an_audit_that_cannot_read_it_asks_once(self):
        driver = Driver()
        self.path.write_bytes(test_qcow2.image(features=4))
        with mock.patch.object(
                Nova, 'get_available_resource', create=True,
                new=lambda self, node: [self.asked() for _ in range(3)]):
            driver.asked = lambda: self.ask(driver)[1]
            self.assertEqual([1, 0, 0], driver.get_available_resource('node'))

    def test_an_audit_goes_on_without_a_disk_that_does_not_answer(self):
        driver = Driver()
        driver._patience = time_limit.TimeLimit(0.2)
        log = self.useFixture(fixtures.FakeLogger())
        self.config.name, self.config.uuid = 'instance-1', UUID
        self.path.unlink()
        # What opens it waits for somebody who writes.
        os.mkfifo(self.path)
        self.addCleanup(os.close, os.open(self.path, os.O_RDWR))
        with mock.patch.object(
                Nova, 'get_available_resource', create=True,
                new=lambda self, node: self.asked()):
            driver.asked = lambda: self.ask(driver)
            self.assertRaises(
                exception.DiskNotFound, driver.get_available_resource, 'node')
        self.assertIn(f'The disks of instance-1 ({UUID}) do not answer',
                      log.output)
        self.assertEqual(0, self.info.call_count)

    def test_a_disk_of_another_size(self):
        driver = Driver()
        self.ask(driver)
        with self.path.open('r+b') as file:
            file.seek(24)
            file.write(b'x')

        self.assertEqual(1, self.ask(driver)[1])

    def test_who_asks_cannot_change_what_is_remembered(self):
        driver = Driver()
        self.ask(driver)[0].clear()
        self.ask(driver)[0].clear()

        self.assertEqual(0, self.ask(driver)[1])

    def test_off(self):
        self.set('reduce_libvirt_calls', False, 'numa_ext')
        driver = Driver()

        self.assertEqual([1, 1], [self.ask(driver)[1] for _ in range(2)])


class PoolTest(TestCase):

    def setUp(self):
        super().setUp()
        self.set('images_type', 'lvm', 'libvirt')
        self.total = 10 * GIB
        self.vgs = self.useFixture(fixtures.MockPatch(
            'nova.virt.libvirt.storage.lvm.get_volume_group_info',
            autospec=True, side_effect=lambda group: {
                'total': self.total, 'free': 0, 'used': 0})).mock

    def claim(self, driver):
        tree = []
        driver.update_provider_tree(tree, 'node')
        return tree

    def test_claims_do_with_what_the_audit_asked(self):
        driver = Driver()
        self.assertEqual(10, driver._get_local_gb_info()['total'])
        self.assertEqual([10], self.claim(driver))
        self.assertEqual(1, self.vgs.call_count)

        self.total = 20 * GIB
        self.assertEqual(20, driver._get_local_gb_info()['total'])
        self.assertEqual([20], self.claim(driver))
        self.assertEqual(2, self.vgs.call_count)

    def test_not_for_long(self):
        driver = Driver()
        driver._get_local_gb_info()
        self.total = 20 * GIB
        with mock.patch('time.monotonic', autospec=True, return_value=(
                disks.time.monotonic() + disks.POOL_AGE + 1)):
            self.assertEqual([20], self.claim(driver))

    def test_a_pool_that_cannot_be_asked(self):
        self.vgs.side_effect = RuntimeError('no such group')

        self.assertRaises(RuntimeError, self.claim, Driver())
        self.assertEqual(1, self.vgs.call_count)

    def test_off(self):
        self.set('coalesce_updates', False, 'numa_ext')
        driver = Driver()
        driver._get_local_gb_info()
        self.claim(driver)

        self.assertEqual(2, self.vgs.call_count)
