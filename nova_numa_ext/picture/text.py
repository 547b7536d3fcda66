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

"""A map of a host as text for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from nova_numa_ext.picture import model
from nova_numa_ext.picture import words

WIDTH = 100
#: Narrower than this nothing can be drawn.
LEAST_WIDTH = 24
_LABEL = 6
#: Nodes stand side by side where this many cores of each fit in a row.
_CORES_IN_ROW = 8

_COLOURS = (36, 33, 35, 32, 34, 31)
_BOLD = 1
_DIM = 2
_ANSI_OF_USE = {'free': _DIM, 'out': _DIM, 'realtime': _BOLD}


@dataclass(frozen=True)
class _Signs:
    """What boxes are drawn with; corners row by row, from the top left."""

    across: str
    down: str
    corners: str
    ascii_only: bool


_UNICODE = _Signs('─', '│', '┌┬┐└┴┘', False)
_ASCII = _Signs('-', '|', '++++++', True)


@dataclass(frozen=True)
class _Block:
    """Lines that take the same number of columns each."""

    width: int
    lines: tuple[str, ...]


def draw(
    host_map: model.HostMap,
    width: int = WIDTH,
    ascii_only: bool = False,
    colour: bool = False,
) -> str:
    """Return the map, each line of it within the width, ended by a newline.

    :param width: at least ``LEAST_WIDTH`` columns
    :param ascii_only: draw boxes with ASCII characters
    :param colour: tell guests apart with the colours of a terminal
    """
    pen = _Pen(_ASCII if ascii_only else _UNICODE, colour, host_map)
    width = max(width, LEAST_WIDTH)
    lines = words.wrapped(pen.clean(host_map.title), width)
    lines = [pen.ansi(line, _BOLD) for line in lines]
    lines += pen.nodes(host_map.nodes, width)
    lines += pen.legend(host_map, width)
    for note in host_map.notes:
        lines += words.wrapped(pen.clean(note), width, '  ')
    return ''.join(line.rstrip() + '\n' for line in lines)


class _Pen:
    """Draws with these signs, in colour or without."""

    def __init__(
        self, signs: _Signs, colour: bool, host_map: model.HostMap,
    ) -> None:
        self._signs = signs
        self._colour = colour
        cpus = [cpu for node in host_map.nodes for cpu in node.cpus]
        self._cell = max(
            (max(len(str(cpu.id)), words.width(self._label(cpu)))
             for cpu in cpus), default=1)

    def clean(self, text: str) -> str:
        return words.clean(text, self._signs.ascii_only)

    def ansi(self, text: str, *codes: int | None) -> str:
        marks = ';'.join(str(code) for code in codes if code is not None)
        if not self._colour or not marks:
            return text
        return f'\033[{marks}m{text}\033[0m'

    def nodes(self, nodes: Sequence[model.Node], width: int) -> list[str]:
        """Draw nodes, as many side by side as there is room for."""
        cores = max((len(cache.cores) for node in nodes
                     for cache in node.caches), default=1)
        siblings = max((len(core) for node in nodes for cache in node.caches
                        for core in cache.cores), default=1)
        least = min(cores, _CORES_IN_ROW) * self._core_width(siblings) + 5
        columns = max(1, min(len(nodes), (width + 1) // (least + 1)))
        inner = (width + 1) // columns - 5
        # Boxes no wider than what is in the widest one.
        inner = max((block.width for node in nodes
                     for block in [*self._caches(node, inner),
                                   *self._words(node, inner)]), default=0)
        return [line for low in range(0, len(nodes), columns)
                for line in self._row(nodes[low:low + columns], inner)]

    def legend(self, host_map: model.HostMap, width: int) -> list[str]:
        parts = [f'{self._label(cpu)} {meaning}'
                 for cpu, meaning in host_map.legend]
        if parts:
            parts.insert(0, model.LEGEND)
        lines: list[str] = []
        for part in parts:
            if lines and words.width(lines[-1] + part) + 3 <= width:
                lines[-1] += f'   {part}'
            else:
                lines += words.wrapped(part, width, '  ')
        for at, name in enumerate(host_map.guests):
            lines += [self.ansi(line, _colour_of(at))
                      for line in words.wrapped(self.clean(name), width, '  ')]
        return lines

    def _label(self, cpu: model.Cpu) -> str:
        return words.cut(self.clean(cpu.label), _LABEL)

    def _core_width(self, cpus: int) -> int:
        return cpus * (self._cell + 1) + 2

    def _row(
        self, nodes: Sequence[model.Node], inner: int,
    ) -> list[str]:
        """Draw nodes in boxes of the same height, side by side."""
        insides = [
            [line + ' ' * (inner - block.width)
             for block in [*self._caches(node, inner),
                           *self._words(node, inner)]
             for line in block.lines]
            for node in nodes]
        high = max(len(lines) for lines in insides)
        return _beside([
            self._box(model.title_of(node),
                      lines + [' ' * inner] * (high - len(lines)), inner)
            for node, lines in zip(nodes, insides)])

    def _box(self, title: str, lines: Sequence[str], inner: int) -> _Block:
        signs = self._signs
        corners = signs.corners
        title = words.cut(self.clean(title), inner - 1)
        rest = signs.across * (inner - words.width(title) - 1)
        return _Block(inner + 4, (
            f'{corners[0]}{signs.across} {self.ansi(title, _BOLD)} {rest}'
            f'{corners[2]}',
            *(f'{signs.down} {line} {signs.down}' for line in lines),
            corners[3] + signs.across * (inner + 2) + corners[5]))

    def _words(self, node: model.Node, inner: int) -> list[_Block]:
        """Draw what is said of a node; the title takes room, too."""
        blocks = [_Block(min(inner, words.width(
            self.clean(model.title_of(node))) + 2), ())]
        for text in (*model.memory_lines(node.memory), *node.lines):
            lines = words.wrapped(self.clean(text), inner, '  ')
            wide = max(words.width(line) for line in lines)
            blocks.append(_Block(
                wide, tuple(words.pad(line, wide) for line in lines)))
        return blocks

    def _caches(self, node: model.Node, inner: int) -> list[_Block]:
        """Draw a node's caches, side by side where they fit."""
        rows: list[list[_Block]] = []
        for cache in node.caches:
            if not cache.cores:
                continue
            block = self._cache(cache, inner)
            taken = sum(other.width + 1 for other in rows[-1]) if rows else 0
            if rows and taken + block.width <= inner:
                rows[-1].append(block)
            else:
                rows.append([block])
        return [_Block(sum(block.width + 1 for block in row) - 1,
                       tuple(_beside(row))) for row in rows]

    def _cache(self, cache: model.Cache, inner: int) -> _Block:
        # A core with more CPUs than there is room for goes on in the next box.
        most = max(1, (inner - 3) // (self._cell + 1))
        pieces = [core[low:low + most] for core in cache.cores
                  for low in range(0, len(core), most)]
        rows: list[list[tuple[model.Cpu, ...]]] = [[]]
        for piece in pieces:
            taken = sum(self._core_width(len(other)) for other in rows[-1])
            if rows[-1] and taken + self._core_width(len(piece)) + 1 > inner:
                rows.append([])
            rows[-1].append(piece)
        blocks = [self._cores(row) for row in rows]
        name = self.clean(cache.name)
        wide = min(inner, max(
            words.width(name), max(block.width for block in blocks)))
        title = [words.pad(name, wide)] if name else []
        return _Block(wide, tuple(title) + tuple(
            line + ' ' * (wide - block.width)
            for block in blocks for line in block.lines))

    def _cores(self, cores: Sequence[Sequence[model.Cpu]]) -> _Block:
        """Draw cores in boxes of their own, siblings side by side."""
        signs = self._signs
        corners = signs.corners
        edges = [signs.across * (self._core_width(len(core)) - 1)
                 for core in cores]
        numbers = [
            ' ' + ''.join(words.right(str(cpu.id), self._cell) + ' '
                          for cpu in core) for core in cores]
        labels = [
            ' ' + ''.join(self._stand(cpu) + ' ' for cpu in core)
            for core in cores]
        down = signs.down
        return _Block(
            sum(self._core_width(len(core)) for core in cores) + 1,
            (corners[0] + corners[1].join(edges) + corners[2],
             down + down.join(numbers) + down,
             down + down.join(labels) + down,
             corners[3] + corners[4].join(edges) + corners[5]))

    def _stand(self, cpu: model.Cpu) -> str:
        return self.ansi(
            words.right(self._label(cpu), self._cell),
            _ANSI_OF_USE.get(cpu.stand.use),
            _colour_of(cpu.stand.guest))


def _colour_of(guest: int | None) -> int | None:
    return None if guest is None else _COLOURS[guest % len(_COLOURS)]


def _beside(blocks: Sequence[_Block]) -> list[str]:
    """Return the lines of blocks that stand side by side."""
    high = max(len(block.lines) for block in blocks)
    return [
        ' '.join(
            block.lines[at] if at < len(block.lines) else ' ' * block.width
            for block in blocks)
        for at in range(high)
    ]
