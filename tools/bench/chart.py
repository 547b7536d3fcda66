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

"""Bars of both sides, side by side, as SVG."""

from xml.sax import saxutils

WIDTH = 840
LABELS = 340
VALUES = 90
BAR = 13
GAP = 10
TITLE = 34
TOP = 40
STYLE = """
  .page { fill: #ffffff; }
  .stock { fill: #c3c9d0; }
  .ours { fill: #3584e4; }
  .spread { stroke: #1c2733; stroke-width: 1; }
  text { font: 12px sans-serif; fill: #1c2733; }
  .title { font-weight: bold; }
  .label { text-anchor: end; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14181d; }
    .stock { fill: #66717e; }
    .spread { stroke: #e2e6eb; }
    text { fill: #e2e6eb; }
  }
"""


def panels(bars, more):
    """(title, rows) each; a panel has a scale of its own."""
    seconds = {
        kind: [
            {**row, 'label': row['what'].partition(':')[0]}
            for row in more
            if row['kind'] == kind and row['figure'] == 'seconds'
        ]
        for kind in ('boot', 'delete', 'audit', 'restart')
    }
    counts = {
        figure: [
            {**row, 'label': row['what']}
            for row in bars
            if row['figure'] == figure
        ]
        for figure in ('libvirt', 'placement', 'qemu_img')
    }
    found = (
        ('Boots at once: seconds until all are ACTIVE', seconds['boot']),
        ('Deletes at once: seconds', seconds['delete']),
        ('An audit: seconds', seconds['audit']),
        ('Start of nova-compute to its first boot: seconds',
         seconds['restart']),
        ('Calls that reach libvirtd', counts['libvirt']),
        ('Requests to placement', counts['placement']),
        ('Runs of qemu-img', counts['qemu_img']),
    )
    return [(title, rows) for title, rows in found if rows]


class _Picture:
    def __init__(self):
        self.parts = []
        self.y = TOP

    def text(self, x, y, words, kind=''):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">'
            f'{saxutils.escape(words)}</text>'
        )

    def bar(self, kind, y, spread, scale):
        least, median, most = (value * scale for value in spread)
        self.parts.append(
            f'<rect x="{LABELS}" y="{y}" width="{max(median, 1):.1f}" '
            f'height="{BAR}" class="{kind}"/>'
        )
        if most > least:
            middle = y + BAR / 2
            self.parts.append(
                f'<line x1="{LABELS + least:.1f}" y1="{middle}" '
                f'x2="{LABELS + most:.1f}" y2="{middle}" class="spread"/>'
            )
        self.text(LABELS + most + 5, y + BAR - 3, f'{spread[1]:.3g}')

    def panel(self, title, rows):
        self.y += TITLE - BAR
        self.text(10, self.y, title, 'title')
        self.y += BAR
        greatest = max(
            row[side][2]
            for row in rows
            for side in ('stock', 'ours')
            if row[side]
        )
        scale = (WIDTH - LABELS - VALUES) / (greatest or 1)
        for row in rows:
            self.text(LABELS - 8, self.y + BAR + 4, row['label'], 'label')
            for side in ('stock', 'ours'):
                if row[side]:
                    self.bar(side, self.y, row[side], scale)
                self.y += BAR
            self.y += GAP


LEGENDS = {'ours': 'this driver', 'patched': 'patches/'}


def svg(panels_, mode, other='ours'):
    picture = _Picture()
    for title, rows in panels_:
        picture.panel(title, rows)
    height = picture.y + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}">\n'
        f'<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}"/>\n'
        f'<text x="10" y="24" class="title">nova-compute, {mode}: less is '
        'better</text>\n'
        f'<rect x="{WIDTH - 200}" y="14" width="13" height="13" '
        'class="stock"/>'
        f'<text x="{WIDTH - 182}" y="25">stock</text>\n'
        f'<rect x="{WIDTH - 130}" y="14" width="13" height="13" '
        'class="ours"/>'
        f'<text x="{WIDTH - 112}" y="25">{LEGENDS[other]}</text>\n'
    )
    return head + '\n'.join(picture.parts) + '\n</svg>\n'
