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

"""Lists of CPUs as Linux and libvirt write them: ``0-3,8``."""

from __future__ import annotations

import re
from typing import Iterable

MOST_CPUS = 65536

_RANGE = re.compile('([0-9]{1,5})(?:-([0-9]{1,5}))?')


def parse(text: str) -> frozenset[int]:
    """Return the CPUs of a list such as ``0-3,8``; none for an empty one.

    :raises ValueError: where it is no such list
    """
    cpus: set[int] = set()
    if not text.strip():
        return frozenset()
    for part in text.split(','):
        # int() would take signs, underscores and other scripts' digits too.
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise ValueError(f'{part[:40]!r} is not a range of CPUs')
        low, high = int(found[1]), int(found[2] or found[1])
        if not low <= high < MOST_CPUS:
            raise ValueError(f'{part[:40]!r} is not a range of CPUs')
        cpus.update(range(low, high + 1))
    return frozenset(cpus)


def show(cpus: Iterable[int]) -> str:
    """Return CPUs as a list such as ``0-3,8``; empty for none."""
    ranges: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ','.join(
        str(low) if low == high else f'{low}-{high}' for low, high in ranges)
