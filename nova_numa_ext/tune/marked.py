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

"""Lines of ours in a file that is somebody else's.

A line that ours take the place of stays where it is, behind a mark; ours stand
between two lines that say so. So the file can be put back as it was, whatever
others have changed in it meanwhile. The DevStack plug-in has the same marks.
"""

from __future__ import annotations

import re
from typing import Iterable
from typing import Mapping

BEGIN = '# BEGIN nova-numa-ext'
END = '# END nova-numa-ext'
BEFORE = '#nova-numa-ext# '


def restored(text: str) -> str:
    """Return a file's text without what is ours."""
    lines = []
    ours = False
    for line in text.splitlines(keepends=True):
        if line.strip() in (BEGIN, END):
            ours = line.strip() == BEGIN
        elif line.startswith(BEFORE):
            lines.append(line[len(BEFORE):])
        elif not ours:
            lines.append(line)
    return ''.join(lines)


def with_values(
    text: str, values: Mapping[str, object], section: str = '',
    aliases: Iterable[str] = (),
) -> str:
    """Return the text with these settings, in the place of those it has.

    :param section: the section of an ini file that they are in; empty where
        the file has none
    :param aliases: other names of these settings
    """
    names = '|'.join(re.escape(name) for name in (*values, *aliases))
    setting = re.compile(fr'\s*({names})\s*=')
    block = [f'{name} = {value}\n' for name, value in values.items()]
    lines = []
    inside = not section
    written = False
    for line in _lines(restored(text)):
        if section and line.startswith('['):
            inside = line.strip() == f'[{section}]'
            lines.append(line)
            if inside and not written:
                lines += _block(block)
                written = True
        elif inside and setting.match(line):
            lines.append(BEFORE + line)
        else:
            lines.append(line)
    if not written:
        header = [f'[{section}]\n'] if section else []
        lines += _block([*header, *block])
    return ''.join(lines)


def with_word(text: str, directive: str, name: str, value: object) -> str:
    """Return the text with ``name=value`` in each line of a directive."""
    lines = []
    for line in _lines(restored(text)):
        if re.match(fr'\s*{re.escape(directive)}\s', line):
            changed, found = re.subn(
                fr'(?<=\s){re.escape(name)}=\S+', f'{name}={value}', line)
            if not found:
                changed = f'{line.rstrip()} {name}={value}\n'
            if changed != line:
                lines += [BEFORE + line, *_block([changed])]
                continue
        lines.append(line)
    return ''.join(lines)


def value(text: str, name: str, section: str = '') -> str | None:
    """Return the first value of a setting, None where there is none."""
    inside = not section
    for line in text.splitlines():
        if section and line.startswith('['):
            inside = line.strip() == f'[{section}]'
        found = re.match(fr'\s*{re.escape(name)}\s*=\s*(.*?)\s*$', line)
        if inside and found:
            return found[1]
    return None


def _lines(text: str) -> list[str]:
    """Return the lines, each with its end."""
    if text and not text.endswith('\n'):
        text += '\n'
    return text.splitlines(keepends=True)


def _block(lines: Iterable[str]) -> list[str]:
    return [f'{BEGIN}\n', *lines, f'{END}\n']
