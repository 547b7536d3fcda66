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

"""The types of values that a row of the table can have."""

from __future__ import annotations

from dataclasses import dataclass
import difflib
import re
from typing import Protocol

from nova_numa_ext.policy.errors import listed
from nova_numa_ext.policy.errors import plain
from nova_numa_ext.policy.errors import shown

# Of a word in a list, messages show this many bytes.
WORD = 32

#: Names of CPU models and features as libvirt's cpu_map has them.
_MODEL = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}')
_FEATURE = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,63}')


class BadValue(ValueError):
    """A value that its type does not have.

    :ivar reason: what is wrong with it
    :ivar remedy: what to write instead
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class ValueType(Protocol):
    """A type of value: how it is read, and how the reference names it."""

    @property
    def help(self) -> str:
        """The values, as the reference of extra specs writes them."""

    def parse(self, text: str) -> object:
        """Return the value that a flavor or an image wrote as text.

        :raises BadValue: where the text is none of this type
        """


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the known word that was probably meant, if any is near."""
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


@dataclass(frozen=True)
class Choice:
    """One word of a few."""

    words: tuple[str, ...]

    @property
    def help(self) -> str:
        return ', '.join(self.words)

    def parse(self, text: str) -> str:
        if text in self.words:
            return text
        meant = nearest(text, self.words)
        if meant is not None:
            raise BadValue(
                'no such value',
                f'Did you mean {meant}? Known: {listed(self.words)}',
            )
        raise BadValue('no such value', f'Use one of {listed(self.words)}')


@dataclass(frozen=True)
class Switch:
    """``on`` or ``off``."""

    help: str = 'on, off'

    def parse(self, text: str) -> bool:
        return Choice(('on', 'off')).parse(text) == 'on'


@dataclass(frozen=True)
class Count:
    """A whole number of a range, or one of some words instead."""

    low: int
    high: int
    words: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        return listed((*self.words, f'{self.low} to {self.high}'))

    def parse(self, text: str) -> int | str:
        if text in self.words:
            return text
        # int() would take signs, underscores and other scripts' digits too.
        if re.fullmatch('[0-9]{1,9}', text):
            if self.low <= int(text) <= self.high:
                return int(text)
            raise BadValue(
                'out of range', f'Use {" or ".join(self._ways())}')
        meant = nearest(text, self.words)
        if meant is not None:
            raise BadValue(
                'no such value',
                f'Did you mean {meant}? Known: {self.help}')
        raise BadValue('no such value', f'Use {" or ".join(self._ways())}')

    def _ways(self) -> tuple[str, ...]:
        return (*self.words, f'a number from {self.low} to {self.high}')


@dataclass(frozen=True)
class Scheduler:
    """A realtime scheduler of threads.

    :ivar policy: ``fifo`` or ``rr``, as libvirt writes it
    :ivar priority: 1 to 99 (sched(7))
    """

    policy: str
    priority: int


@dataclass(frozen=True)
class SchedulerAndPriority:
    """A realtime scheduler with the priority of its threads."""

    help: str = 'fifo:N or rr:N, N from 1 to 99'

    def parse(self, text: str) -> Scheduler:
        found = re.fullmatch('(fifo|rr):([0-9]{1,2})', text)
        if found is None or found[2].lstrip('0') == '':
            raise BadValue(
                'not a scheduler with its priority',
                'Write fifo:N or rr:N, with N from 1 to 99',
            )
        return Scheduler(found[1], int(found[2]))


@dataclass(frozen=True)
class CacheShare:
    """What one guest NUMA node gets of an L3.

    :ivar node: the guest's NUMA node
    :ivar size_kib: KiB of L3
    """

    node: int
    size_kib: int


@dataclass(frozen=True)
class CacheShares:
    """Sizes of L3 by guest NUMA node."""

    help: str = 'a list of node:size, such as 0:4MiB,1:4096KiB'

    def parse(self, text: str) -> tuple[CacheShare, ...]:
        shares: dict[int, CacheShare] = {}
        for word in (part.strip(' ') for part in text.split(',')):
            found = re.fullmatch(
                '([0-9]{1,3}):([1-9][0-9]{0,8})([KM])iB', word)
            if found is None:
                raise BadValue(
                    f'{shown(word, WORD)} is not node:size',
                    'Write the size in KiB or MiB, such as 0:4MiB',
                )
            size = int(found[2]) * (1024 if found[3] == 'M' else 1)
            share = CacheShare(int(found[1]), size)
            if share.node in shares:
                raise BadValue(
                    f'node {share.node} is there twice', 'Keep one of the two')
            shares[share.node] = share
        return tuple(shares[node] for node in sorted(shares))


@dataclass(frozen=True)
class CpuModels:
    """CPU models of libvirt, the preferred one first."""

    help: str = 'a list of CPU models, such as Cascadelake-Server,Nehalem'

    def parse(self, text: str) -> tuple[str, ...]:
        models = tuple(word.strip(' ') for word in text.split(','))
        for model in models:
            if not _MODEL.fullmatch(model):
                raise BadValue(
                    f'{shown(model, WORD)} is not a name of a CPU model',
                    'Use names of `virsh cpu-models`, with commas between',
                )
        return tuple(dict.fromkeys(models))


@dataclass(frozen=True)
class CpuFeature:
    """One CPU feature and what is to become of it.

    :ivar name: its name in libvirt
    :ivar policy: ``require`` or ``disable``, as in ``<feature policy=``
    """

    name: str
    policy: str


@dataclass(frozen=True)
class CpuFeatures:
    """CPU features to add with ``+`` or to take away with ``-``."""

    help: str = 'a list of +name or -name, such as +pdpe1gb,-vmx'

    def parse(self, text: str) -> tuple[CpuFeature, ...]:
        features: dict[str, CpuFeature] = {}
        for word in (part.strip(' ') for part in text.split(',')):
            sign, name = word[:1], word[1:]
            if sign not in ('+', '-') or not _FEATURE.fullmatch(name):
                raise BadValue(
                    f'{shown(word, WORD)} is not +name or -name',
                    'Write each feature as +name or -name, commas between',
                )
            feature = CpuFeature(name, 'require' if sign == '+' else 'disable')
            if features.setdefault(name, feature) != feature:
                raise BadValue(
                    f'{plain(name, WORD)} is both required and disabled',
                    'Keep one of the two',
                )
        return tuple(features.values())
