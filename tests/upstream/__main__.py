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

"""Nova's own tests, first on Nova's classes, then on this project's.

The exit status is 0 where the difference is what is listed, 1 where it is
not, and 2 where too little passes on Nova's classes to know.
"""

import argparse
import sys

from tests.upstream import expected
from tests.upstream import report
from tests.upstream import runs
from tests.upstream import verdict as verdicts

STATUS = {verdicts.GOOD: 0, verdicts.RED: 1, verdicts.NOT_JUDGED: 2}


def parser():
    result = argparse.ArgumentParser(
        prog='python -m tests.upstream', description=__doc__)
    result.add_argument('command', choices=('run', 'report'), help=(
        'report: that of the last run, made again from its results'))
    result.add_argument('--nova', type=int, default=34, help='release')
    result.add_argument(
        '--mode', choices=('threading', 'eventlet'), default='threading')
    result.add_argument(
        '--only', default='', help="regular expression of modules' names")
    result.add_argument(
        '--resume', action='store_true',
        help='run what there are no results of since the last change')
    result.add_argument('--jobs', type=int, default=2)
    result.add_argument(
        '--results', default=runs.RESULTS, help='folder of the results')
    result.add_argument(
        '--classes', default=runs.OURS, help='module that puts classes in '
        "the place of Nova's")
    return result


def main(argv=None):
    arguments = parser().parse_args(argv)
    nova, mode = arguments.nova, arguments.mode
    stock = runs.Run(nova, mode, results_in=arguments.results)
    ours = runs.Run(nova, mode, arguments.classes, arguments.results)
    selected = runs.modules(arguments.only)
    about = f'Nova {nova}, {mode}.'
    if arguments.command == 'run':
        kept = runs.run_all(
            (stock, ours), selected, arguments.resume, arguments.jobs)
        if kept:
            about += (f" Results on Nova's own classes are from an earlier "
                      f'run, of the same lock, for {kept} of '
                      f'{len(selected)} modules.')
    else:
        selected = {
            name: path for name, path in selected.items()
            if ours.path(name).exists()}
        old = [name for name, path in selected.items()
               if not ours.is_kept(name, path)]
        if old:
            about += (' Something changed since these were run, or they '
                      f'did not end: {", ".join(old)}.')
    modules = runs.compared(stock, ours, selected)
    overrides = _known, ran = ours.overrides(selected)
    judged = verdicts.judge(modules, *expected.read(nova, mode), ran)
    report_of = about, modules, judged, overrides
    ours.folder.mkdir(parents=True, exist_ok=True)
    (ours.folder / 'report.json').write_text(report.data(*report_of))
    text = report.text(*report_of)
    (ours.folder / 'report.txt').write_text(text)
    print(text, end='')
    return STATUS[judged.verdict]


if __name__ == '__main__':
    sys.exit(main())
