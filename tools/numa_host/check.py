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
import subprocess

import prettytable

from tools.demo import plan
from tools.demo import processes
from tools.numa_host import compute
from tools.numa_host import host
from tools.numa_host import realtime as realtime_module
from tools.numa_host import up

COMMAND_SECONDS = 600
EVIDENCE = pathlib.Path(__file__).parent / 'guest' / 'evidence'


def _words(scheduler):
    policy, priority = scheduler
    return f'{policy} {priority}'


class Evidence:
    """What /proc said, in the terms of the promises."""

    def __init__(self, guest, found):
        self.found = found
        self.vcpus, self.iothreads, self.others = {}, {}, []
        for thread in found['threads']:
            name = thread['name']
            vcpu = re.match(r'CPU (\d+)/', name)
            iothread = re.match(r'IO iothread(\d+)', name)
            if vcpu:
                self.vcpus[int(vcpu[1])] = thread
            elif iothread:
                self.iothreads[int(iothread[1]) - 1] = thread
            else:
                self.others.append(thread)
        self.memory = {each['cell']: each for each in found['memory']}
        self.cells = [set() for _ in range(guest.cells)]
        for vcpu, thread in self.vcpus.items():
            self.cells[guest.cell_of(vcpu)].update(thread['cpus'])

    def nodes(self, cell):
        """Host nodes that a node of the guest has its CPUs on."""
        return {host.node_of(cpu) for cpu in self.cells[cell]}


def _scheduler(name, thread, wanted):
    found = (thread['policy'], thread['priority'])
    return f'{name}: scheduler', _words(wanted), _words(found), found == wanted


def _of_vcpus(guest, evidence):
    taken = [cpu for each in evidence.vcpus.values() for cpu in each['cpus']]
    dedicated = host.DEDICATED_CPUS
    for vcpu, wanted in enumerate(guest.vcpus):
        name = f'vCPU {vcpu}'
        thread = evidence.vcpus.get(vcpu)
        if thread is None:
            yield name, 'a thread', 'none', False
            continue
        yield _scheduler(name, thread, wanted)
        cpus = thread['cpus']
        alone = len(cpus) == 1 and taken.count(cpus[0]) == 1
        yield (
            f'{name}: CPUs',
            f'one of {host.words(dedicated)}, its own',
            host.words(cpus),
            alone and dedicated.issuperset(cpus),
        )
        group = thread['cgroup']
        yield (
            f'{name}: control group',
            f'/machine.slice/.../vcpu{vcpu}',
            group,
            bool(re.fullmatch(rf'/machine\.slice/.*/vcpu{vcpu}', group)),
        )


def _of_iothreads(guest, evidence):
    """One for each node of the guest, away from its realtime vCPUs."""
    for cell in range(guest.cells):
        name = f'IO thread {cell + 1}'
        thread = evidence.iothreads.get(cell)
        if thread is None:
            yield name, 'a thread', 'none', False
            continue
        yield _scheduler(name, thread, guest.iothreads)
        realtime = {
            cpu
            for vcpu, each in evidence.vcpus.items()
            if guest.vcpus[vcpu] != realtime_module.ORDINARY
            for cpu in each['cpus']
        }
        yield (
            f'{name}: CPUs',
            f'none of {host.words(realtime)}',
            host.words(thread['cpus']),
            realtime.isdisjoint(thread['cpus']),
        )


def _of_others(guest, evidence):
    """QEMU's main thread, and those that it starts for itself."""
    for thread in evidence.others:
        main = thread['tid'] == evidence.found['pid']
        name = thread['name'] + (' (main thread)' if main else '')
        if main:
            yield _scheduler(name, thread, guest.emulator)
        yield (
            f'{name}: CPUs',
            f'of {host.words(host.SHARED_CPUS)}',
            host.words(thread['cpus']),
            host.SHARED_CPUS.issuperset(thread['cpus']),
        )


def _of_memory(guest, evidence):
    pages = guest.memory_mib // guest.cells // host.HUGE_PAGE_MIB
    for cell in range(guest.cells):
        nodes = evidence.nodes(cell)
        wanted = {str(node): pages for node in nodes}
        memory = evidence.memory.get(cell, {'pages': {}, 'page_kib': 0})
        found = ', '.join(
            f'{count} on host node {node}'
            for node, count in memory['pages'].items()
        )
        yield (
            f'guest node {cell}: memory',
            f'{pages} on host node {host.words(nodes)}, '
            f'pages of {host.HUGE_PAGE_MIB * 1024} KiB',
            f'{found}, pages of {memory["page_kib"]} KiB',
            len(nodes) == 1
            and memory['pages'] == wanted
            and memory['page_kib'] == host.HUGE_PAGE_MIB * 1024,
        )
    locked = evidence.found['locked_kib']
    resident = evidence.found['resident_kib']
    yield (
        'locked memory (VmLck)',
        f'what is resident, {resident // 1024} MiB, or more',
        f'{locked // 1024} MiB, limit {evidence.found["lock_limit"]}',
        0 < resident <= locked,
    )


def _from_inside(guest, said):
    wanted = (len(guest.vcpus), guest.cells, guest.cells)
    words = '{} CPUs, {} sockets, {} nodes'.format
    found = None
    if said is not None:
        nodes = len(list(said.nodes()))
        found = (int(said.values['cpus']), said.topology[0], nodes)
    yield (
        'seen from inside',
        words(*wanted),
        words(*found) if found else 'nothing',
        found == wanted,
    )


def rows(guest, server, said, found):
    """(promise, wanted, found, kept) of each promise."""
    evidence = Evidence(guest, found)
    kernel = found['kernel']
    yield 'kernel', 'PREEMPT_RT', kernel, 'PREEMPT_RT' in kernel
    where = server.compute_host
    yield 'server', host.NAME, where, where == host.NAME
    for one in (_of_vcpus, _of_iothreads, _of_others, _of_memory):
        yield from one(guest, evidence)
    yield from _from_inside(guest, said)


def table(found):
    result = prettytable.PrettyTable(('promise', 'wanted', 'found', ''))
    result.align = 'l'
    for promise, wanted, seen, kept in found:
        result.add_row((promise, wanted, seen, 'ok' if kept else 'BROKEN'))
    return result.get_string()


def operator(numa_host, machine, *words):
    """Prints what `nova-numa-ext` says in the host; whether it is content."""
    print(f'\nnova-numa-ext {" ".join(words)}', flush=True)
    command = str(numa_host.cloud.bin / 'nova-numa-ext')
    argv = machine.ssh(command, *words)
    try:
        return subprocess.run(argv, timeout=COMMAND_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        plan.say(f'no answer within {COMMAND_SECONDS} s')
        return False


def check(numa_host):
    """Boots the realtime guest; whether all was as promised."""
    machine = up.machine(numa_host)
    guest = realtime_module.GUEST
    boot = realtime_module.Boot(numa_host, machine)
    try:
        server = boot.boot(guest)
    except processes.Failure:
        compute.Compute(numa_host, machine).fetch_log()
        raise
    said = boot.said(server)
    answer = machine.output(
        *('python3', '-', server.instance_name), stdin=EVIDENCE.read_text()
    )
    found = list(rows(guest, server, said, json.loads(answer)))
    print(table(found))
    broken = sum(not row[3] for row in found)
    plan.say(f'{len(found) - broken} promises are kept, {broken} broken')
    configuration = f'{compute.SHARE}/nova-compute.conf'
    content = (
        operator(numa_host, machine, 'verify', server.id),
        operator(
            numa_host,
            machine,
            *('host', '--check', '--width', '100'),
            *('--config-file', configuration),
        ),
    )
    return all(content) and not broken
