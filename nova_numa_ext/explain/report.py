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

"""From a flavor, an image and a host to all that explain says."""

import dataclasses

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.explain import drawing
from nova_numa_ext.explain import fragments
from nova_numa_ext.explain import missing
from nova_numa_ext.explain import Unusable
from nova_numa_ext.host import memory_lock
from nova_numa_ext.host import readiness
from nova_numa_ext.picture import model
from nova_numa_ext.policy import errors
from nova_numa_ext.topology import host as host_topology
from nova_numa_ext.topology import lacks

NO_NOVA = (
    "Where a guest would stand is for Nova's own code to say, and this Python "
    'has no Nova: run it on a compute node, or `pip install nova` here first.')


@dataclasses.dataclass(frozen=True)
class Report:
    """All that is to be said of a guest on a host.

    :ivar refused: why the guest is refused, None where it is not
    :ivar lacks: sentences on what nodes lack, where it does not fit
    :ivar host_map: the host with the guest on it, None where it is refused
    :ivar guest: what the guest sees, in words and as data
    :ivar profile: a missing.Profile, None without one
    :ivar settings: what holds of what was asked for
    :ivar left_out: what the guest goes without on this host
    :ivar missing: what the full effect would take
    :ivar fragments: what of the domain differs from Nova's own
    :ivar domain: the domain, as far as CPUs and memory depend on it
    """

    flavor: object
    image: object
    host: object
    refused: str = None
    lacks: tuple = ()
    host_map: object = None
    guest: dict = dataclasses.field(default_factory=dict)
    profile: object = None
    settings: tuple = ()
    left_out: tuple = ()
    missing: tuple = ()
    warnings: tuple = ()
    notes: tuple = ()
    fragments: tuple = ()
    domain: str = ''

    @property
    def status(self):
        """The exit status: 1 for a guest that cannot be had."""
        return 1 if self.refused or self.lacks else 0


def explain(flavor, image, host, config_files=(), reader=None, **overrides):
    """Return what a flavor and an image mean on a host.

    :param host: a hosts.Host
    :param reader: a host.reader.HostReader where the host is this one
    :param overrides: of Nova's options, as for sketch.configured
    :raises Unusable: where Nova is missing, or its configuration is wrong
    """
    report = Report(flavor, image, host)
    try:
        policy = guest_policy.resolve(flavor.extra_specs, image.properties)
    except guest_policy.Refused as refused:
        return dataclasses.replace(report, refused=str(refused))
    report = dataclasses.replace(
        report, profile=missing.profile_of(policy), notes=host.notes)
    try:
        from nova_numa_ext.explain import sketch
    except ImportError as error:
        raise Unusable(NO_NOVA) from error
    with sketch.configured(config_files, **overrides):
        return _on_host(report, policy, sketch, reader)


def _on_host(report, policy, sketch, reader):
    try:
        asked = sketch.request_of(report.flavor, report.image)
    except (sketch.NovaException, ValueError) as error:
        return dataclasses.replace(report, refused=_of_nova(error))
    drawn = sketch.Sketch(report.host)
    try:
        asked, reason = drawn.split(asked)
        if reason:
            short = (f'{reason[0].upper()}{reason[1:]}.',)
        else:
            short = _place(drawn, asked)
        report = dataclasses.replace(report, notes=(
            *report.notes, *_notes_on_cpus(sketch.CONF, asked)))
        if short:
            return dataclasses.replace(
                report, lacks=short, host_map=_empty(report, drawn))
        tuned = drawn.tuned(asked, policy)
        before = drawn.domain(asked)
        after = drawn.domain(asked, tuned.elements)
    except guest_policy.Refused as refused:
        return dataclasses.replace(report, refused=str(refused))
    except sketch.NovaException as error:
        return dataclasses.replace(report, refused=_of_nova(error))
    host = tuned.guest.host
    return dataclasses.replace(
        report,
        host_map=drawing.host_map(
            host, f'{report.flavor.name} on {report.host.name}', after,
            _usable(drawn), _pages(drawn, asked.instance.numa_topology)),
        guest=_guest(after, drawing.threads_of(after, _usable(drawn))),
        settings=tuple(
            (name, origin.value.strip(), origin.kind)
            for name, origin in tuned.guest.policy.origins.items()),
        left_out=tuned.left_out,
        missing=missing.missing(tuned.guest, after),
        warnings=_warnings(after, tuned.guest, reader),
        fragments=fragments.fragments(before, after),
        domain=fragments.text_of(after),
    )


def _of_nova(error):
    return f'Nova refuses it: {errors.plain(str(error), 300)}'


def _place(drawn, asked):
    """Place a guest, or return what is lacking."""
    if asked.wanted is None:
        return _lacks_of_whole(drawn, asked)
    asked.instance.numa_topology = drawn.fit(asked.wanted)
    if asked.instance.numa_topology is not None:
        return ()
    topology = drawn.host_topology()
    if topology is None:
        return ('Nova knows no NUMA nodes of this host.',)
    rooms = [_room(cell) for cell in topology.cells]
    found, fitting = [], []
    for number, cell in enumerate(asked.wanted.cells):
        fits = []
        for room in rooms:
            alone = asked.wanted.obj_clone()
            alone.cells = [alone.cells[number]]
            if drawn.fit(alone, {room.node}) is not None:
                fits.append(room.node)
                continue
            want = _want(number, cell, asked.wanted)
            found += [str(lack) for lack in lacks.lacks(want, room)] or [
                f'guest node {number} on host node {room.node}: Nova finds no '
                'CPUs there that suit hw:cpu_thread_policy or '
                'hw:emulator_threads_policy']
        fitting.append(fits)
    return (*_summary(fitting, len(rooms)), *found)


def _summary(fitting, nodes):
    """Return why guest nodes cannot be placed, before the particulars."""
    if len(fitting) > nodes:
        return (f'The guest has {len(fitting)} NUMA nodes, and the host '
                f'{nodes}: Nova puts each on a node of its own.',)
    homeless = [number for number, fits in enumerate(fitting) if not fits]
    if homeless:
        return tuple(f'Guest node {number} fits on no node of the host.'
                     for number in homeless)
    words = ', '.join(
        f'guest node {number} on {errors.listed(tuple(map(str, fits)))}'
        for number, fits in enumerate(fitting))
    return ('Nova puts each NUMA node of the guest on a node of its own, and '
            f'too few have room: {words}.',)


def _lacks_of_whole(drawn, asked):
    """Return what the host lacks for a guest without NUMA nodes.

    Nova's inventories in placement let no guest have more than there is,
    whatever the ratios (max_unit).
    """
    topology = drawn.host_topology()
    if topology is None:
        return ()
    flavor, limits = asked.flavor, drawn.limits()
    found = []
    cpus = len(frozenset().union(*(cell.cpuset for cell in topology.cells)))
    most = int(cpus * min(limits.cpu_allocation_ratio, 1))
    if flavor.vcpus > most:
        found.append(f'shared CPUs of the host: {flavor.vcpus} wanted, {most} '
                     'there')
    there = int(sum(cell.memory for cell in topology.cells)
                * min(limits.ram_allocation_ratio, 1))
    if flavor.memory_mb > there:
        found.append(
            f'memory of the host: {model.size(flavor.memory_mb << 10)} '
            f'wanted, {model.size(there << 10)} there')
    return tuple(found)


def _want(number, cell, topology):
    reserved = int(number == 0 and topology.emulator_threads_isolated)
    return lacks.Want(
        number, len(cell.pcpuset) + reserved if cell.pcpuset else 0,
        len(cell.cpuset), cell.memory << 10, cell.pagesize)


def _room(cell):
    return lacks.Room(
        cell.id, len(cell.pcpuset), len(cell.cpuset), int(cell.memory) << 10,
        {pages.size_kb: pages.free for pages in cell.mempages})


def _usable(drawn):
    topology = drawn.host_topology()
    if topology is None:
        return frozenset()
    return frozenset().union(
        *(cell.cpuset | cell.pcpuset for cell in topology.cells))


def _pages(drawn, placed):
    """Return the huge pages of each node, with the guest on them."""
    topology = drawn.host_topology()
    taken = {}
    for cell in placed.cells if placed else ():
        if cell.pagesize:
            taken[cell.id, cell.pagesize] = (
                (cell.memory << 10) // cell.pagesize)
    return {
        cell.id: tuple(
            model.Pages(pages.size_kb, pages.total,
                        pages.free - taken.get((cell.id, pages.size_kb), 0))
            for pages in sorted(
                cell.mempages, key=lambda pages: pages.size_kb)[1:]
            if pages.total)
        for cell in (topology.cells if topology else ())
    }


def _empty(report, drawn):
    """Return the map of the host without the guest."""
    host = host_topology.from_capabilities(report.host.capabilities)
    usable, pages = _usable(drawn), _pages(drawn, None)
    return model.host_map(
        host, report.host.name,
        stands={cpu: model.Stand('out') for cell in host.cells
                for cpu in cell.cpus - usable},
        memory={cell.id: model.Memory(cell.memory_kib, (), cell.memory_kib,
                                      pages.get(cell.id, ()))
                for cell in host.cells})


def _notes_on_cpus(conf, asked):
    """Return what is assumed of the CPUs that guests may have."""
    if conf.compute.cpu_dedicated_set or conf.compute.cpu_shared_set:
        return ()
    return (
        'All CPUs are taken for usable, both by dedicated and by shared '
        'vCPUs; --cpu-dedicated-set and --cpu-shared-set say otherwise.',)


def _warnings(domain, guest, reader):
    """Return what may go wrong with a guest that can be placed."""
    found = []
    if guest.policy.cpu_features:
        found.append('Whether the CPU has the features of '
                     'numa_ext:cpu_features, the host is asked at the boot: '
                     'see `virsh hypervisor-cpu-compare` there.')
    locked = domain.find('memoryBacking/locked') is not None
    if reader is None:
        if locked:
            found.append("The guest's memory is locked: whether libvirt can "
                         'do that on this host, only `nova-numa-ext host` '
                         'there can tell.')
        return tuple(found)
    if locked:
        why = memory_lock.judge(
            int(domain.findtext('memory', '0')), memory_lock.gather(reader))
        if why is not None:
            found.append(f"The guest's memory cannot be locked: {why}. "
                         f'{memory_lock.REMEDY}.')
    if guest.realtime_vcpus:
        why = readiness.refusal(readiness.judge(reader))
        if why is not None:
            found.append(f'Realtime guests: {why}. See `nova-numa-ext host`.')
    return tuple(found)


def _guest(domain, threads):
    """Return the guest as data."""
    return {
        'words': drawing.guest_words(domain),
        'vcpus': len(threads.vcpus),
        'topology': drawing.topology_of(domain),
        'nodes': [{
            'id': cell.id,
            'vcpus': sorted(cell.vcpus),
            'memory_kib': cell.memory_kib,
            'host_nodes': sorted(cell.host_nodes),
        } for cell in drawing.cells_of(domain)],
        'pins': {vcpu: sorted(cpus)
                 for vcpu, cpus in sorted(threads.vcpus.items())},
        'realtime_vcpus': sorted(threads.realtime),
        'emulator': sorted(threads.emulator),
        'iothreads': {number: sorted(cpus)
                      for number, cpus in threads.iothreads.items()},
    }
