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

"""All rounds together: a table, JSON, and a picture."""

import json
import pathlib

import prettytable

from tools.bench import bars
from tools.bench import chart
from tools.bench import rounds

ABOUT = ('commit', 'nova', 'cpus', 'cpu_model')


def number(value):
    """Whole where it is; else three digits, or thousandths."""
    if value == round(value):
        return f'{value:.0f}'
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f'{value:.{3 if value < 0.1 else digits}f}'


def cell(spread):
    """The median, and from where to where where that is not one value."""
    if spread is None:
        return '-'
    least, median, most = (number(value) for value in spread)
    return median if least == most else f'{median} ({least}-{most})'


def ratio(spread):
    if spread is None:
        return '-'
    return ' / '.join(f'{value:.3g}' for value in spread)


def _verdict(row):
    return {True: 'met', False: 'MISSED', None: ''}[row['met']]


def table(rows, with_bars, other='ours'):
    fields = ['what', 'stock', other, 'ratio min/median/max', 'rounds']
    if with_bars:
        fields += ['bar', '']
    result = prettytable.PrettyTable(fields)
    result.align = 'r'
    result.align['what'] = result.align['bar'] = 'l'
    for row in rows:
        cells = [
            row['what'],
            cell(row['stock']),
            cell(row['ours']),
            ratio(row['ratio']),
            row['rounds'],
        ]
        if with_bars:
            cells += [row['bar'], _verdict(row)]
        result.add_row(cells)
    return result.get_string()


def merged(contents):
    """What one mode's rounds come to, as plain values."""
    figures = bars.Figures(contents)
    return {
        'about': {
            key: sorted({str(each[key]) for each in contents}) for key in ABOUT
        },
        'load_before': bars.spread(each['load_before'] for each in contents),
        'other': figures.other,
        'bars': bars.rows(figures),
        'more': bars.more_rows(figures),
    }


def text(mode, found):
    about = found['about']
    least, median, most = found['load_before']
    words = [
        f'{mode}: nova {", ".join(about["nova"])}, commit '
        f'{", ".join(about["commit"])}, {", ".join(about["cpus"])} CPUs '
        f'({", ".join(about["cpu_model"])}), load before a measurement '
        f'{least} / {median} / {most}',
        table(found['bars'], True, found['other']),
        'All sizes:',
        table(found['more'], False, found['other']),
    ]
    return '\n'.join(words)


def report(folder):
    """Writes report.json, report.txt and MODE.svg; returns the text."""
    folder = pathlib.Path(folder)
    found = {}
    for mode in rounds.MODES:
        contents = bars.load(folder / mode)
        if contents:
            found[mode] = merged(contents)
    texts = [text(mode, each) for mode, each in found.items()]
    result = '\n\n'.join(texts) + '\n' if texts else ''
    if found:
        (folder / 'report.json').write_text(json.dumps(found, indent=1))
        (folder / 'report.txt').write_text(result)
        for mode, each in found.items():
            picture = chart.svg(
                chart.panels(each['bars'], each['more']), mode, each['other']
            )
            (folder / f'{mode}.svg').write_text(picture)
    return result
