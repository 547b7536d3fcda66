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

"""The CPUs that nova.conf gives to guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from nova_numa_ext.topology import cpuset

DEDICATED = '[compute] cpu_dedicated_set'
SHARED = '[compute] cpu_shared_set'
#: In the place of both, in old configurations.
PINNED = '[DEFAULT] vcpu_pin_set'


@dataclass(frozen=True)
class GuestCpus:
    """The CPUs of guests.

    :ivar by_setting: those of each setting that has any, by its name
    """

    by_setting: Mapping[str, frozenset[int]]

    @property
    def all(self) -> frozenset[int]:
        """All that a guest's threads may run on."""
        return frozenset().union(*self.by_setting.values())

    @property
    def dedicated(self) -> frozenset[int] | None:
        """Those that guests are pinned to; None where nobody has said."""
        return self.by_setting.get(DEDICATED)


def read(settings: Mapping[str, str | None]) -> GuestCpus:
    """Return the CPUs of the settings, those without a value left out.

    :param settings: their values, by the names above
    :raises ValueError: where one cannot be read; names it
    """
    found = {}
    for name, text in settings.items():
        if not text:
            continue
        try:
            found[name] = parse(text)
        except ValueError as error:
            short = name.rpartition(' ')[2]
            raise ValueError(f'{short} = {text}: {error}') from error
    return GuestCpus(found)


def parse(text: str) -> frozenset[int]:
    """Return the CPUs of a list as Nova has it: ``0-3,^2``.

    :raises ValueError: where it is no such list
    """
    words = [word.strip() for word in text.split(',')]
    return cpuset.parse(','.join(
        word for word in words if word and not word.startswith('^'))
    ) - cpuset.parse(','.join(
        word[1:] for word in words if word.startswith('^')))
