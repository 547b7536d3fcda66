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

"""Debian 12 with its own packages of OpenStack, in a folder.

    python -m tools.demo.debian_tree TREE

The machine gets none of these packages. This project is in it as README.md
says for Debian: its wheel, by pip, in /usr/local.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from tools import debian
from tools.demo import plan
from tools.demo import processes

ROOT = pathlib.Path(__file__).absolute().parents[2]
PROFILES = ('cloud', 'cloud-debian')
# Dead with the command that made them, whatever they mounted.
NAMESPACES = (
    *('unshare', '--mount', '--pid', '--fork', '--kill-child'),
    '--mount-proc',
)
# Without its bytecode a package is installed in half the time.
NO_BYTECODE = (
    'chroot "$1" dpkg-divert --local --quiet --no-rename '
    '--add /usr/bin/py3compile && ln -s /bin/true "$1/usr/bin/py3compile"'
)
SECONDS = 3600


class Tree:
    """The folder, what is beside it, and what it was made of."""

    def __init__(self, path):
        self.path = path
        self.bin = pathlib.Path(sys.prefix) / 'bin'
        self.wheel = path.with_name(f'{path.name}-wheel')
        self.made_of = path.with_name(f'{path.name}-packages')
        # As an environment has one: services that run with another are
        # started anew.
        self.stamp = path / 'usr' / 'stamp'
        self._processes = processes.Processes(path.parent, path.parent)

    def _command(self, *argv, **more):
        # The operator's proxies are for apt and pip.
        env = {**os.environ, 'UV_PYTHON_DOWNLOADS': 'never', **more}
        for name in ('PYTHONPATH', 'VIRTUAL_ENV'):
            env.pop(name, None)
        self._processes.command(
            self.path.name, argv, env=env, cwd=ROOT, seconds=SECONDS
        )

    def packages(self):
        """Of the bindep profiles, and pip."""
        answer = subprocess.run(
            [self.bin / 'bindep', '-l', 'newline', *PROFILES],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted({*answer.stdout.split(), 'python3-pip'})

    def build(self):
        packages = '\n'.join(self.packages())
        known = self.made_of.read_text() if self.made_of.exists() else None
        if known != packages:
            plan.say(f'Debian 12 and its OpenStack go to {self.path}')
            self.made_of.unlink(missing_ok=True)
            shutil.rmtree(self.path, ignore_errors=True)
            self._bootstrap(packages.split())
            self.made_of.write_text(packages)
        wanted = self._digest()
        if self.stamp.exists() and self.stamp.read_text() == wanted:
            return
        self._install()
        self.stamp.write_text(wanted)
        plan.say('this project is installed there')

    def _bootstrap(self, packages):
        sources = self.path.with_name(f'{self.path.name}-sources')
        sources.write_text(debian.sources())
        self._command(
            *(*NAMESPACES, 'mmdebstrap', '--mode=root', '--variant=apt'),
            f'--include={",".join(packages)}',
            '--dpkgopt=force-unsafe-io',
            f'--essential-hook={NO_BYTECODE}',
            # The message broker's node is on localhost.
            '--customize-hook=cp /etc/hosts "$1/etc/hosts"',
            *(
                word
                for line in debian.apt_options()
                for word in ('--aptopt', line)
            ),
            *(debian.SUITE, self.path),
            *([sources] if sources.stat().st_size else []),
        )

    def _digest(self):
        digest = hashlib.sha256(self.made_of.read_bytes())
        for path in (
            ROOT / 'setup.cfg',
            *sorted((ROOT / 'nova_numa_ext').rglob('*.py')),
        ):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _install(self):
        shutil.rmtree(self.wheel, ignore_errors=True)
        self._command(
            *(self.bin / 'uv', 'build', '--quiet', '--wheel'),
            *('--build-constraints', ROOT / 'locks' / 'build.txt'),
            *('--require-hashes', '--out-dir', self.wheel),
        )
        (wheel,) = self.wheel.glob('*.whl')
        pip = (
            ROOT / 'tools' / 'demo' / 'in-debian',
            *(self.path, ROOT, self.wheel),
            *('/usr/bin/python3', '-m', 'pip', '--no-cache-dir'),
        )
        self._command(
            *(*pip, 'uninstall', '--yes', '--break-system-packages'),
            'nova-numa-ext',
        )
        # Debian's packages are all that it needs.
        self._command(
            *(*pip, 'install', '--break-system-packages', '--no-index'),
            wheel,
        )


def main(path):
    try:
        Tree(pathlib.Path(path)).build()
    except processes.Failure as failure:
        for line in processes.tail(failure.log) if failure.log else ():
            print(line, file=sys.stderr)
        plan.say(f'failed: {failure}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
