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

"""What systemd is told: the drop-ins and units of host isolation.

systemd.resource-control(5): AllowedCPUs= of a slice holds for all that is
below it. Values of several files add up, so an empty one comes first. The
files of /etc/systemd/system are where an administrator's are, systemd.unit(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.topology import cpuset

FOLDER = 'etc/systemd/system'
DROP_IN = '50-nova-numa-ext.conf'

#: Where daemons and users are. init.scope is systemd itself.
DAEMONS = ('system.slice', 'user.slice', 'init.scope')
#: Those that may have limits of memory.
LIMITED = ('system.slice', 'user.slice')
#: Where libvirt has its guests: machine-qemu-*.scope are in it.
GUESTS = 'machine.slice'
#: A slice beside system.slice. A dash would put it below another one.
EXEMPT = 'isolation_exempt.slice'
IRQS = 'nova-numa-ext-irqs.service'
IRQBALANCE = 'irqbalance.service'

_HEADER = (
    '# Written by "nova-numa-ext tune isolation --write", removed by\n'
    '# "nova-numa-ext tune isolation --revert".\n')


@dataclass(frozen=True)
class File:
    """A file that should be there.

    :ivar path: below the root
    :ivar text: all of it
    """

    path: str
    text: str


def drop_in(unit: str, *lines: str) -> File:
    """Return a drop-in of a unit, with these lines in its own section."""
    kind = unit.rpartition('.')[2].capitalize()
    return _file(f'{unit}.d/{DROP_IN}', f'[{kind}]', *lines)


def limited(
    unit: str, cpus: frozenset[int], high: str = '', most: str = '',
) -> File:
    """Return the drop-in that holds a unit to CPUs, and to memory."""
    lines = ['AllowedCPUs=', f'AllowedCPUs={cpuset.show(cpus)}']
    if high:
        lines.append(f'MemoryHigh={high}')
    if most:
        lines.append(f'MemoryMax={most}')
    return drop_in(unit, *lines)


def exempt(
    services: tuple[str, ...], cpus: frozenset[int] | None,
) -> tuple[File, ...]:
    """Return the slice of exempt services, and what puts them there."""
    lines = ['[Unit]', 'Description=Services that host isolation leaves out']
    if cpus is not None:
        lines += ['', '[Slice]', f'AllowedCPUs={cpuset.show(cpus)}']
    return (_file(EXEMPT, *lines), *(
        drop_in(service, f'Slice={EXEMPT}') for service in services))


def irqs(cpus: frozenset[int]) -> tuple[File, ...]:
    """Return the service that sends interrupts to these CPUs at boot.

    The kernel forgets affinities. It refuses those of interrupts that cannot
    be moved, which is no failure of the service.
    """
    command = (
        f'echo {mask(cpus)} > /proc/irq/default_smp_affinity; '
        'for list in /proc/irq/[0-9]*/smp_affinity_list; '
        f'do echo {cpuset.show(cpus)} > "$$list"; done 2> /dev/null; exit 0')
    return (
        _file(
            IRQS,
            '[Unit]',
            "Description=Interrupts are kept off the CPUs of guests",
            'After=network.target',
            '',
            '[Service]',
            'Type=oneshot',
            'RemainAfterExit=yes',
            f"ExecStart=/bin/sh -c '{command}'"),
        _file(
            f'multi-user.target.d/{DROP_IN}',
            '[Unit]',
            f'Wants={IRQS}'))


def irqbalance(cpus: frozenset[int]) -> File:
    """Return the drop-in that has irqbalance leave CPUs out."""
    return drop_in(
        IRQBALANCE,
        f'Environment=IRQBALANCE_BANNED_CPULIST={cpuset.show(cpus)}')


def mask(cpus: frozenset[int]) -> str:
    """Return CPUs as the kernel's masks have them: ``3,00000001``."""
    digits = f'{sum(1 << cpu for cpu in cpus):x}'
    words = []
    while digits:
        words.append(digits[-8:])
        digits = digits[:-8]
    return ','.join(reversed(words))


def of_mask(text: str) -> frozenset[int] | None:
    """Return the CPUs of such a mask; None where it is none."""
    try:
        bits = int(text.replace(',', ''), 16)
    except ValueError:
        return None
    return frozenset(
        cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)


def _file(name: str, *lines: str) -> File:
    return File(f'{FOLDER}/{name}', '\n'.join([_HEADER, *lines, '']))
