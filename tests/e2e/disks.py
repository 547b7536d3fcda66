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

"""Disks of golden domains, which are nowhere."""

import os
import pathlib

import fixtures

SIZE = 1 << 20


class Disks(fixtures.Fixture):
    """A folder of disks that QEMU, another user, can open."""

    def _setUp(self):
        self.path = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path.chmod(0o755)

    def make(self, name):
        """Make an empty disk, and return its path."""
        disk = self.path / name
        disk.touch()
        os.truncate(disk, SIZE)
        return disk

    def put_under(self, domain):
        """Put one under each <disk> of a domain's tree."""
        for number, source in enumerate(
                domain.findall('devices/disk/source')):
            source.set('file', str(self.make(f'{number}.raw')))
