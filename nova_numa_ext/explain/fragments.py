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

"""What of a domain differs from what Nova writes by itself."""

import copy
import dataclasses
import difflib

#: Lines that are alike are left out where there are more than these in a row.
_CONTEXT = 2

SAME, ADDED, GONE, CUT = ' ', '+', '-', '~'


@dataclasses.dataclass(frozen=True)
class Fragment:
    """An element of the domain that differs.

    :ivar path: where it is
    :ivar lines: pairs of a mark (``SAME``, ``ADDED``, ``GONE``, ``CUT`` for
        lines that are left out) and a line of XML
    """

    path: str
    lines: tuple

    @property
    def xml(self):
        """The lines as the guest has them, without what was left out."""
        return '\n'.join(
            line for mark, line in self.lines if mark != GONE)


def fragments(nova, tuned):
    """Return the elements of a domain that differ from Nova's own."""
    before, after = _parts(nova), _parts(tuned)
    found = []
    for path in [*after, *(path for path in before if path not in after)]:
        if before.get(path) != after.get(path):
            found.append(Fragment(path, tuple(_compared(
                before.get(path, []), after.get(path, [])))))
    return tuple(found)


def text_of(domain):
    """Return a domain as indented XML."""
    # Nova brings it, and without Nova there is no domain.
    from lxml import etree

    domain = copy.deepcopy(domain)
    etree.indent(domain)
    return etree.tostring(domain, encoding='unicode') + '\n'


def _parts(domain):
    """Return the lines of each element, and of each device."""
    found = {}
    for child in domain:
        # What was asked for is told elsewhere, and better.
        if child.tag == 'metadata':
            continue
        for part in (child if child.tag == 'devices' else [child]):
            path = part.tag if part is child else f'devices/{part.tag}'
            number = sum(other.startswith(path + '[') for other in found)
            found[f'{path}[{number + 1}]'] = text_of(
                part).strip().split('\n')
    return {(path[:-3] if path.endswith('[1]') else path): lines
            for path, lines in found.items()}


def _compared(before, after):
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        if kind == 'equal':
            yield from _shortened(before[low:high], low == 0,
                                  high == len(before))
            continue
        yield from ((GONE, line) for line in before[low:high])
        yield from ((ADDED, line) for line in after[new_low:new_high])


def _shortened(lines, first, last):
    """Return lines around a difference, and how many are left out."""
    head = 1 if first else _CONTEXT
    tail = 1 if last else _CONTEXT
    if len(lines) <= head + tail + 1:
        yield from ((SAME, line) for line in lines)
        return
    yield from ((SAME, line) for line in lines[:head])
    yield CUT, f'  ... {len(lines) - head - tail} lines as Nova has them'
    yield from ((SAME, line) for line in lines[-tail:])
