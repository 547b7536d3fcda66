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

"""How wide text is, and how it is broken, on a terminal."""

from __future__ import annotations

import unicodedata

#: What stands for the rest of what is cut.
_MARK = '...'


def clean(text: str, ascii_only: bool = False) -> str:
    """Return text on one line, with nothing that a terminal obeys."""
    made = ''.join(
        char if char.isprintable() else repr(char)[1:-1] for char in text)
    if ascii_only:
        return made.encode('ascii', 'backslashreplace').decode()
    return made


def width(text: str) -> int:
    """Return how many columns text takes."""
    return sum(
        0 if unicodedata.combining(char)
        else 2 if unicodedata.east_asian_width(char) in 'WF' else 1
        for char in text)


def cut(text: str, most: int) -> str:
    """Return as much of text as so many columns hold, and a mark."""
    if width(text) <= most:
        return text
    mark = _MARK[:max(most, 0)]
    while text and width(text) + len(mark) > most:
        text = text[:-1]
    return text + mark


def pad(text: str, columns: int, sign: str = ' ') -> str:
    """Return text of exactly so many columns."""
    text = cut(text, columns)
    return text + sign * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Return text at the right end of so many columns."""
    text = cut(text, columns)
    return ' ' * (columns - width(text)) + text


def wrapped(text: str, columns: int, indent: str = '') -> list[str]:
    """Return text in lines of so many columns; later ones are indented."""
    lines: list[str] = []
    line = ''
    for word in text.split(' '):
        joined = f'{line} {word}' if line.strip() else line + word
        if width(joined) <= columns:
            line = joined
            continue
        if line.strip():
            lines.append(line)
        line = cut(indent + word, columns)
    lines.append(line)
    return lines
