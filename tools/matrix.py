#!/usr/bin/env python3
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

"""What was run with which release of Nova, and what came of it.

Runs commands of the Makefile with a release, keeps what they said last in
build/matrix and their outcome in the documentation. What fails is kept, too.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).absolute().parents[1]
OUTCOMES = ROOT / 'doc' / 'source' / 'contributor' / 'releases.json'
TABLE = OUTCOMES.with_suffix('.inc')
LOGS = ROOT / 'build' / 'matrix'
RELEASES = ('34', '33', '32', '31', '30', '29', '28', '27', '26')
#: Of these Nova can run in either way; of those before under eventlet only.
BOTH_WAYS = ('34', '33')
#: On those the demo's cloud runs; Debian 12's packages are of 26.
CLOUDS = ('34', '33', '31', '29', 'debian')


def stestr(_release, said):
    """What stestr's summary says, None where there is none."""
    found = {
        name: int(number)
        for name, number in re.findall(
            r'^ - (Passed|Failed|Skipped): (\d+)$', said, re.MULTILINE
        )
    }
    if not found.get('Passed'):
        return None
    text = f'{found["Passed"]} passed'
    if found.get('Failed'):
        text += f', {found["Failed"]} FAILED'
    return text


def upstream(_release, said):
    """The last row of the report's table."""
    found = re.search(
        r'^\|\s+\d+ modules \|\s+(\d+) \|\s+(\d+) \|\s+(\d+) \|\s+(\d+) \|'
        r'\s+(\d+) \| (\S+)',
        said,
        re.MULTILINE,
    )
    if not found:
        return None
    stock, _, ours, failed, listed, verdict = found.groups()
    return f'{stock} / {ours}, {failed} failed, {listed} listed: {verdict}'


def patches(release, _said):
    series = ROOT / 'patches' / f'nova-{release}' / 'series'
    return f'{len(series.read_text().split())} patches'


def done(_release, _said):
    return 'ok'


#: Of each column: its title, the releases that it is for, the commands, and
#: what tells the outcome of what they print where they succeed.
COLUMNS = {
    'unit': ('unit', RELEASES, ['make unit NOVA={}'], stestr),
    'functional': (
        'functional',
        RELEASES,
        ['make functional NOVA={}'],
        stestr,
    ),
    'eventlet': (
        'functional, eventlet',
        BOTH_WAYS,
        ['make functional NOVA={} CONCURRENCY=eventlet'],
        stestr,
    ),
    'upstream': (
        "Nova's tests: stock / ours",
        RELEASES,
        ['make upstream NOVA={}'],
        upstream,
    ),
    'series': (
        'series: lint, apply, test',
        RELEASES,
        [
            'patches/check.py lint',
            'patches/check.py apply {}',
            'patches/check.py test {}',
        ],
        patches,
    ),
    'demo': (
        'guest booted',
        CLOUDS,
        ['make demo NOVA={}', 'make demo-clean NOVA={}'],
        done,
    ),
}


def commit():
    return subprocess.run(
        ['git', 'describe', '--always', '--dirty'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def run(release, column):
    """Runs a cell's commands; returns its outcome."""
    _title, _releases, commands, tell = COLUMNS[column]
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f'{release}-{column}.log'
    status = 0
    with log.open('w') as file:
        for command in commands:
            words = command.format(release).split()
            ended = subprocess.run(
                words,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            status = status or ended.returncode
    text = tell(release, log.read_text(errors='replace'))
    if status and (text is None or 'FAILED' not in text):
        text = f'FAILED ({text})' if text else 'FAILED'
    return {
        'outcome': text or 'said nothing',
        'commit': commit(),
        'on': datetime.date.today().isoformat(),
    }


def table(outcomes):
    """The outcomes, in reStructuredText."""
    lines = ['.. list-table::', '   :header-rows: 1', '']
    rows = [['Nova', *(column[0] for column in COLUMNS.values())]]
    for release in (*RELEASES, 'debian'):
        name = 'Debian 12 (26)' if release == 'debian' else release
        cells = [name]
        for key, (_title, releases, _commands, _tell) in COLUMNS.items():
            cell = outcomes.get(release, {}).get(key)
            if release not in releases:
                cells.append('')
            elif cell is None:
                cells.append('not run')
            else:
                cells.append(f'{cell["outcome"]} ({cell["commit"]})')
        rows.append(cells)
    for cells in rows:
        start = '   * - '
        for cell in cells:
            lines.append(f'{start}{cell}'.rstrip())
            start = '     - '
    return '\n'.join(lines) + '\n'


def write(outcomes):
    OUTCOMES.write_text(json.dumps(outcomes, indent=1, sort_keys=True) + '\n')
    TABLE.write_text(table(outcomes))


def parser():
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument('release', choices=(*RELEASES, 'debian'))
    result.add_argument(
        'column',
        nargs='*',
        metavar='COLUMN',
        help=f'of {", ".join(COLUMNS)}; all that the release has without',
    )
    return result


def main():
    words = parser()
    arguments = words.parse_args()
    release = arguments.release
    known = [key for key in COLUMNS if release in COLUMNS[key][1]]
    unknown = set(arguments.column).difference(known)
    if unknown:
        words.error(
            f'{release} has no column {", ".join(sorted(unknown))}: choose '
            f'of {", ".join(known)}'
        )
    failed = False
    for column in arguments.column or known:
        outcome = run(release, column)
        # Read anew: others may be run meanwhile.
        outcomes = json.loads(OUTCOMES.read_text())
        outcomes.setdefault(release, {})[column] = outcome
        write(outcomes)
        print(f'{release} {column}: {outcome["outcome"]}', flush=True)
        failed |= 'FAILED' in outcome['outcome']
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
