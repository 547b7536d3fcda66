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

"""What a row of the table is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from nova_numa_ext.policy import values

#: An extra spec is ``numa_ext:NAME``, an image property ``numa_ext_NAME``.
SPEC_PREFIX = 'numa_ext:'
PROPERTY_PREFIX = 'numa_ext_'

#: The key of what holds for every value of a row.
ANY = '*'

Rule = TypeVar('Rule')


@dataclass(frozen=True)
class Needs:
    """Another row, or a spec of Nova's, that must have one of some values.

    :ivar name: the other row, or one of the specs that NovaSpecs knows
    :ivar words: values of it that will do; none where any value does
    :ivar unless_unset: the rule holds only where the other row is set; where
        it is not, the host's own default decides, and ``domain`` judges it
    :ivar instead: a spec of Nova's that does as well, with any value
    """

    name: str
    words: tuple[str, ...] = ()
    unless_unset: bool = False
    instead: str | None = None


@dataclass(frozen=True)
class Excludes:
    """Another row, or a spec of Nova's, that must not have one of some values.

    :ivar name: the other row, or one of the specs that NovaSpecs knows
    :ivar words: values of it that will not do; none where none will
    """

    name: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Version:
    """The first libvirt and the first QEMU that have something.

    :ivar libvirt: as libvirt counts versions, 6.1.0 being 6001000
    :ivar qemu: likewise
    """

    libvirt: int = 0
    qemu: int = 0


@dataclass(frozen=True)
class Row:
    """One thing that can be asked for.

    Rules are pairs: a value of this row, or ``*`` for all of them, and what
    holds for it.

    :ivar name: its name, without the prefix
    :ivar type: how values are read
    :ivar help: what it means, for the reference
    :ivar flavor_only: an image that sets it is refused
    :ivar needs: what must be set beside it
    :ivar excludes: what must not be set beside it
    :ivar versions: what it needs on the host
    :ivar leave_out: whether a host that lacks this goes without, rather than
        refusing it
    :ivar since: the release of this project that has it first
    """

    name: str
    type: values.ValueType
    help: str
    flavor_only: bool = False
    needs: tuple[tuple[str, Needs], ...] = ()
    excludes: tuple[tuple[str, Excludes], ...] = ()
    versions: tuple[tuple[str, Version], ...] = ()
    leave_out: bool = False
    since: str = '0.1.0'

    @property
    def spec(self) -> str:
        return SPEC_PREFIX + self.name

    @property
    def image_property(self) -> str:
        return PROPERTY_PREFIX + self.name

    def rules_for(
        self, rules: tuple[tuple[str, Rule], ...], value: object,
    ) -> tuple[Rule, ...]:
        """Return those of its rules that hold for a value, once read."""
        return tuple(
            rule for word, rule in rules
            if word == ANY or self.type.parse(word) == value)
