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

"""Patches on an installed Nova."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile

from checking.series import is_run
from checking.series import put
from checking.series import read_series
from checking.series import Refusal

STATE = 'nova.numa-ext-patches'


def digest(path: pathlib.Path) -> str | None:
    if not path.exists():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed(site: pathlib.Path) -> tuple[str, pathlib.Path]:
    """Return the version of Nova in a folder, and where that stands."""
    if not (site / 'nova' / '__init__.py').exists():
        raise Refusal('%s has no nova: name the folder that it is in, such '
                      'as site-packages or dist-packages' % site)
    found = [path for path in site.iterdir()
             if re.match(r'nova-\d+\.\d+\.\d+.*\.(dist|egg)-info$',
                         path.name)]
    if len(found) != 1:
        raise Refusal('%s says nothing of the version of nova that it has: '
                      'install a released Nova, not an editable one' % site)
    return re.match(r'nova-(\d+\.\d+\.\d+)', found[0].name).group(1), found[0]


def modified(site: pathlib.Path, info: pathlib.Path, names,
             dpkg=pathlib.Path('/var/lib/dpkg/info')) -> list[str]:
    """Return those files that are not as they were installed.

    :raises: Refusal where nothing says how they were installed
    """
    record = info / 'RECORD'
    if record.exists():
        listed = dict(re.findall(r'^(.+?),sha256=([\w-]+),\d*$',
                                 record.read_text(), re.M))

        def wanted(name):
            content = hashlib.sha256((site / name).read_bytes()).digest()
            return listed.get(name) == base64.urlsafe_b64encode(
                content).rstrip(b'=').decode()
    else:
        sums = dpkg / 'python3-nova.md5sums'
        if not sums.exists():
            raise Refusal('neither %s nor a package of Debian says whether '
                          'the nova of %s is as released' % (record, site))
        listed = {path: md5 for md5, path in re.findall(
            r'^(\w{32})  (.+)$', sums.read_text(), re.M)}

        def wanted(name):
            path = (site / name).resolve()
            content = path.read_bytes()
            return listed.get(str(path)[1:]) == hashlib.md5(  # noqa: S324
                content).hexdigest()

    return [name for name in names
            if (site / name).exists() and not wanted(name)]


def install(here: pathlib.Path, site: pathlib.Path, only=(),
            dry_run: bool = False) -> list[str]:
    """Put the series of a release on an installed Nova; code only.

    :returns: the files that are changed, or would be
    """
    version, info = installed(site)
    if (site / STATE).exists():
        raise Refusal('the nova of %s has patches: revert them first' % site)
    folder = here / ('nova-' + version.split('.')[0])
    if not folder.exists():
        raise Refusal('there are no patches of nova %s' % version)
    series = [patch for patch in read_series(folder)
              if not only or patch.name[:4] in only]
    unknown = set(only) - {patch.name[:4] for patch in series}
    if unknown:
        raise Refusal('%s has no patch %s'
                      % (folder.name, ', '.join(sorted(unknown))))
    names = sorted({name for patch in series for name in patch.files
                    if is_run(name)})
    changed = modified(site, info, names)
    if changed:
        raise Refusal('the nova of %s is modified: %s' % (
            site, ', '.join(changed)))
    with tempfile.TemporaryDirectory() as temp:
        tree = pathlib.Path(temp)
        for name in names:
            if (site / name).exists():
                copy(site / name, tree / name)
        for patch in series:
            wrong = put(patch.part(is_run), tree)
            if wrong:
                raise Refusal('%s does not apply to nova %s: %s'
                              % (patch.label, version, wrong))
        if not dry_run:
            state = {
                'nova': version,
                'patches': [patch.name for patch in series],
                'files': {name: [digest(site / name), digest(tree / name)]
                          for name in names}}
            for name in names:
                if (site / name).exists():
                    copy(site / name, site / STATE / name)
            (site / STATE).mkdir(exist_ok=True)
            (site / STATE / 'state.json').write_text(
                json.dumps(state, indent=1) + '\n')
            for name in names:
                copy(tree / name, site / name)
    return names


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a file in one step; who reads it meanwhile sees one or other."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + '.new')
    shutil.copyfile(source, beside)
    shutil.copymode(target if target.exists() else source, beside)
    os.replace(beside, target)


def revert(site: pathlib.Path, dry_run: bool = False) -> list[str]:
    """Take the patches off an installed Nova again.

    :returns: the files that are changed, or would be
    """
    path = site / STATE / 'state.json'
    if not path.exists():
        raise Refusal('the nova of %s has no patches' % site)
    state = json.loads(path.read_text())
    version, _info = installed(site)
    if version != state['nova']:
        raise Refusal('nova %s has come since the patches of %s: remove %s'
                      % (version, state['nova'], site / STATE))
    changed = [name for name, digests in state['files'].items()
               if digest(site / name) not in digests]
    if changed:
        raise Refusal('the nova of %s is modified since: %s' % (
            site, ', '.join(changed)))
    if not dry_run:
        for name, (before, _after) in state['files'].items():
            if before:
                copy(site / STATE / name, site / name)
            elif (site / name).exists():
                (site / name).unlink()
        shutil.rmtree(site / STATE)
    return list(state['files'])
