# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Whether a realtime guest got what it was promised, by /proc of its host."""

import json
import pathlib
import re

import prettytable

from tools.demo import plan
from tools.demo import processes
from tools.numa_host import compute
from tools.numa_host import host
from tools.numa_host import realtime
from tools.numa_host import up

EVIDENCE = pathlib.Path(__file__).parent / 'guest' / 'evidence'


def _words(scheduler):
    policy, priority = scheduler
    return f'{policy} {priority}'


def _scheduler(thread):
    return thread['policy'], thread['priority']


class Evidence:
    """What /proc said, in the terms of the promises."""

    def __init__(self, found):
        self.found = found
        self.vcpus, self.others = {}, []
        for thread in found['threads']:
            vcpu = re.match(r'CPU (\d+)/', thread['name'])
            if vcpu:
                self.vcpus[int(vcpu[1])] = thread
            else:
                self.others.append(thread)
        self.memory = {each['cell']: each for each in found['memory']}

    def nodes_of_cell(self, guest, cell):
        return {
            host.node_of(cpu)
            for vcpu, thread in self.vcpus.items()
            if guest.cell_of(vcpu) == cell
            for cpu in thread['cpus']
        }


def _of_vcpus(guest, evidence):
    taken = [cpu for each in evidence.vcpus.values() for cpu in each['cpus']]
    for vcpu in range(guest.vcpus):
        thread = evidence.vcpus.get(vcpu)
        if thread is None:
            yield f'vCPU {vcpu}', 'a thread', 'none', False
            continue
        wanted = guest.scheduler(vcpu)
        found = _scheduler(thread)
        yield (
            f'vCPU {vcpu}: scheduler',
            _words(wanted),
            _words(found),
            found == wanted,
        )
        cpus = thread['cpus']
        alone = len(cpus) == 1 and taken.count(cpus[0]) == 1
        yield (
            f'vCPU {vcpu}: CPUs',
            f'one of {host.words(host.DEDICATED_CPUS)}, its own',
            host.words(cpus),
            alone and host.DEDICATED_CPUS.issuperset(cpus),
        )
        yield (
            f'vCPU {vcpu}: control group',
            f'machine.slice/.../vcpu{vcpu}',
            thread['cgroup'],
            bool(
                re.fullmatch(
                    rf'/machine\.slice/.*/vcpu{vcpu}', thread['cgroup']
                )
            ),
        )


def _of_others(guest, evidence):
    for thread in evidence.others:
        found = _scheduler(thread)
        yield (
            f'{thread["name"]}: scheduler',
            'other 0',
            _words(found),
            found == ('other', 0),
        )
        yield (
            f'{thread["name"]}: CPUs',
            f'of {host.words(host.SHARED_CPUS)}',
            host.words(thread['cpus']),
            host.SHARED_CPUS.issuperset(thread['cpus']),
        )


def _of_memory(guest, evidence):
    pages = guest.memory_mib // guest.cells // host.HUGE_PAGE_MIB
    for cell in range(guest.cells):
        nodes = evidence.nodes_of_cell(guest, cell)
        wanted = {str(node): pages for node in nodes}
        memory = evidence.memory.get(cell, {'pages': {}, 'page_kib': 0})
        yield (
            f'guest node {cell}: memory',
            f'{pages} pages of {host.HUGE_PAGE_MIB} MiB on host node '
            + host.words(nodes),
            f'{memory["pages"]} pages of {memory["page_kib"]} KiB',
            len(nodes) == 1
            and memory['pages'] == wanted
            and memory['page_kib'] == host.HUGE_PAGE_MIB * 1024,
        )
    locked = evidence.found['locked_kib']
    resident = evidence.found['resident_kib']
    yield (
        'locked memory (VmLck)',
        f'all of {resident // 1024} MiB that are resident',
        f'{locked // 1024} MiB, limit {evidence.found["lock_limit"]}',
        0 < resident <= locked,
    )


def _of_guest(guest, said):
    nodes = len(list(said.nodes()))
    yield (
        'seen from inside',
        f'{guest.vcpus} CPUs, {guest.cells} sockets, {guest.cells} nodes',
        f'{said.values["cpus"]} CPUs, {said.topology[0]} sockets, '
        f'{nodes} nodes',
        (int(said.values['cpus']), said.topology[0], nodes)
        == (guest.vcpus, guest.cells, guest.cells),
    )


def rows(guest, server, said, found):
    """(promise, wanted, found, kept) of each promise."""
    evidence = Evidence(found)
    kernel = found['kernel']
    yield 'kernel', 'PREEMPT_RT', kernel, 'PREEMPT_RT' in kernel
    where = server.compute_host
    yield 'server', host.NAME, where, where == host.NAME
    for one in (_of_vcpus, _of_others, _of_memory):
        yield from one(guest, evidence)
    yield from _of_guest(guest, said)


def table(found):
    result = prettytable.PrettyTable(('promise', 'wanted', 'found', ''))
    result.align = 'l'
    for promise, wanted, seen, kept in found:
        result.add_row((promise, wanted, seen, 'ok' if kept else 'BROKEN'))
    return result.get_string()


def check(numa_host):
    """Boots the realtime guest; whether all was as promised."""
    machine = up.machine(numa_host)
    guest = realtime.GUEST
    try:
        server, said = realtime.Boot(numa_host, machine).boot(guest)
    except processes.Failure:
        compute.Compute(numa_host, machine).fetch_log()
        raise
    answer = machine.output(
        *('python3', '-', server.instance_name), stdin=EVIDENCE.read_text()
    )
    found = list(rows(guest, server, said, json.loads(answer)))
    print(table(found))
    broken = sum(not row[3] for row in found)
    plan.say(f'{len(found) - broken} promises are kept, {broken} broken')
    return not broken
