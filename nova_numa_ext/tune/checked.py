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

"""Whether a host is as its plan of isolation wants it, item by item."""

from __future__ import annotations

from typing import Iterable

from nova_numa_ext.host.item import Item
from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import units

REMEDY = 'nova-numa-ext tune isolation --write'
#: Of many processes or interrupts this many are named.
_NAMED = 3


def items(
    reader: HostReader, host: facts.Facts, plan: isolation.Plan,
    needed: bool = False,
) -> tuple[Item, ...]:
    """Return what is found beside what is wanted.

    :param needed: whether the plan was carried out before, so that what is
        not as planned is a fault rather than advice
    """
    if plan.way == isolation.SYSTEMD:
        found = _units(reader, host, plan)
    else:
        found = _group(reader, plan)
    found = (*found, *_irqs(host, plan))
    return tuple(
        Item(item.name, item.found, item.wanted, item.ok, item.remedy,
             needed) for item in found)


def refused(reason: str, needed: bool = False) -> Item:
    """Return the item of a host that there is no plan for."""
    return Item('isolation', 'no plan', 'a plan', False if needed else None,
                reason.rstrip('.'), needed)


def state(reader: HostReader, file: units.File) -> str:
    """Return what a file is: ``there``, ``not there`` or ``another``."""
    text = reader.text(file.path)
    if text is None:
        return 'not there'
    return 'there' if text == file.text.strip() else 'another'


def _units(
    reader: HostReader, host: facts.Facts, plan: isolation.Plan,
) -> Iterable[Item]:
    for file in plan.all_files:
        unit = _unit(file)
        drop_in = state(reader, file)
        there = drop_in == 'there'
        if unit in (*units.DAEMONS, units.GUESTS):
            cpus = plan.guests if unit == units.GUESTS else plan.daemons
            wanted = f'CPUs {cpuset.show(cpus)}'
            group = host.groups.get(unit)
            if group is None:
                found = 'not running'
            elif group.cpus is None:
                found, there = 'all CPUs', False
            else:
                found = f'CPUs {cpuset.show(group.cpus)}'
                there = there and group.cpus <= cpus
            if drop_in != 'there':
                found += f', drop-in {drop_in}'
        elif unit in host.exempt:
            wanted = units.EXEMPT
            found = host.exempt[unit]
            if drop_in != 'there':
                found += f', drop-in {drop_in}'
            there = there and found == wanted
        else:
            found, wanted = drop_in, 'there'
        yield Item(unit, found, wanted, there,
                   f'{REMEDY}, and systemctl restart {unit}'
                   if unit in plan.restart else REMEDY)


def _unit(file: units.File) -> str:
    """Return the unit that a file is of."""
    folder, _slash, name = file.path.rpartition('/')
    if name != units.DROP_IN:
        return name
    return folder.rpartition('/')[2][:-len('.d')]


def _group(reader: HostReader, plan: isolation.Plan) -> Iterable[Item]:
    cpus = reader.cpus(f'{facts.GROUP}/cpuset.cpus')
    yield Item(
        'daemons', 'all CPUs' if cpus is None
        else f'CPUs {cpuset.show(cpus)}',
        f'CPUs {cpuset.show(plan.daemons)}', cpus == plan.daemons, REMEDY)
    yield Item(
        'processes', _some(plan.move, 'outside') or 'all inside',
        'all inside', not plan.move, REMEDY)


def _irqs(host: facts.Facts, plan: isolation.Plan) -> Iterable[Item]:
    if host.default is not None:
        yield Item(
            'new IRQs', f'CPUs {cpuset.show(host.default)}',
            f'CPUs {cpuset.show(plan.daemons)}',
            not plan.default, REMEDY)
    words = [
        _some(plan.irqs, ''),
        _some(plan.stuck, 'cannot be moved')]
    yield Item(
        'IRQs', '; '.join(filter(None, words)) or 'none there',
        f'none on CPUs {cpuset.show(plan.guests)}', not plan.irqs, REMEDY)


def _some(things: tuple[object, ...], what: str) -> str:
    """Return things as an item names them, the first few of many."""
    if not things:
        return ''
    named = ', '.join(map(str, things[:_NAMED]))
    if len(things) > _NAMED:
        named += f' and {len(things) - _NAMED} more'
    return f'{named} {what}'.strip()
