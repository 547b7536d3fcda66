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

"""From a guest's domain to the picture of the host with the guest on it."""

import dataclasses

from nova_numa_ext.picture import model
from nova_numa_ext.topology import cpuset

_CACHES = {
    'passthrough': ("the host's L3",),
    'emulate': ('an L3 for each socket, made up by QEMU',),
    'disable': ('no L3',),
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A NUMA node of the guest, as the domain has it.

    :ivar host_nodes: where its memory comes from; empty for anywhere
    """

    id: int
    vcpus: frozenset
    memory_kib: int
    host_nodes: frozenset


@dataclasses.dataclass(frozen=True)
class Threads:
    """Where the threads of a domain run.

    :ivar vcpus: for each vCPU the CPUs that it may run on
    :ivar realtime: the vCPUs with a realtime scheduler
    :ivar emulator: the CPUs of the emulator threads
    :ivar iothreads: for each IO thread its CPUs
    """

    vcpus: dict
    realtime: frozenset
    emulator: frozenset
    iothreads: dict


def cells_of(domain):
    """Return the NUMA nodes of a guest, none for a guest without."""
    nodes = {
        int(node.get('cellid')): cpuset.parse(node.get('nodeset', ''))
        for node in domain.iterfind('numatune/memnode')}
    everywhere = cpuset.parse(_get(domain, 'numatune/memory', 'nodeset'))
    return tuple(
        Cell(int(cell.get('id')), cpuset.parse(cell.get('cpus', '')),
             int(cell.get('memory', 0)),
             nodes.get(int(cell.get('id')), everywhere))
        for cell in domain.iterfind('cpu/numa/cell'))


def threads_of(domain, online):
    """Return where the threads of a guest run.

    :param online: all CPUs of the host, for what is pinned nowhere
    """
    cpus = cpuset.parse(_get(domain, 'vcpu', 'cpuset')) or online
    vcpus = dict.fromkeys(range(int(domain.findtext('vcpu', '0'))), cpus)
    for pin in domain.iterfind('cputune/vcpupin'):
        vcpus[int(pin.get('vcpu'))] = cpuset.parse(pin.get('cpuset', ''))
    realtime = frozenset().union(*(
        cpuset.parse(node.get('vcpus', ''))
        for node in domain.iterfind('cputune/vcpusched')
        if node.get('scheduler') in ('fifo', 'rr')))
    emulator = cpuset.parse(
        _get(domain, 'cputune/emulatorpin', 'cpuset')) or cpus
    iothreads = dict.fromkeys(
        range(1, int(domain.findtext('iothreads', '0')) + 1), emulator)
    for pin in domain.iterfind('cputune/iothreadpin'):
        iothreads[int(pin.get('iothread'))] = cpuset.parse(
            pin.get('cpuset', ''))
    return Threads(vcpus, realtime, emulator, iothreads)


def host_map(host, title, domain, usable, pages, notes=()):
    """Return the map of a host with a guest on it.

    :param host: a topology.host.HostTopology
    :param domain: the guest's domain
    :param usable: the CPUs that guests may have; empty for all
    :param pages: model.Pages of each node
    """
    online = frozenset().union(*(cell.cpus for cell in host.cells))
    usable = usable or online
    threads = threads_of(domain, usable)
    cells = cells_of(domain)
    memory = {cell.id: _memory(cell, cells, pages) for cell in host.cells}
    lines = {cell.id: _lines(cell, threads, cells) for cell in host.cells}
    if not cells:
        amount = model.size(int(domain.findtext('memory', '0')))
        notes = (*notes, f'The {amount} of memory come from any node.')
    return model.host_map(
        host, title, (), stands(threads, online, usable), memory, lines,
        notes)


def stands(threads, online, usable):
    """Return what is on each CPU that is not simply free."""
    found = {cpu: model.Stand('out') for cpu in online - usable}
    for cpus in threads.vcpus.values():
        if len(cpus) > 1:
            found.update({cpu: model.Stand('shared', guest=0)
                          for cpu in cpus})
    vcpus_of = {}
    for vcpu, cpus in sorted(threads.vcpus.items()):
        if len(cpus) == 1:
            (cpu,) = cpus
            vcpus_of.setdefault(cpu, []).append(vcpu)
    for cpu, vcpus in vcpus_of.items():
        use = 'realtime' if threads.realtime.intersection(vcpus) else 'vcpu'
        found[cpu] = model.Stand(
            use, ('r' if use == 'realtime' else '')
            + ','.join(str(vcpu) for vcpu in vcpus), 0)
    alone = set(found) - {cpu for cpu, stand in found.items()
                          if stand.use == 'out'}
    # Emulator threads that may run anywhere have no CPU to themselves.
    if not usable <= threads.emulator:
        found.update({cpu: model.Stand('emulator', guest=0)
                      for cpu in threads.emulator - alone})
    return found


def _memory(cell, cells, pages):
    shares = tuple(
        model.Share(f'guest node {guest.id}', guest.memory_kib, 0)
        for guest in cells if guest.host_nodes == {cell.id})
    return model.Memory(
        cell.memory_kib, shares,
        cell.memory_kib - sum(share.kib for share in shares),
        tuple(pages.get(cell.id, ())))


def _lines(cell, threads, cells):
    """Return what else is to be said of a node, if anything is on it."""
    lines = [
        f'guest node {guest.id}: {model.size(guest.memory_kib)} on nodes '
        f'{cpuset.show(guest.host_nodes)}' for guest in cells
        if cell.id in guest.host_nodes and len(guest.host_nodes) > 1]
    floating = {}
    for vcpu, cpus in threads.vcpus.items():
        if len(cpus) > 1 and cpus & cell.cpus:
            floating.setdefault(cpus, []).append(vcpu)
    lines += [f'vCPU{"s" if len(vcpus) > 1 else ""} {cpuset.show(vcpus)}: '
              f'{_cpus(cpus, cell)}'
              for cpus, vcpus in floating.items()]
    groups = {threads.emulator: ['emulator']}
    for number, cpus in threads.iothreads.items():
        groups.setdefault(cpus, []).append(f'IO thread {number}')
    lines += [f'{", ".join(names)}: {_cpus(cpus, cell)}'
              for cpus, names in groups.items() if cpus & cell.cpus]
    return lines


def _cpus(cpus, cell):
    here = cpus & cell.cpus
    more = ', and others' if cpus - cell.cpus else ''
    return f'CPU{"s" if len(here) > 1 else ""} {cpuset.show(here)}{more}'


def guest_words(domain):
    """Return what the guest will see of its CPUs and memory, on one line."""
    vcpus = int(domain.findtext('vcpu', '0'))
    words = [f'{vcpus} vCPU{"s" if vcpus > 1 else ""}',
             model.size(int(domain.findtext('memory', '0')))]
    topology = topology_of(domain)
    if topology:
        dies = topology['dies']
        words.append(
            _count(topology['sockets'], 'socket')
            + (f' x {_count(dies, "die")}' if dies > 1 else '')
            + f' x {_count(topology["cores"], "core")}'
            + f' x {_count(topology["threads"], "thread")}')
    nodes = len(domain.findall('cpu/numa/cell'))
    words.append(_count(nodes, 'NUMA node') if nodes else 'no NUMA nodes')
    cache = _get(domain, 'cpu/cache', 'mode')
    return ', '.join([*words, *_CACHES.get(cache, ())])


def topology_of(domain):
    """Return sockets, dies, cores and threads; nothing where unsaid."""
    node = domain.find('cpu/topology')
    if node is None:
        return {}
    return {key: int(node.get(key, 1))
            for key in ('sockets', 'dies', 'cores', 'threads')}


def _count(number, thing):
    return f'{number} {thing}{"" if number == 1 else "s"}'


def _get(domain, path, attribute):
    node = domain.find(path)
    return '' if node is None else node.get(attribute, '')
