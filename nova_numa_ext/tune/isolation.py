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

"""The plan that keeps a host's daemons off the CPUs of its guests."""

from __future__ import annotations

from dataclasses import dataclass
import re

from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import sets
from nova_numa_ext.tune import units

#: What does it.
SYSTEMD = 'systemd'
CPUSET = 'cgroup v1'

_SERVICE = re.compile(r'[A-Za-z0-9:_.@\\-]{1,200}\.service')
_SIZE = re.compile('([0-9]{1,15})([KMGT]?)')
_SHARE = re.compile('([0-9]{1,2}|100)%')
#: Those of Nova's and libvirt's daemons that guests depend on.
_SERVING = ('nova-compute', 'libvirtd', 'virtqemud')


class CannotIsolate(Exception):
    """There is no plan; one sentence says why, and what to set."""


@dataclass(frozen=True)
class Wishes:
    """What an operator chose.

    :ivar exempt: services that are left out
    :ivar exempt_cpus: CPUs for these services only
    :ivar memory_high: MemoryHigh= of the daemons' slices, or empty
    :ivar memory_max: MemoryMax= of them, or empty
    """

    exempt: tuple[str, ...] = ()
    exempt_cpus: frozenset[int] = frozenset()
    memory_high: str = ''
    memory_max: str = ''


@dataclass(frozen=True)
class Plan:
    """What a host should be set to.

    :ivar way: ``SYSTEMD``, or ``CPUSET`` for a host without
    :ivar daemons: the CPUs of the host's daemons
    :ivar guests: those of guests
    :ivar first: files of exempt services. These have to be in their own
        slice before the others make sense.
    :ivar files: the other files
    :ivar restart: exempt services that run where the others will hold them
    :ivar default: whether new interrupts may go to guests' CPUs
    :ivar irqs: interrupts that may go to guests' CPUs, and can be moved
    :ivar stuck: those that cannot
    :ivar move: processes for the daemons' group of cgroup v1
    :ivar notes: what else the operator should know
    """

    way: str
    daemons: frozenset[int]
    guests: frozenset[int]
    first: tuple[units.File, ...]
    files: tuple[units.File, ...]
    restart: tuple[str, ...]
    default: bool
    irqs: tuple[facts.Irq, ...]
    stuck: tuple[facts.Irq, ...]
    move: tuple[facts.Process, ...]
    notes: tuple[str, ...]

    @property
    def all_files(self) -> tuple[units.File, ...]:
        """All files, in the order in which they are written."""
        return self.first + self.files


def plan(
    host: facts.Facts, cpus: sets.GuestCpus, wishes: Wishes,
) -> Plan:
    """Return the plan of a host.

    :raises CannotIsolate: where there is none
    """
    _check_sets(host, cpus)
    daemons = _daemons(host, cpus, wishes)
    way = _way(host)
    astray = tuple(irq for irq in host.irqs if irq.cpus & cpus.all)
    default = bool((host.default or frozenset()) & cpus.all)
    irqs = tuple(irq for irq in astray if irq.movable)
    stuck = tuple(irq for irq in astray if not irq.movable)
    notes = _shared_cores(host, daemons, cpus.all)
    if way == CPUSET:
        if wishes.memory_high or wishes.memory_max:
            raise CannotIsolate(
                'Memory is limited by systemd, which is not the init of this '
                'host: leave out --memory-high and --memory-max.')
        return Plan(
            way, daemons, cpus.all, (), (), (), default, irqs, stuck,
            _outside(host, wishes), notes)
    _check_exempt(host, wishes)
    _check_memory(host, wishes)
    _check_guests(host)
    first: tuple[units.File, ...] = ()
    if wishes.exempt:
        first = units.exempt(
            wishes.exempt,
            daemons | wishes.exempt_cpus if wishes.exempt_cpus else None)
        if not wishes.exempt_cpus:
            notes += ('Exempt services may run on all CPUs, those of guests '
                      'too: --exempt-cpus gives them some of their own.',)
    files = [
        units.limited(
            unit, daemons,
            wishes.memory_high if unit in units.LIMITED else '',
            wishes.memory_max if unit in units.LIMITED else '')
        for unit in units.DAEMONS]
    files.append(units.limited(units.GUESTS, cpus.all))
    files.extend(units.irqs(daemons))
    if host.irqbalance:
        files.append(units.irqbalance(cpus.all))
        if host.banned_in:
            notes += (f'/{host.banned_in} says which CPUs irqbalance leaves '
                      'out, and has the last word: take '
                      'IRQBALANCE_BANNED_CPU* out of it.',)
    among = [
        process for process in host.processes if process.name in _SERVING
        and process.group.startswith(f'/{units.GUESTS}/')]
    if among:
        notes += (
            f'{", ".join(map(str, among))} of {units.GUESTS} may use the '
            "guests' CPUs: give their containers --cgroup-parent="
            'system.slice.',)
    return Plan(
        way, daemons, cpus.all, first, tuple(files),
        tuple(service for service in wishes.exempt
              if host.exempt.get(service, units.EXEMPT) != units.EXEMPT),
        default, irqs, stuck, (), notes)


def _check_sets(host: facts.Facts, cpus: sets.GuestCpus) -> None:
    if not cpus.all:
        raise CannotIsolate(
            f'Neither {sets.DEDICATED} nor cpu_shared_set has a CPU: set '
            'them to those that guests may use, or name your nova.conf with '
            '--config-file.')
    if not host.online:
        raise CannotIsolate(
            'This host has no /sys/devices/system/cpu/online: name a folder '
            'that has etc, proc and sys of a host with --root.')
    for name, some in cpus.by_setting.items():
        strangers = some - host.present
        if strangers:
            raise CannotIsolate(
                f'{name} names {cpuset.show(strangers)}, which this host '
                f'does not have: it has {cpuset.show(host.present)}.')


def _daemons(
    host: facts.Facts, cpus: sets.GuestCpus, wishes: Wishes,
) -> frozenset[int]:
    """Return the CPUs that are left."""
    if wishes.exempt_cpus and not wishes.exempt:
        raise CannotIsolate(
            '--exempt-cpus are those of exempt services: name these with '
            '--exempt.')
    if wishes.exempt_cpus - host.online:
        raise CannotIsolate(
            '--exempt-cpus names '
            f'{cpuset.show(wishes.exempt_cpus - host.online)}, which are '
            f'not online: name some of {cpuset.show(host.online)}.')
    both = wishes.exempt_cpus & cpus.all
    if both:
        raise CannotIsolate(
            f'--exempt-cpus names {cpuset.show(both)}, which nova.conf gives '
            f'to guests: take them out of {" and ".join(cpus.by_setting)}.')
    left = host.online - cpus.all - wishes.exempt_cpus
    if left:
        return left
    core = host.siblings[min(host.online)]
    names = [*cpus.by_setting]
    if wishes.exempt_cpus:
        names.append('--exempt-cpus')
    raise CannotIsolate(
        f'With {" and ".join(names)} no CPU is left for the host: take out at '
        f'least a core, such as {cpuset.show(core)}.')


def _way(host: facts.Facts) -> str:
    if host.systemd:
        if host.controllers is None:
            raise CannotIsolate(
                'systemd has AllowedCPUs= with cgroup v2 only, and this host '
                'has v1: boot with systemd.unified_cgroup_hierarchy=1.')
        if 'cpuset' not in host.controllers:
            raise CannotIsolate(
                'cgroup v2 has no cpuset controller here: boot without '
                'cgroup_disable=cpuset, with a kernel that has '
                'CONFIG_CPUSETS.')
        return SYSTEMD
    if not host.cpuset:
        raise CannotIsolate(
            'This host has neither systemd nor cgroup v1 with cpuset: mount '
            f'it at /{facts.CPUSET} (mount -t cgroup -o cpuset cpuset '
            f'/{facts.CPUSET}).')
    return CPUSET


def _check_exempt(host: facts.Facts, wishes: Wishes) -> None:
    for service in wishes.exempt:
        if not _SERVICE.fullmatch(service):
            raise CannotIsolate(
                f'--exempt {service!r} is no service: write it as '
                'ovs-vswitchd.service.')
    if host.lacking:
        raise CannotIsolate(
            f'--exempt {host.lacking[0]}: this host has no such service, see '
            'systemctl list-unit-files.')


def _check_memory(host: facts.Facts, wishes: Wishes) -> None:
    sizes = {}
    for option, text in (('--memory-high', wishes.memory_high),
                         ('--memory-max', wishes.memory_max)):
        if not text:
            continue
        size = _SIZE.fullmatch(text)
        if size and int(size[1]):
            sizes[option] = int(size[1]) << 10 * ' KMGT'.index(size[2] or ' ')
        elif not _SHARE.fullmatch(text) or text == '0%':
            raise CannotIsolate(
                f'{option} {text!r} is no size: write it as 4G or 10%.')
        if 'memory' not in (host.controllers or ()):
            raise CannotIsolate(
                f'cgroup v2 has no memory controller here: leave {option} '
                'out, or boot without cgroup_disable=memory.')
    high, most = sizes.get('--memory-high'), sizes.get('--memory-max')
    if high and most and high > most:
        raise CannotIsolate(
            f'--memory-high {wishes.memory_high} is more than --memory-max '
            f'{wishes.memory_max}: the host would kill before it slows down.')
    for unit in units.LIMITED:
        used = host.groups[unit].memory if unit in host.groups else None
        if most and used and used > most:
            raise CannotIsolate(
                f'{unit} uses {used >> 20} MiB now, which is more than '
                f'--memory-max {wishes.memory_max}: some of it would be '
                'killed at once.')


def _check_guests(host: facts.Facts) -> None:
    """Raise where a guest would be squeezed in with the daemons.

    Those below user.slice are not Nova's.
    """
    for process in host.processes:
        if process.guest and process.group.startswith('/system.slice/'):
            raise CannotIsolate(
                f'The guest {process} is in system.slice rather than '
                f'{units.GUESTS}, and would lose its CPUs: have libvirt use '
                'systemd-machined, and start the guest anew.')


def _shared_cores(
    host: facts.Facts, daemons: frozenset[int], guests: frozenset[int],
) -> tuple[str, ...]:
    shared = frozenset(
        cpu for cpu in daemons if host.siblings.get(cpu, frozenset()) & guests)
    if not shared:
        return ()
    others = frozenset().union(*(host.siblings[cpu] for cpu in shared))
    return (
        f'CPUs {cpuset.show(shared)} of the host share cores with CPUs '
        f'{cpuset.show(others & guests)} of guests, and slow them down: leave '
        'whole cores to the host.',)


def _outside(
    host: facts.Facts, wishes: Wishes,
) -> tuple[facts.Process, ...]:
    """Return who is to be moved: what no group has claimed yet."""
    names = tuple(
        service[:-len('.service')] if service.endswith('.service')
        else service for service in wishes.exempt)
    return tuple(
        process for process in host.processes
        if process.group == '/' and not process.guest
        and process.name not in names)
