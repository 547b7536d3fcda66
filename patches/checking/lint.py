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

"""What can be wrong with a patch as it is written."""

from __future__ import annotations

import datetime
import pathlib
import re
from typing import Iterator

from checking.series import folders
from checking.series import is_run
from checking.series import Patch
from checking.series import read_series
from checking.series import Refusal
from checking.series import RELEASE
from checking.series import releases

NAME = re.compile(r'(\d{4})-([a-z0-9-]+)\.patch$')
ZERO = 'From ' + '0' * 40 + ' Mon Sep 17 00:00:00 2001\n'
TABLE = ('<!-- table: check.py table -->\n', '<!-- end of the table -->\n')
LINE = 72

_URL = r'https?://\S+'
FIELDS = {
    'Description': r'.{1,100}',
    'Origin': r'(upstream|backport|vendor|other)(, .+)?|' + _URL,
    'Forwarded': r'no|not-needed|' + _URL,
    'Bug': r'not-reported|' + _URL,
    'Applied-Upstream': r'no|[^\s,]+(, .+)?',
    'Last-Update': r'\d{4}-\d\d-\d\d',
}


def faults_of(patch: Patch) -> Iterator[str]:
    """Say all that is wrong with one patch, as it is written."""
    if not NAME.match(patch.name):
        yield 'is to be named NNNN-words.patch'
    if not patch.path.exists():
        yield 'is in series but is not there'
        return
    if not (patch.text.startswith(ZERO) and patch.message['From']
            and patch.message['Date']
            and str(patch.message['Subject']).startswith('[PATCH] ')):
        yield 'is not what git format-patch --zero-commit -N writes'
        return
    if len(patch.subject) > LINE:
        yield 'has a subject of more than %d characters' % LINE
    for line in patch.body.splitlines():
        if len(line) > LINE + 3 and not re.match('[A-Z][A-Za-z-]+: ', line):
            yield 'has a line that is too long: %s ...' % line[:30]
    fields = patch.fields
    for name in ('Description', 'Bug', 'Applied-Upstream', 'Last-Update'):
        if name not in fields:
            yield 'has no DEP-3 field %s' % name
    if not {'Origin', 'Forwarded'} & fields.keys():
        yield 'has neither of the DEP-3 fields Origin and Forwarded'
    for name, value in fields.items():
        if name in FIELDS and not re.fullmatch(FIELDS[name], value):
            yield 'has a %s that says nothing: %s' % (name, value)
    try:
        datetime.date.fromisoformat(fields.get('Last-Update', '2026-01-01'))
    except ValueError:
        yield 'has a Last-Update that is no date: %s' % fields['Last-Update']
    if not patch.tests:
        yield 'has no test (a file in nova/tests)'
    if not any(map(is_run, patch.files)):
        yield 'changes nothing that runs'
    for name in patch.files:
        if not re.match('(nova|releasenotes|doc|etc)/', name):
            yield 'touches a file that a patch of Nova should not: ' + name
    if re.search(r'^\+.*[ \t]$', patch.text, re.M):
        yield 'adds blanks at the end of a line'


def lint(here: pathlib.Path) -> list[str]:
    """Return all that is wrong with the folder of patches, a line each."""
    found = []
    numbers = {}
    rows = releases(here)
    names = [folder.name for folder in folders(here)]
    found += ['releases.toml: no such folder: ' + name
              for name in sorted(rows.keys() - names)]
    found += ['%s: not in releases.toml' % name
              for name in sorted(set(names) - rows.keys())]
    for name, row in rows.items():
        found += faults_of_row(name, row)
    for folder in folders(here):
        series = read_series(folder)
        listed = [patch.name for patch in series]
        there = {path.name for path in folder.iterdir()} - {'series'}
        found += ['%s/%s: not in series' % (folder.name, name)
                  for name in sorted(there - set(listed))]
        if listed != sorted(set(listed)):
            found.append('%s/series: not in the order of the numbers, or '
                         'one twice' % folder.name)
        for patch in series:
            found += ['%s: %s' % (patch.label, fault)
                      for fault in faults_of(patch)]
            match = NAME.match(patch.name)
            if match and numbers.setdefault(
                    match.group(1), patch.name) != patch.name:
                found.append('%s: elsewhere %s is %s' % (
                    patch.label, match.group(1), numbers[match.group(1)]))
    if not found and table(here) not in (here / 'README.md').read_text():
        found.append('README.md: the table is out of date: run check.py '
                     'table')
    return found


def faults_of_row(name: str, row: dict) -> Iterator[str]:
    for key, pattern in (('nova', r'%s\.\d+\.\d+' % row['release']),
                         ('sha256', '[0-9a-f]{64}'),
                         ('python', r'3\.\d+')):
        if not re.fullmatch(pattern, str(row.get(key, ''))):
            yield 'releases.toml: %s: %s is %r' % (name, key, row.get(key))
    if not row.get('tests') or not all(
            test.startswith('nova.tests.') for test in row['tests']):
        yield 'releases.toml: %s: tests is to name modules of Nova' % name


def table(here: pathlib.Path) -> str:
    """Return the table of releases and patches, with its markers."""
    found = {folder.name: {patch.name: patch for patch in read_series(folder)}
             for folder in folders(here)}
    names = sorted({name for patches in found.values() for name in patches})
    lines = ['| | ' + ' | '.join(
        RELEASE.match(folder).group(1) for folder in found) + ' |']
    lines.append('|---' * (len(found) + 1) + '|')
    for name in names:
        first = next(patches[name] for patches in found.values()
                     if name in patches)
        cells = ['x' if name in patches else '' for patches in found.values()]
        lines.append('| %s %s | %s |' % (
            name[:4], first.fields['Description'], ' | '.join(cells)))
    return '%s\n%s\n\n%s' % (TABLE[0], '\n'.join(lines), TABLE[1])


def write_table(here: pathlib.Path) -> list[str]:
    readme = here / 'README.md'
    text = readme.read_text()
    start, end = (text.find(mark) for mark in TABLE)
    if start < 0 or end < start:
        raise Refusal('README.md has no place for the table: %s'
                      % ' '.join(TABLE).replace('\n', ' '))
    readme.write_text(text[:start] + table(here)
                      + text[end + len(TABLE[1]):])
    return []
