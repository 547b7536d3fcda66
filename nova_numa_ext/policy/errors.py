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

"""What a user is told when a request is refused."""

from __future__ import annotations

from dataclasses import dataclass

#: The most bytes of a message. Nova keeps 255 of a fault's, and writes some 65
#: of its own before ours ("Build of instance UUID aborted: ").
MOST = 190
#: Of a key, a value or a word of one, messages show this many bytes.
SHOWN = 40
_MARK = '...'


@dataclass(frozen=True)
class Origin:
    """Where a setting came from.

    :ivar kind: ``flavor`` or ``image``, or ``profile`` for what the flavor's
        profile sets
    :ivar key: the name as it is written there, such as
        ``numa_ext:cpu_mode`` or ``numa_ext_cpu_mode``
    :ivar value: the value as it is written there
    """

    kind: str
    key: str
    value: str

    def __str__(self) -> str:
        return self.showing(SHOWN)

    def showing(self, most: int) -> str:
        """Return the setting with at most so many bytes of its value."""
        return f'{self.kind} {plain(self.key)}={shown(self.value, most)}'


class Refused(Exception):
    """A request that is refused, in one message of at most ``MOST`` bytes.

    :ivar origin: the setting that is refused
    :ivar reason: why, without a full stop
    :ivar remedy: what to set instead, without a full stop
    """

    def __init__(self, origin: Origin, reason: str, remedy: str) -> None:
        self.origin = origin
        self.reason = reason
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        rest = f': {self.reason}. {self.remedy}.'
        room = MOST - len(rest.encode()) - len(
            self.origin.showing(0).encode())
        # The value can be looked up where it was set; why, and the way out,
        # cannot.
        message = self.origin.showing(min(SHOWN, max(room, 0))) + rest
        if len(message.encode()) > MOST:
            return plain(message, MOST - len(_MARK))
        return message


class InvalidRequest(Refused):
    """The request is wrong by itself, on every host."""


class HostCannot(Refused):
    """The request is sound, and this host cannot do it."""


def shown(value: str, most: int = SHOWN) -> str:
    """Return a value as messages show it: quoted, on one line, cut."""
    return f"'{plain(value, most)}'"


def plain(text: str, most: int = SHOWN) -> str:
    """Return text on one line, in at most so many bytes and a mark."""
    words = []
    size = 0
    for char in text:
        word = char if char.isprintable() else repr(char)[1:-1]
        size += len(word.encode())
        if size > most:
            words.append(_MARK)
            break
        words.append(word)
    return ''.join(words)


def listed(names: tuple[str, ...], most: int = 6) -> str:
    """Return names as messages list them, the first few of many."""
    more = ', ...' if len(names) > most else ''
    return ', '.join(names[:most]) + more
