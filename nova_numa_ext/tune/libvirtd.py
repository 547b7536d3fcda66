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

"""How many calls libvirt's daemon should serve at once.

nova-compute has one connection or two, and libvirt serves five calls of each
at once where nobody says otherwise. While that many guests are being created,
all else waits behind them, however short it is.
"""

from __future__ import annotations

from dataclasses import dataclass
import re

from nova_numa_ext.host.item import Item
from nova_numa_ext.tune import marked

LIBVIRTD = 'libvirtd'
VIRTQEMUD = 'virtqemud'
#: Of the one, and of those of drivers' own; both have the same limits.
DAEMONS = (LIBVIRTD, VIRTQEMUD)
#: libvirt's own, src/remote/libvirtd.conf.in.
DEFAULTS = {
    'max_clients': 5000,
    'max_workers': 20,
    'max_client_requests': 5,
    'prio_workers': 5,
}
#: Beside builds, power states and migrations: what users do, and audits.
OTHERS = 5
#: Of other connections: consoles, exporters, virsh.
OTHER_CLIENTS = 10
#: eventlet has so many threads for what blocks, whatever a pool says.
THREADS = 20


@dataclass(frozen=True)
class Facts:
    """What the limits follow from.

    :ivar builds: [DEFAULT] max_concurrent_builds; 0 for no limit
    :ivar power_states: [DEFAULT] sync_power_state_pool_size; old releases of
        Nova have 1000 there, and new ones 5
    :ivar migrations: [DEFAULT] max_concurrent_live_migrations; 0 for no limit
    :ivar guests: how many are expected on this host; None where nobody says
    """

    builds: int = 10
    power_states: int = THREADS
    migrations: int = 1
    guests: int | None = None


@dataclass(frozen=True)
class Limit:
    """What one limit should be, at least.

    :ivar name: as libvirt calls it
    :ivar number: what it should be
    :ivar reason: what it is the sum of
    """

    name: str
    number: int
    reason: str


def limits(facts: Facts) -> tuple[Limit, ...]:
    """Return what the limits should be."""
    guests = facts.guests
    # No limit is as many as there are guests, and no less than the default.
    builds = facts.builds or guests or DEFAULTS['max_workers']
    migrations = facts.migrations or guests or DEFAULTS['max_workers']
    states = min(facts.power_states, THREADS)
    if guests is not None:
        builds = min(builds, max(guests, 1))
        migrations = min(migrations, max(guests, 1))
        states = min(states, max(guests, 1))
    requests = builds + states + migrations + OTHERS
    clients = DEFAULTS['max_clients']
    if guests is not None:
        # A console or a migration may be a connection of its own.
        clients = max(clients, 2 * guests + OTHER_CLIENTS)
    return (
        Limit('max_client_requests', requests,
              f'{builds} builds + {states} power states + {migrations} live '
              f'migrations + {OTHERS} others'),
        Limit('max_workers', requests + OTHER_CLIENTS,
              f'max_client_requests + {OTHER_CLIENTS} for other connections'),
        Limit('prio_workers', DEFAULTS['prio_workers'],
              'calls that cannot hang go on while all others wait'),
        Limit('max_clients', clients,
              'two for each guest + 10' if clients > DEFAULTS['max_clients']
              else "libvirt's own"),
    )


def found(text: str, name: str) -> int | None:
    """Return what a file of a daemon's says; None for what is no number."""
    said = marked.value(text, name)
    if said is None:
        return DEFAULTS[name]
    number = re.match('[0-9]+', said)
    return int(number[0]) if number else None


def written(text: str, facts: Facts) -> str:
    """Return the text of a file with these limits.

    One that is higher already stays, and so does a file that has enough.
    """
    needed = limits(facts)
    if all((found(text, limit.name) or 0) >= limit.number
           for limit in needed):
        return text
    before = marked.restored(text)
    return marked.with_values(text, {
        limit.name: max(limit.number, found(before, limit.name) or 0)
        for limit in needed})


def items(
    daemon: str, text: str, qemu: str | None, facts: Facts, remedy: str,
) -> tuple[Item, ...]:
    """Return what a host has beside what it should have.

    :param text: the daemon's file, empty where there is none
    :param qemu: qemu.conf; None where it cannot be read
    """
    rows = []
    for limit in limits(facts):
        is_ = found(text, limit.name)
        rows.append(Item(
            f'{daemon}: {limit.name}',
            'no number' if is_ is None else str(is_),
            f'at least {limit.number}',
            is_ is not None and is_ >= limit.number, remedy,
            # The one that nova-compute meets in any case.
            needed=limit.name == 'max_client_requests'))
    return (*rows, *_of_qemu(qemu))


def _of_qemu(text: str | None) -> tuple[Item, ...]:
    """Return what should be left as it is, and whether it is."""
    security = Item(
        'qemu.conf: security_driver', 'not readable', 'not "none"', None,
        'run this as root', needed=True)
    cgroups = Item(
        'qemu.conf: cgroup_controllers', 'not readable', 'not empty', None,
        'run this as root')
    if text is None:
        return security, cgroups
    said = marked.value(text, 'security_driver')
    names = re.findall('"([^"]*)"', said or '')
    off = bool(names) and set(names) == {'none'}
    security = Item(
        security.name, said or "libvirt's own", security.wanted, not off,
        'take it out of qemu.conf: without AppArmor or SELinux a guest that '
        'breaks out of QEMU reads the disks of all others, and libvirt takes '
        'the same lock at each start with it and without', needed=True)
    said = marked.value(text, 'cgroup_controllers')
    empty = said is not None and not re.search(r'"[^"]+"', said) and (
        ']' in said)
    cgroups = Item(
        cgroups.name, said or "libvirt's own", cgroups.wanted, not empty,
        'take it out of qemu.conf, where this is no container that cannot '
        'write control groups: without them no guest is held to its CPUs, '
        'its memory nodes, its devices and its share')
    return security, cgroups
