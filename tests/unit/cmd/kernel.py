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

"""A kernel and a systemd for saved hosts, which do what real ones do."""

import errno
import os
import pathlib
import re
import shutil

from nova_numa_ext.cmd import isolating


class Kernel(isolating.Kernel):
    """Acts on a saved host as if it were this one.

    :ivar told: what systemctl was called with
    :ivar refused: paths that cannot be written, as of interrupts that only
        the kernel moves
    :ivar failing: a word of systemctl's that fails
    """

    def __init__(self, root):
        super().__init__(root)
        self.here = True
        self.told = []
        self.refused = {}
        self.failing = None

    def write(self, path, text):
        number = self.refused.get(path)
        if number:
            raise OSError(number, os.strerror(number), path)
        if path.endswith('/cgroup.procs'):
            self._move(int(text), path)
            return
        super().write(path, text)

    def make_group(self, path):
        super().make_group(path)
        for name in ('cpuset.cpus', 'cpuset.mems', 'cgroup.procs'):
            pathlib.Path(self._root, path, name).write_text('\n')

    def remove_group(self, path):
        """As rmdir of a cgroup: its own files do not count."""
        name = path.rpartition('/')[2]
        for file in pathlib.Path(self._root, 'proc').glob('*/cgroup'):
            if f'cpuset:/{name}' in file.read_text():
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
        shutil.rmtree(os.path.join(self._root, path))

    def systemctl(self, *arguments):
        self.told.append(' '.join(arguments))
        if self.failing in arguments:
            raise isolating.CannotChange(
                f'systemctl {self.failing} failed: no.')
        if arguments[0] == 'daemon-reload':
            self._reload()
        return 'AllowedCPUs=\n' if arguments[0] == 'show' else ''

    def _move(self, pid, path):
        group = os.path.dirname(path).partition('sys/fs/cgroup/cpuset')[2]
        file = pathlib.Path(self._root, f'proc/{pid}/cgroup')
        if not file.exists():
            raise ProcessLookupError(errno.ESRCH, 'No such process')
        file.write_text(re.sub(
            'cpuset:.*', f'cpuset:{group or "/"}', file.read_text()))

    def _reload(self):
        """Give slices the CPUs that their drop-ins say, or all."""
        for folder in pathlib.Path(self._root, 'sys/fs/cgroup').iterdir():
            file = folder / 'cpuset.cpus.effective'
            if not file.exists():
                continue
            drop_in = pathlib.Path(
                self._root, 'etc/systemd/system', f'{folder.name}.d',
                '50-nova-numa-ext.conf')
            cpus = '0-7'
            if drop_in.exists():
                cpus = re.findall(
                    '^AllowedCPUs=(.*)$', drop_in.read_text(),
                    re.MULTILINE)[-1]
            file.write_text(f'{cpus}\n')
