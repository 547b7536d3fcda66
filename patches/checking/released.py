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

"""Nova as released: whether patches apply to it, and as what."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import sys
import tarfile
import tempfile
from typing import Iterator

from checking.series import alone
from checking.series import put
from checking.series import read_series
from checking.series import Refusal
from checking.series import run


def fetch(row: dict, cache: pathlib.Path) -> pathlib.Path:
    """Return the sdist of a release, which pip downloads where it is not yet.

    :raises: Refusal where it is not the one that releases.toml names
    """
    path = cache / ('nova-%s.tar.gz' % row['nova'])
    if not path.exists():
        cache.mkdir(exist_ok=True)
        done = run(sys.executable, '-m', 'pip', 'download', '--no-deps',
                   '--no-binary', 'nova', '--disable-pip-version-check',
                   '--dest', cache, 'nova==%s' % row['nova'])
        if done.returncode or not path.exists():
            raise Refusal('pip download nova==%s: %s' % (
                row['nova'], (done.stdout.strip().splitlines()
                              or ['nothing came of it'])[-1]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != row['sha256']:
        raise Refusal('%s has the sha256 %s, not that of releases.toml: '
                      'remove it' % (path, digest))
    return path


def extract(sdist: pathlib.Path, tree: pathlib.Path, only=None) -> None:
    """Extract an sdist without its first folder; some files or all."""
    with tarfile.open(sdist) as archive:
        members = []
        for member in archive:
            member.name = member.name.partition('/')[2]
            if member.name and (only is None or member.name in only):
                members.append(member)
        safe = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}
        archive.extractall(tree, members, **safe)


def apply(folder: pathlib.Path, sdist: pathlib.Path) -> Iterator[str]:
    """Try each patch alone and all in order; yield what does not apply."""
    series = read_series(folder)
    touched = {name for patch in series for name in patch.files}
    with tempfile.TemporaryDirectory() as temp:
        released = pathlib.Path(temp, 'released')
        extract(sdist, released, touched)
        for number, patch in enumerate(series):
            if alone(patch):
                tree = pathlib.Path(temp, str(number))
                shutil.copytree(released, tree)
                wrong = put(patch.text, tree)
                if wrong:
                    yield '%s, alone: %s' % (patch.label, wrong)
        for patch in series:
            wrong = put(patch.text, released)
            if wrong:
                yield '%s, after those before it: %s' % (patch.label, wrong)
                return


def refresh(folder: pathlib.Path, sdist: pathlib.Path) -> Iterator[str]:
    """Write the patches of a release anew; yield the names of the changed.

    A patch whose context has moved or changed a little is mended by that.
    """
    series = read_series(folder)
    touched = {name for patch in series for name in patch.files}
    with tempfile.TemporaryDirectory() as temp:
        tree = pathlib.Path(temp)
        git = ('git', '-C', tree, '-c', 'user.name=refresh',
               '-c', 'user.email=refresh@localhost', '-c', 'core.abbrev=40',
               '-c', 'commit.gpgsign=false')
        extract(sdist, tree, touched)
        run(*git, 'init', '-q')
        run(*git, 'add', '-A')
        run(*git, 'commit', '-q', '-m', 'released')
        written = {}
        for patch in series:
            for how in ((), ('-C1',)):
                done = run(*git, 'am', '-q', *how, patch.path)
                if not done.returncode:
                    break
                run(*git, 'am', '--abort')
            else:
                raise Refusal('%s does not apply: %s' % (
                    patch.label, done.stdout.strip().splitlines()[0]))
            written[patch] = run(
                *git, 'format-patch', '-1', '--stdout', '--zero-commit',
                '--no-signature', '--full-index', '-N', '--no-renames').stdout
    for patch, text in written.items():
        if text != patch.text:
            patch.path.write_text(text)
            yield patch.label
