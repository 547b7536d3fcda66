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

"""Processes, their threads and their memory, from /proc."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Mapping

from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology import cpuset

#: Scheduling policies of include/uapi/linux/sched.h.
POLICIES = {
    0: 'other', 1: 'fifo', 2: 'rr', 3: 'batch', 5: 'idle', 6: 'deadline',
    7: 'ext',
}
REALTIME = ('fifo', 'rr', 'deadline')

#: Number of CAP_SYS_RESOURCE in include/uapi/linux/capability.h.
CAP_SYS_RESOURCE = 24

_VCPU = re.compile('CPU ([0-9]{1,5})/[A-Za-z]+')
_IOTHREAD = re.compile('IO iothread([0-9]{1,5})')
# "7f00 bind:0-1 file=/dev/hugepages/x huge N0=1 kernelpagesize_kB=2048"; the
# policy is mpol_to_str()'s of mm/mempolicy.c: "prefer (many)" has a space.
_AREA = re.compile(
    r'(?P<start>[0-9a-f]+) (?P<mode>[a-z]+(?: interleave| \(many\))?)'
    r'(?:=[a-z|]+)?(?::(?P<nodes>[0-9,-]+))?(?P<rest>.*)')
_PAGES = re.compile(r' N([0-9]{1,5})=([0-9]{1,18})')


@dataclass(frozen=True)
class Thread:
    """A thread of a process.

    :ivar tid: its number
    :ivar name: its name; QEMU names vCPUs and IO threads
    :ivar cpus: the CPUs that it may run on
    :ivar policy: its scheduling policy, such as ``other`` or ``fifo``
    :ivar priority: its realtime priority; 0 for other policies
    """

    tid: int
    name: str
    cpus: frozenset[int]
    policy: str
    priority: int

    @property
    def vcpu(self) -> int | None:
        """The vCPU that it is: ``CPU 0/KVM``, ``CPU 0/TCG``."""
        found = _VCPU.fullmatch(self.name)
        return int(found[1]) if found else None

    @property
    def iothread(self) -> int | None:
        """The IO thread that it is: ``IO iothread1``."""
        found = _IOTHREAD.fullmatch(self.name)
        return int(found[1]) if found else None


@dataclass(frozen=True)
class Area:
    """A mapping of a process's memory.

    :ivar size_kib: its size
    :ivar policy: its memory policy, such as ``default`` or ``bind``
    :ivar nodes: the host nodes of the policy
    :ivar file: the file that is mapped, empty for none
    :ivar page_kib: size of its pages
    :ivar kib: how much of it is on each host node
    """

    size_kib: int
    policy: str
    nodes: frozenset[int]
    file: str
    page_kib: int
    kib: Mapping[int, int]


def of_guest(reader: HostReader, uuid: str) -> int | None:
    """Return the process of the guest with this UUID."""
    for pid in reader.numbered('proc'):
        words = command_line(reader, pid)
        for option, value in zip(words, words[1:]):
            if option == '-uuid' and value == uuid:
                return pid
    return None


def named(reader: HostReader, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the processes with one of these names."""
    return tuple(
        pid for pid in reader.numbered('proc')
        if reader.text(f'proc/{pid}/comm') in names)


def command_line(reader: HostReader, pid: int) -> tuple[str, ...]:
    """Return the words that a process was started with."""
    text = reader.text(f'proc/{pid}/cmdline')
    return tuple(text.rstrip('\0').split('\0')) if text else ()


def threads(reader: HostReader, pid: int) -> tuple[Thread, ...]:
    """Return the threads of a process, those that end meanwhile left out."""
    found = []
    for tid in reader.numbered(f'proc/{pid}/task'):
        folder = f'proc/{pid}/task/{tid}'
        # The name is in parentheses and may have any character. After it
        # come fields 3 and so on of proc(5); 40 and 41 are wanted.
        fields = (reader.text(f'{folder}/stat') or '').rpartition(')')[2]
        words = fields.split()
        allowed = reader.fields(f'{folder}/status').get('Cpus_allowed_list')
        if len(words) < 39 or allowed is None:
            continue
        found.append(Thread(
            tid,
            reader.text(f'{folder}/comm') or '',
            cpuset.parse(allowed),
            POLICIES.get(int(words[38]), words[38]),
            int(words[37]),
        ))
    return tuple(found)


def areas(reader: HostReader, pid: int) -> tuple[Area, ...] | None:
    """Return the mappings of a process; None where they cannot be read."""
    maps = reader.text(f'proc/{pid}/maps')
    numa_maps = reader.text(f'proc/{pid}/numa_maps')
    if not maps or not numa_maps:
        return None
    sizes = {}
    for line in maps.splitlines():
        low, _dash, high = line.partition(' ')[0].partition('-')
        sizes[low.lstrip('0')] = (int(high, 16) - int(low, 16)) // 1024
    found = []
    for line in numa_maps.splitlines():
        area = _AREA.match(line)
        if area is None:
            continue
        rest = area['rest'] + ' '
        page = re.search(r' kernelpagesize_kB=([0-9]+)', rest)
        page_kib = int(page[1]) if page else 4
        file = re.search(r' file=(\S+)', rest)
        found.append(Area(
            sizes.get(area['start'].lstrip('0'), 0),
            area['mode'],
            cpuset.parse(area['nodes'] or ''),
            file[1] if file else '',
            page_kib,
            {int(node): int(pages) * page_kib
             for node, pages in _PAGES.findall(rest)},
        ))
    return tuple(found)


def locked_kib(reader: HostReader, pid: int) -> int | None:
    """Return how much memory a process has locked."""
    words = reader.fields(f'proc/{pid}/status').get('VmLck', '').split()
    return int(words[0]) if words else None


def may_raise_limits(reader: HostReader, pid: int) -> bool | None:
    """Return whether a process has CAP_SYS_RESOURCE."""
    capabilities = reader.fields(f'proc/{pid}/status').get('CapEff')
    if capabilities is None:
        return None
    return bool(int(capabilities, 16) >> CAP_SYS_RESOURCE & 1)


def most_locked_kib(reader: HostReader, pid: int) -> float | None:
    """Return the hard limit of a process's locked memory, maybe infinite."""
    found = re.search(
        r'^Max locked memory +\S+ +(\S+)',
        reader.text(f'proc/{pid}/limits') or '', re.MULTILINE)
    if found is None:
        return None
    if found[1] == 'unlimited':
        return float('inf')
    return int(found[1]) // 1024
