# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The guests' kernel and initial ramdisk, and whether KVM runs them."""

import gzip
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

from tools.demo import plan
from tools.demo import processes

INIT = pathlib.Path(__file__).parent / 'guest' / 'init'
KERNEL_PACKAGE = 'linux-image-cloud-amd64'
# An emulated guest gets its timer's ticks late where the machine is busy: the
# kernel's check of them would end its boot.
COMMAND_LINE = (
    'console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable mitigations=off'
)
UP = 'numa-ext guest is up'
# Stock kernels print their line within two seconds under KVM.
KVM_SECONDS = 15


def cpio(entries):
    """An archive as the kernel reads it: (name, mode, content) each."""
    result = bytearray()
    trailer = [('TRAILER!!!', 0, b'')]
    for inode, (name, mode, content) in enumerate([*entries, *trailer], 1):
        encoded = name.encode() + b'\0'
        numbers = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0]
        numbers += [len(encoded), 0]
        result += b'070701' + b''.join(b'%08X' % n for n in numbers)
        result += encoded
        result += bytes(-len(result) % 4)
        result += content
        result += bytes(-len(result) % 4)
    return bytes(result)


class GuestImage:
    """Files below the state directory: kernel, ramdisk, an empty disk."""

    def __init__(self, cloud):
        self._cloud = cloud
        self.dir = cloud.dir / 'image'
        self.kernel = self.dir / 'kernel'
        self.ramdisk = self.dir / 'ramdisk'
        self.disk = self.dir / 'disk.qcow2'
        self._digest = self.dir / 'digest'

    @property
    def digest(self):
        return self._digest.read_text()

    def build(self):
        """Fetches Debian's packages once; packs the ramdisk when changed."""
        self.dir.mkdir(exist_ok=True)
        init = INIT.read_bytes()
        made_of = init + COMMAND_LINE.encode()
        wanted = hashlib.sha256(made_of).hexdigest()[:12]
        if self._digest.exists() and self.digest == wanted:
            return
        busybox = self.dir / 'busybox'
        if not (self.kernel.exists() and busybox.exists()):
            self._fetch(busybox)
        archive = cpio(
            [
                ('bin', 0o40755, b''),
                ('dev', 0o40755, b''),
                ('proc', 0o40755, b''),
                ('sys', 0o40755, b''),
                ('bin/busybox', 0o100755, busybox.read_bytes()),
                ('init', 0o100755, init),
            ]
        )
        self.ramdisk.write_bytes(gzip.compress(archive, mtime=0))
        self._cloud.processes.command(
            'guest-image',
            ['qemu-img', 'create', '-q', '-f', 'qcow2', self.disk, '4M'],
        )
        self._digest.write_text(wanted)

    def _fetch(self, busybox):
        unpacked = self.dir / 'unpacked'
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        try:
            self._download(unpacked)
        except processes.Failure:
            # The lists name packages that the mirror has replaced.
            self._apt_get('update')
            self._download(unpacked)
        for package in unpacked.glob('*.deb'):
            self._cloud.processes.command(
                'guest-image', ['dpkg-deb', '-x', package, unpacked]
            )
        shutil.copy(unpacked / 'bin' / 'busybox', busybox)
        (kernel,) = unpacked.glob('boot/vmlinuz-*')
        shutil.copy(kernel, self.kernel)
        shutil.rmtree(unpacked)

    def _download(self, folder):
        answer = subprocess.run(
            ['apt-cache', 'depends', KERNEL_PACKAGE],
            capture_output=True,
            text=True,
            env=processes.base_env(),
        )
        match = re.search(r'Depends: (linux-image-\S+)', answer.stdout)
        if match is None:
            raise processes.Failure(
                f'Debian has no package {KERNEL_PACKAGE} here'
            )
        self._apt_get('download', match[1], 'busybox-static', folder=folder)

    def _apt_get(self, *words, folder=None):
        self._cloud.processes.command(
            'guest-image',
            ['apt-get', '-q', '-o', 'APT::Sandbox::User=root', *words],
            # A proxy of the operator's, above all.
            env=dict(os.environ),
            cwd=folder,
        )

    def virt_type(self):
        """kvm where it runs the guests' kernel, found by trying; and why."""
        known = self.dir / 'virt-type'
        key = f'{processes.boot_id()} {self.digest}'
        if known.exists():
            have, virt_type, reason = known.read_text().split('\n')
            if have == key:
                return virt_type, reason
        if not os.access('/dev/kvm', os.R_OK | os.W_OK):
            virt_type, reason = 'qemu', 'there is no /dev/kvm'
        elif self._kvm_runs():
            virt_type, reason = 'kvm', 'a trial guest ran'
        else:
            virt_type = 'qemu'
            reason = (
                '/dev/kvm is there, but a trial guest said nothing '
                f'within {KVM_SECONDS} s'
            )
        known.write_text('\n'.join((key, virt_type, reason)))
        return virt_type, reason

    def _kvm_runs(self):
        console = self.dir / 'kvm-trial.log'
        console.write_text('')
        with open(self._cloud.processes.log('kvm-trial'), 'ab') as log:
            guest = subprocess.Popen(
                [
                    'qemu-system-x86_64',
                    *('-nodefaults', '-display', 'none', '-no-reboot'),
                    *('-accel', 'kvm', '-cpu', 'host', '-m', '192'),
                    *('-kernel', self.kernel, '-initrd', self.ramdisk),
                    *('-append', COMMAND_LINE),
                    *('-serial', f'file:{console}'),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + KVM_SECONDS
        try:
            while time.monotonic() < deadline and guest.poll() is None:
                if UP in console.read_text(errors='replace'):
                    return True
                time.sleep(processes.POLL)
            return False
        finally:
            guest.kill()
            guest.wait()

    def upload(self, connection):
        """The image in Glance, under the name guest; made anew on change."""
        image = connection.image
        found = {each.name: each for each in image.images()}
        parts = {
            'guest-kernel': ('aki', self.kernel),
            'guest-ramdisk': ('ari', self.ramdisk),
        }
        names = ('guest', *parts)
        if all(
            name in found
            and found[name].status == 'active'
            and found[name].properties.get('demo_digest') == self.digest
            for name in names
        ):
            return found['guest']
        for name in names:
            if name in found:
                image.delete_image(found[name])
        made = {}
        for name, (kind, path) in parts.items():
            made[name] = image.create_image(
                name=name,
                filename=str(path),
                disk_format=kind,
                container_format=kind,
                visibility='public',
                demo_digest=self.digest,
            )
        plan.say('Glance: the guest image is uploaded')
        return image.create_image(
            name='guest',
            filename=str(self.disk),
            disk_format='qcow2',
            container_format='bare',
            visibility='public',
            kernel_id=made['guest-kernel'].id,
            ramdisk_id=made['guest-ramdisk'].id,
            os_command_line=COMMAND_LINE,
            demo_digest=self.digest,
        )
