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

"""The guest of the benchmark: says that it is up, and halts.

A boot sector, run by the firmware: nothing that boots is smaller or uses
less of an emulated CPU.
"""

import hashlib
import struct

from tools.demo import guest_image
from tools.demo import plan
from tools.demo import processes

UP = b'bench guest is up'
SECTORS = 2048
SECTOR = 512
# Of the partition table, and of a partition without a filesystem.
TABLE = 446
PARTITION_TYPE = 0xDA
SERIAL_PORT = 0x3F8
ORIGIN = 0x7C00


def boot_sector():
    """Real mode: each byte of the text to the serial port, then halt."""
    head = bytes(
        (
            0xFA,  # cli
            *(0x31, 0xC0),  # xor ax, ax
            *(0x8E, 0xD8),  # mov ds, ax
            *(0xFC, 0xBE),  # cld; mov si, (text)
        )
    )
    # Offsets of jumps are from the end of each.
    tail = bytes(
        (
            0xAC,  # next: lodsb
            *(0x84, 0xC0),  # test al, al
            *(0x74, 0x11),  # jz halt
            *(0x88, 0xC4),  # mov ah, al
            *(0xBA, *(SERIAL_PORT + 5).to_bytes(2, 'little')),  # mov dx, LSR
            0xEC,  # wait: in al, dx
            *(0xA8, 0x20),  # test al, 0x20
            *(0x74, 0xFB),  # jz wait
            *(0x88, 0xE0),  # mov al, ah
            *(0xB2, SERIAL_PORT & 0xFF),  # mov dl, (data)
            *(0xEE, 0xEB, 0xEA),  # out dx, al; jmp next
            *(0xF4, 0xEB, 0xFD),  # halt: hlt; jmp halt
        )
    )
    text = ORIGIN + len(head) + 2 + len(tail)
    code = head + text.to_bytes(2, 'little') + tail + b'\r\n' + UP + b'\r\n\0'
    # Glance and Nova take no disk that has a boot sector and no partition.
    partition = struct.pack(
        '<B3sB3sII', 0x80, b'', PARTITION_TYPE, b'', 1, SECTORS - 1
    )
    table = partition.ljust(4 * len(partition), b'\0')
    return code.ljust(TABLE, b'\0') + table + b'\x55\xaa'


class BenchImage(guest_image.GuestImage):
    """A disk with that boot sector; emulated everywhere, to compare."""

    def build(self):
        self.dir.mkdir(exist_ok=True)
        sector = boot_sector()
        wanted = hashlib.sha256(sector).hexdigest()[:12]
        if self._digest.exists() and self.digest == wanted:
            return
        raw = self.dir / 'disk.raw'
        raw.write_bytes(sector.ljust(SECTOR * SECTORS, b'\0'))
        words = ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2']
        self._cloud.processes.command('guest-image', [*words, raw, self.disk])
        self._digest.write_text(wanted)

    def virt_type(self):
        return 'qemu', 'all sides, on all machines'

    def upload(self, connection):
        image = connection.image
        for found in image.images(name='bench'):
            if (
                found.status == 'active'
                and found.properties.get('demo_digest') == self.digest
            ):
                return found
            image.delete_image(found)
        plan.say('Glance: the guest image is uploaded')
        return image.create_image(
            name='bench',
            filename=str(self.disk),
            disk_format='qcow2',
            container_format='bare',
            visibility='public',
            demo_digest=self.digest,
        )


def said_at(console):
    """When a guest said that it is up, by the clock; None before."""
    try:
        if UP in console.read_bytes():
            return console.stat().st_mtime
    except OSError as error:
        raise processes.Failure(f'{console}: {error}') from error
    return None
