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

"""What a running guest got, as QEMU's process and libvirt tell."""

from __future__ import annotations

from dataclasses import dataclass
import json
from typing import Mapping
from xml.etree import ElementTree

from nova_numa_ext.host import processes
from nova_numa_ext.host.reader import HostReader


@dataclass(frozen=True)
class Evidence:
    """All that promises are compared with; what is None cannot be read.

    :ivar pid: QEMU's process
    :ivar command_line: the words that it was started with
    :ivar threads: its threads
    :ivar areas: its memory
    :ivar locked_kib: how much of that is locked
    :ivar merged_pages: how many of its pages the host has merged with others
    :ivar online: the host's CPUs that are online
    :ivar domain: the live domain
    """

    pid: int
    command_line: tuple[str, ...]
    threads: tuple[processes.Thread, ...]
    areas: tuple[processes.Area, ...] | None
    locked_kib: int | None
    merged_pages: int | None
    online: frozenset[int] | None
    domain: ElementTree.Element

    def option(self, name: str) -> str:
        """Return the first value of an option of QEMU's, empty for none."""
        for option, value in zip(self.command_line, self.command_line[1:]):
            if option == name:
                return value
        return ''

    @property
    def devices(self) -> tuple[Mapping[str, object], ...]:
        """The properties of each ``-device`` that QEMU was started with."""
        return tuple(
            _properties(value)
            for option, value in zip(
                self.command_line, self.command_line[1:])
            if option == '-device')


def gather(reader: HostReader, uuid: str, live_xml: str) -> Evidence | None:
    """Return what there is about a guest; None without a process of it."""
    pid = processes.of_guest(reader, uuid)
    if pid is None:
        return None
    return Evidence(
        pid,
        processes.command_line(reader, pid),
        processes.threads(reader, pid),
        processes.areas(reader, pid),
        processes.locked_kib(reader, pid),
        reader.number(f'proc/{pid}/ksm_merging_pages'),
        reader.cpus('sys/devices/system/cpu/online'),
        ElementTree.fromstring(live_xml),
    )


def _properties(text: str) -> Mapping[str, object]:
    """Return what -device is given, as JSON or in QEMU's older way."""
    if text.startswith('{'):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    driver, *words = text.split(',')
    properties: dict[str, object] = {'driver': driver}
    for word in words:
        name, _equals, value = word.partition('=')
        properties[name] = value
    return properties
