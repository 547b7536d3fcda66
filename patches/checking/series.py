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

"""Patches, their order, and the releases of Nova that they are for."""

from __future__ import annotations

from dataclasses import dataclass
import email
import email.header
import email.message
import pathlib
import re
import subprocess
import sys

RELEASE = re.compile(r'nova-(\d+)$')


class Refusal(Exception):
    """What is wrong, in one line."""


@dataclass(frozen=True)
class Patch:
    path: pathlib.Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def label(self) -> str:
        return '%s/%s' % (self.path.parent.name, self.name)

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def message(self) -> email.message.Message:
        return email.message_from_string(self.text)

    @property
    def subject(self) -> str:
        subject = str(email.header.make_header(
            email.header.decode_header(self.message['Subject'] or '')))
        return re.sub(r'^\[PATCH\] ', '', re.sub(r'\n\s', ' ', subject))

    @property
    def body(self) -> str:
        return str(self.message.get_payload()).split('\n---\n')[0]

    @property
    def fields(self) -> dict[str, str]:
        last = self.body.strip().split('\n\n')[-1]
        return dict(re.findall(r'^([A-Z][A-Za-z-]+): (.*)$', last, re.M))

    @property
    def files(self) -> tuple[str, ...]:
        """Return all files that it touches, as it names them."""
        return tuple(re.findall(r'^diff --git a/\S+ b/(\S+)$', self.text,
                                re.M))

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if is_test(name))

    def part(self, wanted) -> str:
        """Return the diffs of those files that are wanted."""
        diffs = re.split(r'^(?=diff --git )', self.text, flags=re.M)[1:]
        return ''.join(
            diff for diff in diffs
            if wanted(re.match(r'diff --git a/\S+ b/(\S+)\n', diff).group(1)))


def is_test(name: str) -> bool:
    return name.startswith('nova/tests/')


def is_run(name: str) -> bool:
    """Return whether a file is one that an installed Nova runs."""
    return name.startswith('nova/') and not is_test(name)


def read_series(folder: pathlib.Path) -> list[Patch]:
    """Return the patches of a release in their order."""
    path = folder / 'series'
    if not path.exists():
        raise Refusal('%s has no series: list its patches there, one a line'
                      % folder.name)
    lines = (line.split('#')[0].strip()
             for line in path.read_text().splitlines())
    return [Patch(folder / line) for line in lines if line]


def alone(patch: Patch) -> bool:
    """Return whether a patch needs no other; '# needs' in series says so."""
    series = (patch.path.parent / 'series').read_text()
    return not re.search(r'^%s\s+# needs ' % re.escape(patch.name), series,
                         re.M)


def folders(here: pathlib.Path) -> list[pathlib.Path]:
    return sorted((path for path in here.iterdir()
                   if RELEASE.match(path.name)), reverse=True)


def read_releases(here: pathlib.Path) -> dict[str, list[dict]]:
    """Return releases.toml."""
    try:
        import tomllib
    except ImportError:
        raise Refusal('Python %d.%d has no tomllib: run this with 3.11 or '
                      'later' % sys.version_info[:2]) from None
    with open(here / 'releases.toml', 'rb') as file:
        return tomllib.load(file)


def releases(here: pathlib.Path) -> dict[str, dict]:
    """Return those with a series, by the name of its folder."""
    return {'nova-%s' % row['release']: row
            for row in read_releases(here)['release']}


def run(*argv, **kwargs) -> subprocess.CompletedProcess:
    """Run a command; what it writes is kept.

    :raises: Refusal where there is no such command
    """
    try:
        return subprocess.run(
            [str(arg) for arg in argv], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    except FileNotFoundError:
        raise Refusal('the command %s is missing: install it'
                      % argv[0]) from None


def put(text: str, tree: pathlib.Path, fuzz: int = 0) -> str | None:
    """Apply a diff; return what is wrong, if anything is.

    :param fuzz: how many lines of a context may be other ones
    """
    done = run('patch', '-p1', '--fuzz=%d' % fuzz, '--batch', '--forward',
               '--no-backup-if-mismatch', '--reject-file=-', '-d', tree,
               input=text)
    said = done.stdout.strip().splitlines()
    bad = [line for line in said if re.search(
        'FAILED|No file' if fuzz else 'FAILED|fuzz|No file', line)]
    if done.returncode or bad:
        return (bad or said or ['patch failed'])[0].strip()
    return None
