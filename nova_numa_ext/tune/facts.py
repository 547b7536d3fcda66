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

"""What isolation has to know of a host, as /sys, /proc and /etc tell."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Mapping

from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import units

_CPU = 'sys/devices/system/cpu'
_IRQ = 'proc/irq'
CGROUP = 'sys/fs/cgroup'
#: Where the cpuset controller of cgroup v1 is.
CPUSET = f'{CGROUP}/cpuset'
#: The group of daemons there, where nobody else makes groups.
GROUP = f'{CPUSET}/nova-numa-ext'

_UNITS = (
    units.FOLDER, 'run/systemd/system', 'run/systemd/generator',
    'run/systemd/generator.late', 'usr/local/lib/systemd/system',
    'usr/lib/systemd/system', 'lib/systemd/system')
# Debian's and Red Hat's.
_IRQBALANCE = ('etc/default/irqbalance', 'etc/sysconfig/irqbalance')
#: Of include/linux/sched.h, in field 9 of /proc/PID/stat.
_PF_KTHREAD = 0x00200000
#: What is in a folder of /proc/irq beside those of its devices.
_OF_IRQ = frozenset({
    'affinity_hint', 'effective_affinity', 'effective_affinity_list', 'node',
    'smp_affinity', 'smp_affinity_list', 'spurious'})


@dataclass(frozen=True)
class Irq:
    """An interrupt.

    :ivar number: its number
    :ivar devices: what it is for, such as ``nvme0q3``
    :ivar cpus: the CPUs that it may go to
    :ivar movable: False where the kernel is known to refuse another place
    """

    number: int
    devices: tuple[str, ...]
    cpus: frozenset[int]
    movable: bool

    def __str__(self) -> str:
        devices = f' ({", ".join(self.devices)})' if self.devices else ''
        return f'{self.number}{devices} on CPUs {cpuset.show(self.cpus)}'


@dataclass(frozen=True)
class Process:
    """A process that is no kernel thread.

    :ivar group: where it is, as systemd or cgroup v1's cpuset has it
    :ivar guest: whether it is a guest of libvirt's
    """

    pid: int
    name: str
    group: str
    guest: bool

    def __str__(self) -> str:
        return f'{self.name} ({self.pid})'


@dataclass(frozen=True)
class Group:
    """A control group that is there.

    :ivar cpus: the CPUs that it may use; None where nothing says
    :ivar memory: bytes that it uses; None likewise
    """

    cpus: frozenset[int] | None
    memory: int | None


@dataclass(frozen=True)
class Facts:
    """What there is on a host.

    :ivar present: its CPUs, those that are offline too
    :ivar online: those that run
    :ivar siblings: for each of these, the CPUs of its core
    :ivar systemd: whether systemd is its init
    :ivar controllers: those of cgroup v2; None with v1
    :ivar cpuset: whether cgroup v1 has the cpuset controller
    :ivar groups: slices and scopes that are there, by name
    :ivar exempt: the slice that each exempt service runs in, by its name
    :ivar lacking: exempt services that this host does not have
    :ivar default: the CPUs that new interrupts may go to
    :ivar irqs: interrupts
    :ivar irqbalance: whether it is installed
    :ivar banned_in: the file of irqbalance's own that bans CPUs, or empty
    :ivar processes: all but kernel threads and the first one
    """

    present: frozenset[int]
    online: frozenset[int]
    siblings: Mapping[int, frozenset[int]]
    systemd: bool
    controllers: frozenset[str] | None
    cpuset: bool
    groups: Mapping[str, Group]
    exempt: Mapping[str, str]
    lacking: tuple[str, ...]
    default: frozenset[int] | None
    irqs: tuple[Irq, ...]
    irqbalance: bool
    banned_in: str
    processes: tuple[Process, ...]


def gather(
    reader: HostReader, exempt: tuple[str, ...] = (),
    stuck: Mapping[str, list[str]] | None = None,
) -> Facts:
    """Return what there is now.

    :param exempt: services that are to be left out
    :param stuck: devices of interrupts that the kernel has refused to move,
        by their numbers
    """
    online = reader.cpus(f'{_CPU}/online') or frozenset()
    controllers = reader.text(f'{CGROUP}/cgroup.controllers')
    # Kernels of cgroup v1 may have one without controllers beside it, at
    # another place.
    unified = controllers is not None
    places = {}
    for service in exempt:
        for slice_ in ('system.slice', units.EXEMPT):
            events = reader.text(
                f'{CGROUP}/{slice_}/{service}/cgroup.events') or ''
            if 'populated 1' in events.splitlines():
                places[service] = slice_
    return Facts(
        reader.cpus(f'{_CPU}/present') or online,
        online,
        {cpu: reader.cpus(f'{_CPU}/cpu{cpu}/topology/thread_siblings_list')
         or frozenset({cpu}) for cpu in online},
        # sd_booted(3)
        reader.has('run/systemd/system'),
        frozenset((controllers or '').split()) if unified else None,
        reader.has(f'{CPUSET}/cpuset.cpus'),
        {unit: _group(reader, unit)
         for unit in (*units.DAEMONS, units.GUESTS, units.EXEMPT)
         if unified and reader.has(f'{CGROUP}/{unit}')},
        places,
        tuple(service for service in exempt if not _has(reader, service)),
        units.of_mask(reader.text(f'{_IRQ}/default_smp_affinity') or ''),
        _irqs(reader, stuck or {}),
        _has(reader, units.IRQBALANCE),
        next((path for path in _IRQBALANCE if re.search(
            r'^\s*IRQBALANCE_BANNED_CPU', reader.text(path) or '',
            re.MULTILINE)), ''),
        _processes(reader, unified))


def _has(reader: HostReader, unit: str) -> bool:
    """Return whether systemd has a unit, or the template of an instance."""
    names = {unit, re.sub('@.*[.]', '@.', unit)}
    return any(
        reader.has(f'{folder}/{name}') for folder in _UNITS for name in names)


def _group(reader: HostReader, unit: str) -> Group:
    folder = f'{CGROUP}/{unit}'
    return Group(
        reader.cpus(f'{folder}/cpuset.cpus.effective'),
        reader.number(f'{folder}/memory.current'))


def _irqs(
    reader: HostReader, stuck: Mapping[str, list[str]],
) -> tuple[Irq, ...]:
    found = []
    for number in reader.numbered(_IRQ):
        path = f'{_IRQ}/{number}/smp_affinity_list'
        cpus = reader.cpus(path)
        if not cpus:
            continue
        devices = tuple(
            name for name in reader.names(f'{_IRQ}/{number}')
            if name not in _OF_IRQ)
        # The mode says it with newer kernels; with others, trying does.
        # Numbers change from boot to boot, names of devices do not.
        refused = (list(devices) in stuck.values() if devices
                   else stuck.get(str(number)) == [])
        movable = reader.writable(path) and not refused
        found.append(Irq(number, devices, cpus, movable))
    return tuple(found)


def _processes(reader: HostReader, unified: bool) -> tuple[Process, ...]:
    found = []
    for pid in reader.numbered('proc'):
        # The name is in parentheses and may have any character. After it
        # come fields 3 and so on of proc(5).
        start, _mark, rest = (
            reader.text(f'proc/{pid}/stat') or '').rpartition(')')
        fields = rest.split()
        if pid == 1 or len(fields) < 7 or fields[0] == 'Z' or (
                int(fields[6]) & _PF_KTHREAD):
            continue
        name = start.partition('(')[2]
        words = (reader.text(f'proc/{pid}/cmdline') or '').split('\0')
        found.append(Process(
            pid, name, _place(reader, pid, unified),
            name.startswith('qemu') and '-uuid' in words))
    return tuple(found)


def _place(reader: HostReader, pid: int, unified: bool) -> str:
    for line in (reader.text(f'proc/{pid}/cgroup') or '').splitlines():
        _number, _colon, rest = line.partition(':')
        controllers, _colon, path = rest.partition(':')
        if unified and not controllers or (
                not unified and 'cpuset' in controllers.split(',')):
            return path
    return ''
