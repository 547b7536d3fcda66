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

"""Disks and storage pools, looked at when they have changed."""

import threading
import time

from nova import exception
import nova.conf
from nova.virt import images
from nova.virt.disk import api as disk_api
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import imagebackend
from oslo_log import log as logging

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import disk_images
from nova_numa_ext.virt import time_limit

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

#: Seconds for which the size of a storage pool is good enough for a claim.
#: An audit asks anew.
POOL_AGE = 120.0
#: Seconds that an audit waits for the disks of one guest.
PATIENCE = 5.0

RELIED_ON_DISKS = {
    nova_driver.LibvirtDriver: {
        '_get_instance_disk_info_from_config':
            '(self, guest_config, block_device_info)',
    },
}
RELIED_ON_IMAGES = {
    imagebackend.Backend: {'backend': '(self, image_type=None)'},
    imagebackend.Image: {
        'get_disk_size': '(self, name)',
        'resize_image': '(self, size)',
    },
    imagebackend.Qcow2: {
        'create_image': (
            # Nova 27 and older.
            '(self, prepare_template, base, size, *args, **kwargs)',
            '(self, prepare_template, base, size, safe=False, *args, '
            '**kwargs)',
        ),
    },
    disk_api: {'extend': '(image, size)'},
    images: {'qemu_img_info': '(path, format=None)'},
}
RELIED_ON_POOLS = {
    nova_driver.LibvirtDriver: {
        '_get_local_gb_info': '()',
        'update_provider_tree':
            '(self, provider_tree, nodename, allocations=None)',
    },
}


def qcow2_of(base, path, known):
    """Return a class like Nova's for qcow2 images, which asks less.

    :param base: Nova's class
    :param path: the FastPath that it is
    :param known: a disk_images.Remembered, of sizes in bytes
    """
    class RememberingQcow2(base):

        _made_with = None

        def create_image(self, prepare_template, base, size, *args, **kwargs):
            is_new = not self.exists()
            super().create_image(
                prepare_template, base, size, *args, **kwargs)
            self._made_with = size if is_new else None

        def resize_image(self, size):
            # Nova asks qemu-img, and finds that the image is of this size.
            if not path.is_usable() or path.shadow or self._made_with != size:
                super().resize_image(size)

        def get_disk_size(self, name):
            asked = []

            def remembered():
                # A raw image has no header that tells its size.
                found, stat = disk_images.stamp(name, header=True)
                asked.append((*found, stat.st_size))
                size = known.find(name, asked[0])
                if size is None:
                    raise fast_path.Unknown
                return size

            def ask():
                size = super(RememberingQcow2, self).get_disk_size(name)
                if asked:
                    known.keep(name, asked[0], size)
                return size

            return path.answer(remembered, ask)

    RememberingQcow2.__name__ = base.__name__
    RememberingQcow2.__qualname__ = base.__qualname__
    return RememberingQcow2


class Disks:
    """A part of the driver: what it knows of disks and storage pools."""

    def _init_disks(self):
        on = CONF.numa_ext.reduce_libvirt_calls
        shadow = CONF.numa_ext.shadow
        self._disks = disk_images.Remembered('disks')
        base_images = disk_images.Remembered('base_images')
        self._disks_path = fast_path.FastPath(
            'disks', 'reduce_libvirt_calls', on, RELIED_ON_DISKS, shadow)
        images_path = fast_path.FastPath(
            'base_images', 'reduce_libvirt_calls', on, RELIED_ON_IMAGES,
            shadow)
        self._pool_path = fast_path.FastPath(
            'storage_pool', 'coalesce_updates', CONF.numa_ext.coalesce_updates,
            RELIED_ON_POOLS, shadow)
        self._pool = None
        self._claim = threading.local()
        self._audit = threading.local()
        self._patience = time_limit.TimeLimit(PATIENCE)
        if on:
            backends = self.image_backend.BACKEND
            ours = qcow2_of(
                imagebackend.Qcow2, images_path, base_images)
            for name, backend in backends.items():
                if backend is imagebackend.Qcow2:
                    backends[name] = ours

    def _get_instance_disk_info_from_config(
            self, guest_config, block_device_info):
        domains = []

        def look():
            return disk_images.Domain.of(guest_config, block_device_info)

        def remembered():
            domain = self._looked_at(
                guest_config.uuid, guest_config.name, look)
            self._note_disks(guest_config, domain.key)
            domains.append(domain)
            return self._disks_of(domain)

        def ask():
            disks = super(Disks, self)._get_instance_disk_info_from_config(
                guest_config, block_device_info)
            for domain in domains[:1]:
                self._disks.keep(
                    domain.key, domain.stamps, [dict(disk) for disk in disks])
            return disks

        return self._disks_path.answer(
            remembered, ask, passes=(exception.DiskNotFound,))

    def _note_disks(self, config, key):
        """Note which disks of a domain are local, as Nova has it."""

    def _disks_of(self, domain):
        """Return what Nova would of a domain's disks, without asking."""
        disks = domain.read() if self._in_audit() else None
        if disks is not None:
            figures.hit('disks', 0.0)
            return disks
        disks = self._disks.find(domain.key, domain.stamps)
        if disks is None:
            raise fast_path.Unknown
        return domain.now(disks)

    def _looked_at(self, uuid, name, look):
        """Return what ``look`` gives; an audit does not wait for it forever.

        Nova's audit says of a guest whose disk is not there that it is left
        out, and goes on with the others.
        """
        if not self._in_audit():
            return look()
        try:
            return self._patience.ask(uuid, look)
        except time_limit.Stuck as error:
            LOG.warning(
                'The disks of %(name)s (%(uuid)s) do not answer within '
                '%(seconds)d s. The audit goes on without them; see whether '
                'what they are on is there.', {
                    'name': name, 'uuid': uuid, 'seconds': PATIENCE})
            raise exception.DiskNotFound(location=f'of {name}') from error

    def _in_audit(self):
        return getattr(self._audit, 'is_one', False)

    def get_available_resource(self, nodename):
        self._audit.is_one = True
        try:
            return super().get_available_resource(nodename)
        finally:
            self._audit.is_one = False

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        self._claim.is_one = True
        try:
            super().update_provider_tree(
                provider_tree, nodename, allocations=allocations)
        finally:
            self._claim.is_one = False

    def _get_local_gb_info(self):
        """Return the size of where guests' disks are, as Nova does.

        Nova runs ``ceph df`` or ``vgs`` for each guest that comes or goes,
        with all others waiting, and sends placement the total. Filled by any
        call; what a claim sends may be as old as POOL_AGE, an audit asks.
        """
        def ask():
            found = nova_driver.LibvirtDriver._get_local_gb_info()
            self._pool = (time.monotonic(), dict(found))
            return found

        def remembered():
            pool = self._pool
            if pool is None or time.monotonic() - pool[0] > POOL_AGE:
                figures.miss('storage_pool')
                raise fast_path.Unknown
            figures.hit('storage_pool', time.monotonic() - pool[0])
            return dict(pool[1])

        if CONF.libvirt.images_type not in ('lvm', 'rbd') or not getattr(
                self._claim, 'is_one', False):
            return ask()
        return self._pool_path.answer(
            remembered, ask,
            same=lambda one, other: one['total'] == other['total'])
