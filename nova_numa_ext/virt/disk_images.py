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

"""What qemu-img would say of disks, or said, until that is another thing.

An audit reads the header of each disk itself, and qemu-img is not run.

Disks of a domain, for who else asks for them and where a header does not tell
all: filled by who asks, asked anew when the path, the inode or the header of
one is another, and after an hour.
Size of a base image: filled by the first boot, asked anew likewise.

A running guest changes the time of its disk with every write, and Nova that
of a base image with every boot. The header, which is all that ``qemu-img
info`` reads of a qcow2 image but its size on disk, stays. That size is
``st_blocks``, as in QEMU (raw_get_allocated_file_size in block/file-posix.c).
"""

import collections
import hashlib
import os
import threading
import time

from nova.virt import driver

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import qcow2

#: A qcow2 image's header and the name of its backing file are in its first
#: cluster (docs/interop/qcow2.txt in QEMU); 64 KiB is that of most.
HEADER = 64 * 1024
#: Seconds after which is asked in any case, and how many answers are kept.
AGE = 3600.0
KEPT = 4096


def _look(path, header):
    """Return a file's os.stat_result, and its header where it has one."""
    try:
        with open(path, 'rb', buffering=0) as file:
            return (os.fstat(file.fileno()),
                    file.read(HEADER) if header else None)
    except OSError as error:
        raise fast_path.Unknown from error


def _stamp(path, found, begin):
    identity = (path, found.st_dev, found.st_ino)
    if begin is not None:
        return (*identity, hashlib.sha256(begin).digest())
    return (*identity, found.st_mtime_ns, found.st_size, found.st_blocks)


def stamp(path, header):
    """Return what is another once a file is another.

    :param header: whether only its header and identity count, as of a qcow2
        image; else any change of the file does
    :returns: that, and the file's os.stat_result
    :raises nova_numa_ext.compat.fast_path.Unknown: where it is not there or
        may not be read; Nova says what it makes of that
    """
    found, begin = _look(path, header)
    return _stamp(path, found, begin), found


class Remembered:
    """Answers, each with what it is true for.

    :param name: of the cache, in the figures
    """

    def __init__(self, name, clock=time.monotonic):
        self._name = name
        self._clock = clock
        self._kept = collections.OrderedDict()
        self._lock = threading.Lock()

    def find(self, key, stamps):
        """Return the answer that is true for these stamps, None without."""
        now = self._clock()
        with self._lock:
            answer, at, true_for = self._kept.get(key, (None, 0.0, None))
        if answer is None or true_for != stamps or now - at > AGE:
            figures.miss(self._name)
            return None
        figures.hit(self._name, now - at)
        return answer

    def keep(self, key, stamps, answer):
        """Keep an answer.

        :param stamps: taken before it was asked for, so that what changes
            meanwhile is asked for again
        """
        with self._lock:
            self._kept[key] = (answer, self._clock(), stamps)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def local(config, block_device_info):
    """Return which disks of a domain are local: path, target and format.

    :param config: the domain, a nova LibvirtConfigGuest
    :param block_device_info: Nova's, which says which disks are volumes
    :raises nova_numa_ext.compat.fast_path.Unknown: for disks that Nova asks
        others than qemu-img about, as LVM's
    """
    volumes = {
        volume['mount_device'].rpartition('/')[2] for volume in
        driver.block_device_info_get_mapping(block_device_info)}
    disks = [device for device in config.devices
             if device.root_name == 'disk' and device.source_path
             and device.source_type in ('file', 'block')
             and device.target_dev not in volumes]
    if any(device.source_type == 'block' for device in disks):
        raise fast_path.Unknown
    return tuple((device.source_path, device.target_dev,
                  device.driver_format) for device in disks)


class Domain:
    """The local disks of a domain, as they are now.

    :param key: which these are, as from ``local``
    :raises nova_numa_ext.compat.fast_path.Unknown: for those that cannot be
        read
    """

    def __init__(self, key):
        self.key = key
        self._files = {(path, form): _look(path, form == 'qcow2')
                       for path, _target, form in key}

    @classmethod
    def of(cls, config, block_device_info):
        """Return the disks of a domain, as ``local`` takes it."""
        return cls(local(config, block_device_info))

    @property
    def stamps(self):
        return {(path, form): _stamp(path, *file)
                for (path, form), file in self._files.items()}

    def read(self):
        """Return what Nova would, from the disks; None where it must ask."""
        disks = [self._read(path, form) for path, _target, form in self.key]
        return None if None in disks else disks

    def _read(self, path, form):
        found, begin = self._files[path, form]
        size = found.st_blocks * 512
        if form == 'raw':
            header = qcow2.Header(found.st_size, '')
            more = header.virtual_size - size
        elif form == 'qcow2':
            header = qcow2.read(begin)
            if header is None:
                return None
            more = max(0, header.virtual_size - size)
        else:
            return None
        return {
            'type': form, 'path': path,
            'virt_disk_size': header.virtual_size,
            'backing_file': header.backing_file and os.path.basename(
                header.backing_file),
            'disk_size': size, 'over_committed_disk_size': more}

    def now(self, disks):
        """Return Nova's answer of earlier, with sizes on disk of now."""
        return [self._now(disk) for disk in disks]

    def _now(self, disk):
        if disk['type'] != 'qcow2':
            return dict(disk)
        found, _begin = self._files[disk['path'], disk['type']]
        size = found.st_blocks * 512
        return {**disk, 'disk_size': size, 'over_committed_disk_size': max(
            0, int(disk['virt_disk_size']) - size)}
