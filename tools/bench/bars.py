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

"""The rows of the table: what is measured, and the bar for it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics


@dataclasses.dataclass(frozen=True)
class Bar:
    """A row: a figure of a scenario, and what ours may be at most.

    Where a scenario of that size was not measured, the largest below it
    stands for it, and says so by its numbers.
    """

    what: str
    kind: str
    figure: str = 'seconds'
    number: int = 0
    standing: int = 0
    each: bool = False
    # Ours, in every round; or the ratio to stock, in the median.
    most: float | None = None
    ratio: float | None = None


def _audits(what, kind, figure, most, sizes=(0, 20, 100)):
    return tuple(
        Bar(what + ', K = {k}', kind, figure, standing=k, most=most)
        for k in sizes
    )


BARS = (
    Bar('libvirt calls per boot', 'boot', 'libvirt', 1, each=True, most=4),
    Bar(
        'libvirt calls per boot, {n} at once',
        *('boot', 'libvirt', 10),
        each=True,
        most=4,
    ),
    Bar('libvirt calls per delete', 'delete', 'libvirt', 1, each=True, most=4),
    Bar(
        'libvirt calls per delete, {n} at once',
        *('delete', 'libvirt', 10),
        each=True,
        most=4,
    ),
    *_audits('libvirt calls per audit', 'audit', 'libvirt', 8),
    *_audits('libvirt calls per power sync', 'sync', 'libvirt', 2),
    Bar('placement requests per boot', 'boot', 'placement', 1, most=2),
    Bar(
        'placement requests per boot, {n} at once, K = {k}',
        *('boot', 'placement', 20, 100),
        each=True,
        most=2,
    ),
    Bar('placement requests per delete', 'delete', 'placement', 1, most=2),
    Bar(
        'placement requests per delete, {n} at once, K = {k}',
        *('delete', 'placement', 20, 100),
        each=True,
        most=2,
    ),
    Bar('qemu-img runs per boot', 'boot', 'qemu_img', 1, most=2),
    *_audits('qemu-img runs per audit', 'audit', 'qemu_img', 0, (20, 100)),
    Bar('RPCs per boot, without its events', 'boot', 'rpc', 1, most=15),
    Bar(
        'RPCs per boot, without its events, {n} at once',
        *('boot', 'rpc', 20),
        each=True,
        most=15,
    ),
    Bar(
        'ComputeNode saves, {n} boots, max_concurrent_builds = {n}',
        *('burst', 'saves', 20),
        most=6,
    ),
    Bar('ComputeNode saves, {n} boots at once', 'boot', 'saves', 20, most=6),
    Bar(
        'ComputeNode saves, idle audit, K = {k}',
        *('audit', 'saves', 0, 100),
        most=0,
    ),
    Bar(
        'compute_resources held, {n} boots at once, s',
        *('boot', 'lock_held', 40),
        ratio=0.1,
    ),
    Bar(
        'CPU of all services but QEMU, {n} boots at once, s',
        *('boot', 'cpu', 40),
        ratio=0.6,
    ),
    Bar('{n} boots at once, s', 'boot', number=20, ratio=0.7),
    Bar('{n} boots at once, s', 'boot', number=40, ratio=0.6),
    Bar(
        '{n} boots at once, K = {k}, s',
        *('boot', 'seconds', 20, 100),
        ratio=0.4,
    ),
    Bar(
        '{n} boots at once, K = {k}: times those at K = 0',
        *('boot', 'against_empty', 20, 100),
        most=1.2,
    ),
    Bar(
        '{n} deletes at once, K = {k}, s',
        *('delete', 'seconds', 20, 100),
        ratio=0.2,
    ),
    Bar('audit, K = {k}, s', 'audit', standing=100, ratio=0.05),
    Bar(
        'CPU of nova-compute, idle, K = {k}, % of a core',
        *('idle', 'percent_of_core', 0, 100),
        ratio=0.1,
    ),
    Bar(
        'start of nova-compute to a boot, K = {k}, s',
        *('restart', 'seconds', 0, 100),
        ratio=0.2,
    ),
    Bar(
        'p95 of a short libvirt call, {n} slow creates, s',
        *('probe', 'p95', 10),
        ratio=0.05,
    ),
)
# What a scenario's file has figures of.
KINDS = {
    'boot': ('boot', 'delete'),
    'tasks': ('audit', 'sync'),
}


def load(folder):
    """All rounds in a folder of one mode."""
    return [
        json.loads(path.read_text())
        for path in sorted(pathlib.Path(folder).glob('*.json'))
    ]


class Figures:
    """Rounds of one mode, by kind, standing guests, number and side."""

    other = 'ours'

    def __init__(self, contents):
        self._found = {}
        for content in contents:
            if content['side'] != 'stock':
                #: What stock is compared with: this driver, or patches.
                self.other = content['side']
            scenario = content['scenario']
            for kind in KINDS.get(scenario, (scenario,)):
                place = (kind, content['standing'], content['number'])
                sides = self._found.setdefault(place, {})
                by_round = sides.setdefault(content['side'], {})
                by_round[content['round']] = content['figures'][kind]
        for (kind, standing, number), sides in self._found.items():
            empty = self._found.get((kind, 0, number))
            if kind == 'boot' and standing and empty:
                self._against_empty(sides, empty)

    def _against_empty(self, sides, empty):
        for side, by_round in sides.items():
            if side in empty:
                base = statistics.median(
                    each['seconds'] for each in empty[side].values()
                )
                for each in by_round.values():
                    each['against_empty'] = each['seconds'] / base

    def sizes(self, kind):
        """(standing, number) of all that was measured of a kind."""
        return sorted(
            (standing, number)
            for found, standing, number in self._found
            if found == kind
        )

    def nearest(self, bar):
        """The largest measured size that does not exceed a bar's."""
        fitting = [
            size
            for size in self.sizes(bar.kind)
            if size[0] <= bar.standing and size[1] <= bar.number
        ]
        return max(fitting, default=None)

    def values(self, kind, size, side, figure, each=False):
        """A figure by round; of one guest, where each is asked for."""
        by_round = self._found.get((kind, *size), {}).get(side, {})
        return {
            number: value[figure] / (size[1] if each else 1)
            for number, value in by_round.items()
            if figure in value
        }


def spread(values):
    """(min, median, max), or None of nothing."""
    values = list(values)
    if not values:
        return None
    return min(values), statistics.median(values), max(values)


def row(figures, bar):
    """One row as plain values, or None where nothing was measured."""
    size = figures.nearest(bar)
    if size is None:
        return None
    stock, ours = (
        figures.values(bar.kind, size, side, bar.figure, bar.each)
        for side in ('stock', figures.other)
    )
    if not stock and not ours:
        return None
    ratios = [
        ours[number] / stock[number]
        for number in stock
        if number in ours and stock[number]
    ]
    result = {
        'what': bar.what.format(k=size[0], n=size[1]),
        'kind': bar.kind,
        'figure': bar.figure,
        'standing': size[0],
        'number': size[1],
        'stock': spread(stock.values()),
        'ours': spread(ours.values()),
        'ratio': spread(ratios),
        'rounds': len(ratios) or max(len(stock), len(ours)),
        'bar': '',
        'met': None,
    }
    if bar.most is not None:
        result['bar'] = f'at most {bar.most:g}'
        if ours:
            result['met'] = max(ours.values()) <= bar.most
    elif bar.ratio is not None:
        result['bar'] = f'at most {bar.ratio:g} of stock'
        if ratios:
            result['met'] = statistics.median(ratios) <= bar.ratio
    if size != (bar.standing, bar.number):
        # A smaller trial says nothing of a bar.
        result['met'] = None
        wanted = f'K = {bar.standing}'
        if bar.number:
            wanted = f'N = {bar.number}, {wanted}'
        result['bar'] += f' ({wanted})'
    return result


def rows(figures):
    """The bars' rows; where two show the same figures, the first."""
    result = {}
    for bar in BARS:
        found = row(figures, bar)
        if found is not None:
            shown = (bar.kind, bar.figure, found['standing'], found['number'])
            result.setdefault(shown, found)
    return list(result.values())


MORE = (
    ('to ACTIVE, s', 'boot', 'seconds'),
    ("to the guest's own line, s", 'boot', 'up_seconds'),
    ('lock waited for, s', 'boot', 'lock_wait'),
    ('lock held, s', 'boot', 'lock_held'),
    ('CPU of services, s', 'boot', 'cpu'),
    ('seconds', 'delete', 'seconds'),
    ('lock held, s', 'delete', 'lock_held'),
    ('CPU of services, s', 'delete', 'cpu'),
    ('seconds', 'audit', 'seconds'),
    ('RPCs', 'audit', 'rpc'),
    ('placement requests', 'audit', 'placement'),
    ('seconds', 'sync', 'seconds'),
    ('RPCs', 'sync', 'rpc'),
    ('seconds', 'restart', 'seconds'),
    ('until it serves, s', 'restart', 'serves_seconds'),
    ('CPU of nova-compute, s', 'restart', 'cpu'),
    ('CPU of nova-compute, s', 'idle', 'nova_compute_cpu'),
    ('libvirt calls', 'idle', 'libvirt'),
    ('median of a short libvirt call, s', 'probe', 'median'),
)


def more_rows(figures):
    """All sizes that were measured, without bars."""
    result = []
    for words, kind, figure in MORE:
        for standing, number in figures.sizes(kind):
            what = kind
            if number:
                what = f'{number} {kind}{"s" if number > 1 else ""}'
            what += f', K = {standing}: {words}'
            bar = Bar(what, kind, figure, number, standing)
            found = row(figures, bar)
            if found:
                result.append(found)
    return result
