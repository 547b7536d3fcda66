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

"""The NUMA host's root filesystem and its kernel, made once by mmdebstrap."""

import hashlib
import os
import pathlib
import shutil
import subprocess

from tools import debian
from tools.demo import plan
from tools.demo import processes

HERE = pathlib.Path(__file__).parent
PACKAGES = HERE / 'packages.txt'
CUSTOMIZE = HERE / 'guest' / 'customize'
# Of a sparse file: what is not written takes no space.
SIZE = '12G'
# Dead with the command that made them, whatever they mounted.
NAMESPACES = (
    *('unshare', '--mount', '--pid', '--fork', '--kill-child'),
    '--mount-proc',
)


class Image:
    """Files below the image folder, as long as what they are made of stays."""

    def __init__(self, numa_host):
        self._processes = numa_host.processes
        self.dir = numa_host.image
        self.root = self.dir / 'root.ext4'
        self.kernel = self.dir / 'kernel'
        self.initrd = self.dir / 'initrd'
        self.key = self.dir / 'key'
        self.digest = self.dir / 'digest'

    def packages(self):
        lines = PACKAGES.read_text().splitlines()
        return [line for line in lines if line and not line.startswith('#')]

    def build(self):
        digest = hashlib.sha256()
        for path in (PACKAGES, CUSTOMIZE):
            digest.update(path.read_bytes())
        wanted = digest.hexdigest()
        if self.digest.exists() and self.digest.read_text() == wanted:
            return
        self.digest.unlink(missing_ok=True)
        self._make_key()
        plan.say('the root filesystem is made by mmdebstrap, in minutes')
        tree = self.dir / 'tree'
        shutil.rmtree(tree, ignore_errors=True)
        try:
            self._bootstrap(tree)
            for name, path in (
                ('vmlinuz', self.kernel),
                ('initrd.img', self.initrd),
            ):
                (found,) = tree.glob(f'boot/{name}-*')
                shutil.copy(found, path)
            self.root.unlink(missing_ok=True)
            self._command(
                *('mke2fs', '-q', '-t', 'ext4', '-L', 'root'),
                *('-O', '^has_journal', '-d', tree, self.root, SIZE),
            )
        finally:
            shutil.rmtree(tree, ignore_errors=True)
        self.digest.write_text(wanted)
        plan.say(f'the root filesystem is made: {self.root}')

    def _make_key(self):
        for path in (self.key, self.key.with_suffix('.pub')):
            path.unlink(missing_ok=True)
        self._command(
            *('ssh-keygen', '-q', '-t', 'ed25519', '-N', ''),
            *('-C', 'numa-host', '-f', self.key),
        )

    def _bootstrap(self, tree):
        try:
            lines = debian.sources()
            options = debian.apt_options()
        except subprocess.CalledProcessError as error:
            raise processes.Failure(f'apt: {error}') from error
        sources = self.dir / 'sources.list'
        sources.write_text(lines)
        hook = f'{CUSTOMIZE} "$1" {self.key}.pub'
        self._command(
            *(*NAMESPACES, 'mmdebstrap', '--mode=root', '--variant=minbase'),
            f'--include={",".join(self.packages())}',
            '--dpkgopt=force-unsafe-io',
            *(word for line in options for word in ('--aptopt', line)),
            f'--essential-hook={hook}',
            *(debian.SUITE, tree),
            *([sources] if lines else []),
        )

    def _command(self, *argv):
        # The operator's proxies are for apt.
        self._processes.command(
            'image', argv, env=dict(os.environ), seconds=1800
        )
