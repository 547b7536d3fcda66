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

"""What a CPU is, as the kernel tells it in /proc/cpuinfo."""

from __future__ import annotations

from dataclasses import dataclass
import hashlib
from typing import Mapping

from nova_numa_ext.host.reader import HostReader

#: How many hexadecimal digits a fingerprint has.
DIGITS = 16

#: For each field, what x86 and Arm call it. s390x and POWER say nothing of
#: the kind.
_VENDOR = ('vendor_id', 'CPU implementer')
_FAMILY = ('cpu family', 'CPU architecture')
_MODEL = ('model', 'CPU part')
_STEPPING = ('stepping', 'CPU revision')
_FEATURES = ('flags', 'Features')


@dataclass(frozen=True, order=True)
class CpuIdentity:
    """A kind of CPU.

    :ivar vendor: such as ``GenuineIntel``, or ``0x41`` of Arm
    :ivar family: its number
    :ivar model: its number
    :ivar stepping: its number; of Arm the variant, too
    :ivar features: those that the kernel uses, sorted
    """

    vendor: str
    family: str
    model: str
    stepping: str
    features: tuple[str, ...]


def read(reader: HostReader) -> tuple[CpuIdentity, ...]:
    """Return the kinds of CPUs of a host, mostly one.

    None where the kernel does not tell.
    """
    found = set()
    # CPUs are many, and their blocks differ in nothing that counts here.
    for text in set(_blocks(reader.text('proc/cpuinfo') or '')):
        fields = dict(text)
        vendor = _first(fields, _VENDOR)
        model = _first(fields, _MODEL)
        if not vendor or not model:
            continue
        stepping = _first(fields, _STEPPING)
        if 'CPU variant' in fields:
            stepping = f'{fields["CPU variant"]}.{stepping}'
        found.add(CpuIdentity(
            vendor, _first(fields, _FAMILY), model, stepping,
            tuple(sorted(_first(fields, _FEATURES).split()))))
    return tuple(sorted(found))


def _blocks(text: str) -> list[tuple[tuple[str, str], ...]]:
    known = {*_VENDOR, *_FAMILY, *_MODEL, *_STEPPING, *_FEATURES,
             'CPU variant'}
    blocks = []
    for block in text.split('\n\n'):
        fields = []
        for line in block.splitlines():
            name, _colon, words = line.partition(':')
            if name.strip() in known:
                fields.append((name.strip(), words.strip()))
        blocks.append(tuple(fields))
    return blocks


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in fields:
            return fields[name]
    return ''


def fingerprint(kinds: tuple[CpuIdentity, ...]) -> str | None:
    """Return digits that hosts with the same CPUs have in common.

    None where nothing is known of them. A new microcode, kernel or firmware
    changes them where it changes the features.
    """
    if not kinds:
        return None
    lines = '\n'.join(
        ' '.join((kind.vendor, kind.family, kind.model, kind.stepping,
                  *kind.features)) for kind in kinds)
    return hashlib.sha256(lines.encode()).hexdigest()[:DIGITS]
