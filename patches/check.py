#!/usr/bin/env python3
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

"""Checks the patches of Nova, and puts them on an installed Nova.

install and revert need Python 3.8 and the patch command; the rest needs
Python 3.11 (tomllib), pip and git.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import sys

from checking import lint
from checking import older
from checking import released
from checking import series
from checking import site
from checking import upstream

HERE = pathlib.Path(__file__).resolve().parent


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    subs = top.add_subparsers(dest='command', required=True)
    for name, text in (
        ('lint', 'read the patches, their order and the table'),
        ('table', 'write the table of README.md'),
        ('apply', 'apply them to the released Nova, alone and in order'),
        ('test', 'run their tests without and with them'),
        ('refresh', 'write them anew as they apply'),
        ('older', 'try them on older releases, and write that table'),
        ('install', 'put them on an installed Nova'),
        ('revert', 'take them off again'),
    ):
        sub = subs.add_parser(name, help=text, description=text)
        if name in ('apply', 'test', 'refresh'):
            sub.add_argument('release', nargs='*', help='34, and so on; all '
                             'without')
        if name in ('install', 'revert'):
            sub.add_argument('site', type=pathlib.Path,
                             help='the folder that nova is in')
            sub.add_argument('--dry-run', action='store_true')
        if name in ('test', 'install'):
            sub.add_argument('--patch', action='append', default=[],
                             metavar='NNNN', help='only this one; repeatable')
        if name == 'test':
            sub.add_argument('--python', help='with that Nova\'s '
                             'requirements; .venv/nova-NN/bin/python without')
            sub.add_argument('--modules', action='store_true',
                             help='whole modules of releases.toml instead')
    return top


def on_releases(args) -> list[str]:
    rows = series.releases(HERE)
    names = ['nova-' + name for name in args.release] or list(rows)
    found = []
    for name in names:
        if name not in rows:
            raise series.Refusal('releases.toml has no %s' % name)
        folder = HERE / name
        sdist = released.fetch(rows[name], HERE / '.cache')
        if args.command == 'apply':
            wrong = list(released.apply(folder, sdist))
            print('%s: %d patches %s' % (name, len(series.read_series(folder)),
                                         'FAILED' if wrong else 'apply'))
            found += wrong
        elif args.command == 'refresh':
            for label in released.refresh(folder, sdist):
                print('%s: written anew' % label)
        else:
            python = args.python or (
                HERE.parent / '.venv' / name / 'bin' / 'python')
            if not shutil.which(python):
                raise series.Refusal('%s is missing: run tools/venv.sh %s'
                              % (python, name))
            runner = upstream.Runner(
                str(python), rows[name].get('environment', {}))
            if args.modules:
                found += upstream.test_modules(folder, sdist, runner,
                                               rows[name]['tests'])
            else:
                found += upstream.test(folder, sdist, runner, args.patch)
    return found


def main(argv=None) -> int:
    args = parser().parse_args(argv)
    try:
        if args.command == 'lint':
            found = lint.lint(HERE)
        elif args.command == 'table':
            found = lint.write_table(HERE)
        elif args.command == 'older':
            older.write(HERE, series.read_releases(HERE)['older'])
            found = []
        elif args.command in ('install', 'revert'):
            names = (site.install(HERE, args.site, args.patch, args.dry_run)
                     if args.command == 'install'
                     else site.revert(args.site, args.dry_run))
            for name in names:
                print(args.site / name)
            print('%d files %s; restart nova-compute and the API' % (
                len(names), 'would change' if args.dry_run else 'changed'))
            found = []
        else:
            found = on_releases(args)
    except (series.Refusal, OSError) as exc:
        found = [str(exc)]
    for line in found:
        print('check.py: ' + line, file=sys.stderr)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
