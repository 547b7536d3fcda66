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

"""The headers that qemu-img writes, read here and by itself."""

import json
import os
import subprocess

import fixtures
import testtools

from nova_numa_ext.virt import disk_images
from nova_numa_ext.virt import qcow2

#: What `qemu-img create` is given, and whether it all is in the header.
IMAGES = {
    'plain': (['-o', 'compat=1.1'], True),
    'old': (['-o', 'compat=0.10'], True),
    'small clusters': (['-o', 'cluster_size=512'], True),
    'large clusters': (['-o', 'cluster_size=2M'], True),
    'extended L2': (['-o', 'extended_l2=on,cluster_size=128k'], True),
    'backing file': (['-b', '{folder}/base', '-F', 'raw'], True),
    'backing file beside it': (['-b', 'base', '-F', 'raw'], True),
    'backing file by protocol': (['-b', 'file:base', '-F', 'raw'], False),
    'data file': (['-o', 'data_file={folder}/data'], False),
    'encrypted': (['--object', 'secret,id=key,data=key', '-o',
                   'encrypt.format=luks,encrypt.key-secret=key,'
                   'encrypt.iter-time=10'], False),
}


class TestQcow2(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        with open(os.path.join(self.folder, 'base'), 'wb') as base:
            base.truncate(1 << 20)

    def qemu_img(self, *arguments):
        return subprocess.run(
            ['qemu-img', *(each.format(folder=self.folder)
                           for each in arguments)],
            cwd=self.folder, check=True, stdout=subprocess.PIPE,
            text=True).stdout

    def test_as_qemu_img_says(self):
        for number, (what, (options, is_told)) in enumerate(IMAGES.items()):
            path = os.path.join(self.folder, f'disk-{number}')
            self.qemu_img('create', '-q', '-f', 'qcow2', *options, path,
                          f'{10 + number}M')
            said = json.loads(self.qemu_img(
                'info', '--output', 'json', '-f', 'qcow2', path))
            with open(path, 'rb') as file:
                header = qcow2.read(file.read(disk_images.HEADER))

            self.assertEqual((what, is_told), (what, header is not None))
            if header:
                self.assertEqual(
                    (said['virtual-size'], said.get('backing-filename')),
                    (header.virtual_size, header.backing_file), what)

    def test_a_disk_that_was_written_to(self):
        self.qemu_img('create', '-q', '-f', 'qcow2', 'disk', '1G')
        path = os.path.join(self.folder, 'disk')
        subprocess.run(
            ['qemu-io', '-c', 'write 0 3M', path], check=True,
            stdout=subprocess.PIPE)
        self.qemu_img('resize', '-q', 'disk', '2G')
        said = json.loads(self.qemu_img(
            'info', '--output', 'json', '-f', 'qcow2', path))

        with open(path, 'rb') as file:
            header = qcow2.read(file.read(disk_images.HEADER))

        self.assertEqual(2 << 30, header.virtual_size)
        self.assertEqual(said['actual-size'], os.stat(path).st_blocks * 512)
