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

"""How many workers Nova's services should have on a controller.

More of them than there are cores, connections or memory for make each other
wait, or fail. Each limit is a function here; the least of them is it.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
import re
from typing import Callable
from typing import Mapping

from nova_numa_ext.tune import marked
from nova_numa_ext.tune import units

AUTO = 'auto'
CONDUCTOR = 'conductor'
SCHEDULER = 'scheduler'
API = 'api'

#: What a worker is counted with, and how much of the host all of them get.
MEMORY_MIB = 256
MEMORY_SHARE = 2
#: What is kept free of the connections that the database or the broker lets
#: in, as a part of what is needed.
SPARE = 0.2
#: Beside the connections that send, each process has one that listens for
#: requests and one that listens for replies.
LISTENING = 2

DROP_IN = '50-nova-numa-ext.conf'
_HEADER = ('# Written by "nova-numa-ext tune workers --write", removed by\n'
           '# "nova-numa-ext tune workers --revert".\n')


@dataclass(frozen=True)
class _Kind:
    """A service.

    :ivar per: so many cores have a worker
    :ivar most: more do not help, whatever the cores
    :ivar reason: why these two
    """

    per: int
    most: int
    reason: str


KINDS: Mapping[str, _Kind] = {
    CONDUCTOR: _Kind(
        2, 16, 'one for two cores, at most 16: it waits for the database'),
    SCHEDULER: _Kind(
        4, 4, 'one for four cores, at most 4: those that decide at once '
        'choose the same hosts, and try again'),
    API: _Kind(
        1, 32, 'one for each core, at most 32: a process serves as many '
        'requests at once as it has threads'),
}


@dataclass(frozen=True)
class Facts:
    """What the numbers follow from.

    :ivar cores: of this host, threads counted
    :ivar memory_mib: of this host
    :ivar pool: connections that a process may have to a cell's database,
        max_pool_size and max_overflow of [database]
    :ivar api_pool: the same of [api_database]
    :ivar threads: requests that a conductor or a scheduler serves at once,
        executor_thread_pool_size
    :ivar api_threads: threads of a process of the API
    :ivar rpc_pool: connections to the broker that a process may send over,
        rpc_conn_pool_size
    :ivar cells: how many cells there are, cell0 left out
    :ivar controllers: how many hosts like this one share the database
    :ivar connections: max_connections of the database; None where unknown
    :ivar other_connections: how many of them others may take
    :ivar broker_connections: how many the broker lets in; None likewise
    """

    cores: int
    memory_mib: int
    pool: int = 55
    api_pool: int = 55
    threads: int = 64
    api_threads: int = 1
    rpc_pool: int = 30
    cells: int = 1
    controllers: int = 1
    connections: int | None = None
    other_connections: int = 0
    broker_connections: int | None = None

    def of_database(self, service: str) -> int:
        """Return the connections to databases that a worker may have.

        It has a pool for the API's database and one for each cell; the API's
        reads cell0, too. A pool is not used by more than there are threads.
        """
        threads = self.api_threads if service == API else self.threads
        cells = self.cells + (service == API)
        return min(self.api_pool, threads) + cells * min(self.pool, threads)

    def of_broker(self, service: str) -> int:
        """Return the connections to the broker that a worker may have."""
        threads = self.api_threads if service == API else self.threads
        return min(self.rpc_pool, threads) + LISTENING


@dataclass(frozen=True)
class Row:
    """What a service gets.

    :ivar service: its name
    :ivar workers: how many
    :ivar wished: whether the operator has said so
    :ivar limits: how many each limit leaves, by its name, in their order
    :ivar connections: to databases, of all its workers here
    """

    service: str
    workers: int
    wished: bool
    limits: Mapping[str, int]
    connections: int

    @property
    def reason(self) -> str:
        """Why it is that many."""
        if self.wished:
            return 'as set'
        last = [name for name, number in self.limits.items()
                if number == self.workers][0]
        return KINDS[self.service].reason if last == 'cores' else {
            'memory': f'{MEMORY_MIB} MiB for each, in '
                      f'1/{MEMORY_SHARE} of the memory',
            'database': 'connections that the database lets in',
            'broker': 'connections that the broker lets in',
        }[last]


@dataclass(frozen=True)
class Plan:
    """What there should be.

    :ivar rows: of each service
    :ivar sums: how the connections add up, in words
    :ivar notes: what is not known, or does not fit
    """

    rows: tuple[Row, ...]
    sums: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """The workers, by service."""
        return {row.service: row.workers for row in self.rows}


def parse(text: str) -> int | None:
    """Return a wish: a number, or None for ``auto``.

    :raises ValueError: where it is neither
    """
    if text.strip() == AUTO:
        return None
    if not re.fullmatch('[1-9][0-9]{0,3}', text.strip()):
        raise ValueError(f'{text} is neither auto nor a number from 1')
    return int(text)


def plan(facts: Facts, wishes: Mapping[str, int | None]) -> Plan:
    """Return how many workers each service should have.

    :param wishes: what the operator has said, by service; None for auto
    """
    numbers = {
        name: wishes.get(name) or max(1, min(
            kind.most, facts.cores // kind.per))
        for name, kind in KINDS.items()}
    auto = [name for name in KINDS if wishes.get(name) is None]
    limits: dict[str, dict[str, int]] = {name: {} for name in KINDS}
    notes: list[str] = []

    if facts.api_threads > min(facts.pool, facts.api_pool):
        notes.append(
            f'A process of the API has {facts.api_threads} threads, and they '
            f'share {min(facts.pool, facts.api_pool)} connections to a '
            'database: take threads away, or make the pools larger.')

    def note(limit: str) -> None:
        for name in auto:
            limits[name][limit] = numbers[name]

    note('cores')
    _reduce(numbers, auto, lambda _name: MEMORY_MIB,
            facts.memory_mib // MEMORY_SHARE)
    note('memory')
    _connected(
        facts, numbers, auto, facts.of_database, facts.connections,
        facts.other_connections, 'database', 'max_connections',
        '--max-connections', notes)
    note('database')
    _connected(
        facts, numbers, auto, facts.of_broker, facts.broker_connections, 0,
        'broker', 'its limit of connections', '--broker-connections', notes)
    note('broker')
    return Plan(
        tuple(Row(name, numbers[name], name not in auto, limits[name],
                  numbers[name] * facts.of_database(name))
              for name in KINDS),
        (_sum(facts, numbers, facts.of_database, 'database',
              facts.other_connections),
         _sum(facts, numbers, facts.of_broker, 'broker', 0)),
        tuple(notes))


def drop_ins(
    numbers: Mapping[str, int], api_options: bool,
) -> tuple[units.File, ...]:
    """Return the files of Nova's services.

    :param numbers: workers by service
    :param api_options: whether this Nova has osapi_compute_workers and
        metadata_workers; one that has not warns of them, or worse
    """
    files = [
        _file(f'nova-{name}', name, 'workers', number=numbers[name])
        for name in (CONDUCTOR, SCHEDULER)]
    if api_options:
        osapi, metadata = 'osapi_compute_workers', 'metadata_workers'
        files += [
            _file(command, 'DEFAULT', *names, number=numbers[API])
            for command, names in (
                ('nova-api', (osapi, metadata)),
                ('nova-api-os-compute', (osapi,)),
                ('nova-api-metadata', (metadata,)))]
    return tuple(files)


def with_uwsgi(text: str, numbers: Mapping[str, int]) -> str:
    """Return a file of uWSGI's with the processes that the API should have."""
    return marked.with_values(
        text, {'processes': numbers[API]}, 'uwsgi', ('workers',))


def with_mod_wsgi(text: str, numbers: Mapping[str, int]) -> str:
    """Return a file of Apache's with as many processes for mod_wsgi."""
    return marked.with_word(
        text, 'WSGIDaemonProcess', 'processes', numbers[API])


def running(processes: Mapping[int, tuple[str, int]], name: str) -> list[int]:
    """Return how many workers each running service of a name has.

    A service with workers is a process and its children, one without is a
    process alone.

    :param processes: name and parent of each, by its number
    """
    mine = {pid: parent for pid, (found, parent) in processes.items()
            if found.startswith(name)}
    children: dict[int, int] = {}
    for parent in mine.values():
        if parent in mine:
            children[parent] = children.get(parent, 0) + 1
    return [children.get(pid, 1) for pid, parent in sorted(mine.items())
            if parent not in mine]


def _connected(
    facts: Facts, numbers: dict[str, int], auto: list[str],
    each: Callable[[str], int], limit: int | None, others: int,
    what: str, name: str, argument: str, notes: list[str],
) -> None:
    if limit is None:
        notes.append(f'How many connections the {what} lets in is not known: '
                     f'say it with {argument}.')
        return
    room = int(limit / (1 + SPARE)) - others
    _reduce(numbers, auto, each, room // facts.controllers)
    needed = facts.controllers * sum(
        number * each(service) for service, number in numbers.items())
    if needed > room:
        notes.append(
            f'The {what} lets in {limit} connections, and {needed + others} '
            f'may be wanted: set {name} to at least '
            f'{math.ceil((needed + others) * (1 + SPARE))}, or make the pools '
            'smaller.')


def _reduce(
    numbers: dict[str, int], auto: list[str], each: Callable[[str], int],
    room: int,
) -> None:
    """Take workers away until there is room.

    Those that take most go first, in proportion. What takes little is left
    where there is no room without it either.
    """
    start = dict(numbers)

    def over() -> int:
        return sum(
            number * each(name) for name, number in numbers.items()) - room

    costs = sorted({each(name) for name in auto}, reverse=True)
    for cost in costs:
        if cost != costs[0] and over() > sum(
                (numbers[name] - 1) * each(name) for name in auto):
            return
        while over() > 0:
            left = [name for name in auto
                    if each(name) == cost and numbers[name] > 1]
            if not left:
                break
            numbers[max(
                left, key=lambda name: numbers[name] / start[name])] -= 1


def _sum(
    facts: Facts, numbers: Mapping[str, int], each: Callable[[str], int],
    what: str, others: int,
) -> str:
    words = [f'{name} {number} x {each(name)}'
             for name, number in numbers.items()]
    total = sum(number * each(name) for name, number in numbers.items())
    text = ' + '.join(words)
    if facts.controllers > 1:
        text = f'{facts.controllers} hosts x ({text})'
    if others:
        text += f' + {others} of others'
    total = total * facts.controllers + others
    return (f'Connections to the {what}, at most: {text} = {total}; with '
            f'{SPARE:.0%} to spare {math.ceil(total * (1 + SPARE))}.')


def _file(command: str, group: str, *names: str, number: int) -> units.File:
    lines = ''.join(f'{name} = {number}\n' for name in names)
    return units.File(
        f'etc/nova/{command}.conf.d/{DROP_IN}',
        f'{_HEADER}\n[{group}]\n{lines}')
