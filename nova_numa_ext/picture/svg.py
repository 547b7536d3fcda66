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

"""A map of a host as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable
from typing import Sequence
from xml.sax import saxutils

from nova_numa_ext.picture import model
from nova_numa_ext.picture import words

WIDTH = 960
_LEAST_WIDTH = 480
#: All text is of one width for each letter, so that its place is known.
_LETTER = 7.3
_LINE = 17
_CELL_HEIGHT = 34
_GAP = 4
_PAD = 10
_BAR = 14
#: Nodes stand side by side where this many cores of each fit in a row.
_CORES_IN_ROW = 8
_LABEL = 6

_STYLE = """
    .page { fill: #ffffff; }
    .node { fill: #f3f5f8; stroke: #66717e; }
    .cache { fill: #fdf3dc; stroke: #b98a2c; }
    .core { fill: #e2e6eb; stroke: #66717e; }
    .free { fill: #ffffff; }
    .out, .taken { fill: #c3c9d0; }
    .g0 { fill: #9cc7f2; } .g1 { fill: #f6bd84; } .g2 { fill: #a5dba0; }
    .g3 { fill: #e3b0dc; } .g4 { fill: #f2e07f; } .g5 { fill: #9bdfdf; }
    .shared { fill-opacity: 0.45; }
    .key { stroke: #66717e; }
    .realtime { stroke: #c01c28; stroke-width: 2; }
    .emulator { stroke: #1c2733; stroke-dasharray: 3 2; }
    text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace;
           fill: #1c2733; white-space: pre; }
    .h { font-size: 15px; font-weight: bold; }
    .b { font-weight: bold; }
    .l { font-weight: bold; text-anchor: middle; }
    .n { font-size: 10px; text-anchor: middle; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #14181d; }
      .node { fill: #1e242b; stroke: #8b97a4; }
      .cache { fill: #332b18; stroke: #b98a2c; }
      .core { fill: #39424c; stroke: #8b97a4; }
      .free { fill: #14181d; }
      .out, .taken { fill: #535d68; }
      .g0 { fill: #1f5b96; } .g1 { fill: #8a5217; } .g2 { fill: #2e6f29; }
      .g3 { fill: #7c3a74; } .g4 { fill: #6d6012; } .g5 { fill: #1c6b6b; }
      .realtime { stroke: #ff7b80; }
      .emulator { stroke: #e8ecf1; }
      text { fill: #e8ecf1; }
    }
"""


@dataclass(frozen=True)
class _Block:
    """A part of the picture: its size, and what is in it."""

    width: float
    height: float
    parts: tuple[str, ...]

    def at(self, x: float, y: float) -> str:
        return (f'<g transform="translate({_n(x)} {_n(y)})">'
                f'{"".join(self.parts)}</g>')


def draw(host_map: model.HostMap) -> str:
    """Return the map as a document of its own."""
    pen = _Pen(host_map)
    width, height, parts = _LEAST_WIDTH, 12.0, []
    for block in pen.page(WIDTH - 24):
        width = max(width, int(block.width) + 25)
        parts.append(block.at(12, height))
        height += block.height + 8
    title = _escape(host_map.title)
    body = '\n'.join(f'  {part}' for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" '
        f'height="{_n(height + 4)}" '
        f'viewBox="0 0 {_n(width)} {_n(height + 4)}" role="img">\n'
        f'  <title>{title}</title>\n'
        f'  <style>{_STYLE}  </style>\n'
        f'  {_rect("page", width, height + 4)}\n'
        f'{body}\n</svg>\n'
    )


class _Pen:

    def __init__(self, host_map: model.HostMap) -> None:
        self._map = host_map
        cpus = [cpu for node in host_map.nodes for cpu in node.cpus]
        letters = max((max(len(str(cpu.id)), words.width(_label(cpu)))
                       for cpu in cpus), default=1)
        self._cell = max(28.0, letters * _LETTER + 8)

    def page(self, width: float) -> list[_Block]:
        """Return what is on the page, from top to bottom."""
        blocks = [_lines([self._map.title], width, 'h')]
        blocks += self._nodes(width)
        blocks += self._legend(width)
        if self._map.notes:
            blocks.append(_lines(self._map.notes, width))
        return blocks

    def _nodes(self, width: float) -> list[_Block]:
        """Draw nodes, as many side by side as there is room for."""
        nodes = self._map.nodes
        if not nodes:
            return []
        cores = max((len(cache.cores) for node in nodes
                     for cache in node.caches), default=1)
        siblings = max((len(core) for node in nodes for cache in node.caches
                        for core in cache.cores), default=1)
        least = (min(cores, _CORES_IN_ROW) * (self._core_width(siblings)
                 + _GAP) + 4 * _PAD)
        columns = max(1, min(len(nodes), int((width + 8) // (least + 8))))
        inner = (width - 8 * (columns - 1)) / columns - 2 * _PAD
        # Nodes no wider than what is in the widest one.
        inner = max(block.width for node in nodes
                    for block in self._blocks(node, inner))
        rows = []
        for low in range(0, len(nodes), columns):
            insides = [
                _stack(self._blocks(node, inner, bar=True))
                for node in nodes[low:low + columns]]
            high = max(inside.height for inside in insides) + 2 * _PAD
            rows.append(_row([
                _framed('node', inside, inner + 2 * _PAD, high)
                for inside in insides]))
        return rows

    def _blocks(
        self, node: model.Node, width: float, bar: bool = False,
    ) -> list[_Block]:
        """Return what is in a node, from top to bottom."""
        blocks = [_lines([model.title_of(node)], width, 'b')]
        if bar:
            blocks.append(self._bar(node.memory, width))
        caches = [self._cache(cache, width) for cache in node.caches]
        blocks += [_row(row) for row in _rows(caches, width)]
        said = (*model.memory_lines(node.memory), *node.lines)
        if said:
            blocks.append(_lines(said, width))
        return blocks

    def _bar(self, memory: model.Memory, width: float) -> _Block:
        """Draw a node's memory, with what guests have of it."""
        parts = [_rect('core', width, _BAR)]
        x = 0.0
        for share in memory.shares:
            part = min(width * share.kib / max(memory.total_kib, 1), width - x)
            parts.append(_rect(_guest_class(share.guest), part, _BAR, x))
            x += part
        return _Block(width, _BAR, tuple(parts))

    def _cache(self, cache: model.Cache, width: float) -> _Block:
        room = width - 2 * _PAD
        most = max(1, int((room - 6) // self._cell))
        cores = [self._core(core[low:low + most]) for core in cache.cores
                 for low in range(0, len(core), most)]
        blocks = [_row(row, _GAP) for row in _rows(cores, room, _GAP)]
        wide = max((block.width for block in blocks), default=0)
        if cache.name:
            blocks.insert(0, _lines([cache.name], room))
            wide = max(wide, blocks[0].width)
        inside = _stack(blocks)
        return _framed('cache' if cache.name else 'node', inside,
                       wide + 2 * _PAD, inside.height + 2 * _PAD)

    def _core_width(self, cpus: int) -> float:
        return cpus * self._cell + 6

    def _core(self, cpus: Sequence[model.Cpu]) -> _Block:
        width = self._core_width(len(cpus))
        parts = [_rect('core', width, _CELL_HEIGHT + 6, radius=4)]
        for at, cpu in enumerate(cpus):
            x = 3 + at * self._cell
            parts.append(_rect(_class_of(cpu.stand), self._cell - 2,
                               _CELL_HEIGHT, x + 1, 3, radius=3))
            middle = x + self._cell / 2
            parts.append(_text('n', str(cpu.id), middle, 15))
            parts.append(_text('l', _label(cpu), middle, 31))
        return _Block(width, _CELL_HEIGHT + 6, tuple(parts))

    def _legend(self, width: float) -> list[_Block]:
        keys = [(_class_of(cpu.stand), _label(cpu), meaning)
                for cpu, meaning in self._map.legend]
        keys += [(_guest_class(at), '', name)
                 for at, name in enumerate(self._map.guests)]
        blocks = [_lines([model.LEGEND], width)] if keys else []
        for style, label, meaning in keys:
            said = _lines([meaning], width - self._cell - 8)
            blocks.append(_Block(
                self._cell + 4 + said.width, max(20, said.height),
                (_rect(f'{style} key', self._cell - 2, 18, radius=3),
                 _text('l', label, (self._cell - 2) / 2, 13),
                 said.at(self._cell + 4, 0))))
        return [_row(row, 16) for row in _rows(blocks, width, 16)]


def _label(cpu: model.Cpu) -> str:
    return words.cut(words.clean(cpu.label), _LABEL)


def _class_of(stand: model.Stand) -> str:
    if stand.use in ('free', 'out', 'taken'):
        return stand.use
    return f'{stand.use} {_guest_class(stand.guest)}'


def _guest_class(guest: int | None) -> str:
    return 'taken' if guest is None else f'g{guest % 6}'


def _lines(
    texts: Iterable[str], width: float, style: str = '',
) -> _Block:
    """Return text, wrapped, as wide as it is."""
    letter = _LETTER * 1.25 if style == 'h' else _LETTER
    found = [line for text in texts for line in words.wrapped(
        words.clean(text), max(1, int(width / letter + 0.01)), '  ')]
    return _Block(
        max(words.width(line) for line in found) * letter,
        len(found) * _LINE,
        tuple(_text(style, line, 0, 13 + at * _LINE)
              for at, line in enumerate(found)))


def _stack(blocks: Sequence[_Block]) -> _Block:
    """Return blocks one below the other."""
    parts = []
    y = 0.0
    for block in blocks:
        parts.append(block.at(0, y))
        y += block.height + 6
    return _Block(max((block.width for block in blocks), default=0),
                  max(y - 6, 0), tuple(parts))


def _row(blocks: Sequence[_Block], gap: float = 8) -> _Block:
    """Return blocks side by side."""
    parts = []
    x = 0.0
    for block in blocks:
        parts.append(block.at(x, 0))
        x += block.width + gap
    return _Block(x - gap, max(block.height for block in blocks),
                  tuple(parts))


def _rows(
    blocks: Iterable[_Block], width: float, gap: float = 8,
) -> list[list[_Block]]:
    """Return blocks in rows of this width, each as full as can be."""
    rows: list[list[_Block]] = []
    for block in blocks:
        taken = sum(other.width + gap for other in rows[-1]) if rows else 0
        if rows and taken + block.width <= width + 0.01:
            rows[-1].append(block)
        else:
            rows.append([block])
    return rows


def _framed(
    style: str, inside: _Block, width: float, height: float,
) -> _Block:
    return _Block(width, height, (
        _rect(style, width, height, radius=6), inside.at(_PAD, _PAD)))


def _rect(
    style: str, width: float, height: float,
    x: float = 0, y: float = 0, radius: float = 0,
) -> str:
    rounded = f' rx="{_n(radius)}"' if radius else ''
    return (f'<rect class="{style}" x="{_n(x)}" y="{_n(y)}" '
            f'width="{_n(width)}" height="{_n(height)}"{rounded}/>')


def _text(style: str, text: str, x: float, y: float) -> str:
    if not text:
        return ''
    named = f' class="{style}"' if style else ''
    return f'<text{named} x="{_n(x)}" y="{_n(y)}">{_escape(text)}</text>'


def _escape(text: str) -> str:
    # What XML has no way to write is not printable, and so is escaped first.
    return saxutils.escape(words.clean(text))


def _n(number: float) -> str:
    return f'{number:.1f}'.replace('.0', '')
