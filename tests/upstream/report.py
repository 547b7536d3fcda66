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

"""What a run is reported as."""

import json

import prettytable

from tests.upstream import results
from tests.upstream import verdict as verdicts

COLUMNS = ('module', 'stock passed', 'failed', 'ours passed', 'failed ',
           'listed', 'verdict')


def _row(module, listed, verdict):
    return [
        module.name[len('nova.tests.'):],
        results.passed(module.stock), results.bad(module.stock),
        results.passed(module.ours), results.bad(module.ours),
        listed, verdict]


def table(modules, judged):
    result = prettytable.PrettyTable(COLUMNS)
    result.align = 'r'
    result.align['module'] = result.align['verdict'] = 'l'
    rows = [_row(module, *judged.modules[module.name]) for module in modules]
    result.add_rows(rows)
    if rows:
        # add_divider is not in the oldest PrettyTable that Nova takes.
        result.add_row([''] * len(COLUMNS))
        result.add_row([
            f'{len(rows)} modules',
            *(sum(row[column] for row in rows) for column in range(1, 6)),
            judged.verdict])
    return result.get_string()


def text(about, modules, judged, overrides):
    """Return the report, to be read.

    :param about: a line: what was run
    :param overrides: names of all, and of those that ran
    """
    known, ran = overrides
    lines = [table(modules, judged), '', about]
    missed = sorted(known - ran)
    if known:
        lines.append(
            f'{len(known) - len(missed)} of the {len(known)} methods that '
            'replace one of Nova\'s ran.'
            + (' No test ran:' if missed else ''))
        lines += [f'  {name}' for name in missed]
    if judged.faults:
        lines += ['', *judged.faults]
    lines += ['', {
        verdicts.GOOD: "Good: Nova's own tests pass, but for those listed.",
        verdicts.RED: f'RED: {len(judged.faults)} faults, see above.',
        verdicts.NOT_JUDGED:
            'Not judged: nothing follows from this run, see above.',
    }[judged.verdict]]
    return '\n'.join(lines) + '\n'


def data(about, modules, judged, overrides):
    """Return the report, to be read by programs, as JSON."""
    known, ran = overrides
    return json.dumps({
        'about': about,
        'verdict': judged.verdict,
        'modules': [
            dict(zip(('module', 'stock_passed', 'stock_failed', 'ours_passed',
                      'ours_failed', 'listed', 'verdict'),
                     _row(module, *judged.modules[module.name])))
            for module in modules],
        'faults': judged.faults,
        'overrides_not_run': sorted(known - ran),
    }, indent=1) + '\n'
