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

"""``nova-numa-ext host``: this host, who is on it, what it is ready for."""

import json
import os
import platform
import shutil
import sys

from nova_numa_ext.cmd import affine
from nova_numa_ext.cmd import connection
from nova_numa_ext.cmd import guest_cpus
from nova_numa_ext.cmd import isolation
from nova_numa_ext.cmd import items as shown
from nova_numa_ext.cmd import options
from nova_numa_ext.host import layout
from nova_numa_ext.host import occupancy
from nova_numa_ext.host import reader
from nova_numa_ext.host import readiness
from nova_numa_ext.picture import model
from nova_numa_ext.picture import svg
from nova_numa_ext.picture import text
from nova_numa_ext.topology import cpuset
from nova_numa_ext.topology import host as topology

#: What a saved host may have of libvirt.
CAPABILITIES = 'capabilities.xml'


class Unusable(Exception):
    """What was named cannot be read; says why."""


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'host',
        help='this host, the guests on it, and whether it is ready for '
        'realtime ones',
        description='Draws the host with the guests that are on it, says '
        'what is free on each node, and judges item by item whether it is '
        'ready for realtime guests, with what to do where it is not. Exits '
        'with 2 where the host cannot be read.')
    options.add_json(parser)
    options.add_picture(parser, text.WIDTH)
    parser.add_argument(
        '--check', action='store_true',
        help='exit with 1 where an item is missing that realtime guests need, '
        'or that "tune isolation --write" had written')
    options.add_configuration(parser)
    parser.add_argument(
        '--root', metavar='DIR', default='/',
        help='a folder with sys and proc of another host, and maybe its '
        f'{CAPABILITIES} (virsh capabilities)')
    parser.add_argument(
        '--host', metavar='FILE', help='virsh capabilities of that host')
    connection.add_argument(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Print the host and return the exit status."""
    here = arguments.root == '/'
    look = reader.THIS if here else reader.HostReader(arguments.root)
    notes = []
    try:
        host = _topology(arguments, look)
        cpus = guest_cpus.read(arguments, here)
        dedicated = cpus.dedicated
        domains = _guests(arguments, here, notes)
        if dedicated is None:
            notes.append(
                'No [compute] cpu_dedicated_set is known: the CPUs of '
                'isolcpus are taken for dedicated, and are CPUS below where '
                'there are none. Name yours with --config-file or '
                '--cpu-dedicated-set.')
        items = readiness.judge(look, dedicated)
        kept_off = isolation.items_of(look, cpus)
        there = occupancy.of_domains(live for live, _defined in domains)
        affines = affine.of_domains(look, host, domains)
        notes += affine.notes(look, affines)
        drawn = _draw(look, host, there, dedicated, here, affines, notes)
        if arguments.svg:
            _write(arguments.svg, svg.draw(drawn))
    except (Unusable, guest_cpus.Unusable) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(
            _plain(look, host, there, dedicated, items, kept_off, affines,
                   notes),
            indent=2))
    else:
        width = arguments.width or shutil.get_terminal_size(
            (text.WIDTH, 24)).columns
        print(text.draw(drawn, width, arguments.ascii,
                        sys.stdout.isatty() and 'NO_COLOR' not in os.environ))
        if affines:
            print('\n'.join([affine.table(affines), *affine.waiting(affines)]))
        print(_table(items, kept_off))
    return 1 if arguments.check and (
        readiness.missing([*items, *kept_off])) else 0


def _topology(arguments, look):
    saved = arguments.host
    if saved is None and arguments.root != '/' and look.has(CAPABILITIES):
        saved = os.path.join(arguments.root, CAPABILITIES)
    if saved is None:
        found = layout.topology(look)
    else:
        try:
            with open(saved, encoding='utf-8') as file:
                found = topology.from_capabilities(file.read())
        except (OSError, ValueError) as error:
            raise Unusable(f'{saved}: {error}') from error
    if not found.cells:
        raise Unusable(
            f'{arguments.root} has no sys/devices/system/node and no '
            'sys/devices/system/cpu/online. Name a folder that has sys and '
            'proc of a host.')
    return found


def _guests(arguments, here, notes):
    """Return the domains that run; a note where they cannot be had.

    :returns: of each its live XML and, where this may tell something else,
        that of its next start
    """
    if not here:
        notes.append('Guests of a saved host are not shown.')
        return []
    try:
        asked = connection.open_read_only(arguments.connect)
    except connection.Unreachable as error:
        notes.append(f'Guests are not shown: {error}')
        return []
    libvirt = connection.module()
    try:
        found = []
        for domain in sorted(
                asked.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE),
                key=lambda domain: domain.name()):
            live = domain.XMLDesc()
            found.append((live, domain.XMLDesc(
                libvirt.VIR_DOMAIN_XML_INACTIVE)
                if affine.is_bound(live) else None))
        return found
    except libvirt.libvirtError as error:
        notes.append(f'Guests are not shown: {error}')
        return []
    finally:
        asked.close()


def _free(host, there, dedicated):
    """Return for each node the CPUs that a pinned guest could have."""
    return {
        cell.id: (cell.cpus if dedicated is None else cell.cpus & dedicated)
        - (there.stands.keys() if dedicated is None else there.dedicated)
        for cell in host.cells}


def _draw(look, host, there, dedicated, here, affines, notes):
    free = _free(host, there, dedicated)
    stands = dict(there.stands)
    if dedicated is not None:
        for cell in host.cells:
            for cpu in cell.cpus - dedicated:
                stands.setdefault(cpu, model.Stand('out'))
    memory = {}
    lines = {}
    for cell in host.cells:
        found = layout.memory(look, cell.id)
        memory[cell.id] = model.Memory(
            cell.memory_kib, there.shares.get(cell.id, ()),
            found.free_kib if found.total_kib else None,
            tuple(model.Pages(pages.size_kib, pages.total, pages.free)
                  for pages in found.pages))
        lines[cell.id] = (
            f'free CPUs: {cpuset.show(free[cell.id]) or "none"}',
            *affine.lines(affines, cell.id))
    title = platform.node() if here else look.root
    count = len(host.cells)
    return model.host_map(
        host, f'{title}: {count} NUMA node{"s" if count > 1 else ""}',
        there.guests, stands, memory, lines, tuple(notes))


def _write(path, document):
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(document)
    except OSError as error:
        raise Unusable(f'{path} cannot be written: {error.strerror}.'
                       ) from error


def _table(items, kept_off):
    missing = readiness.missing(items)
    verdict = (
        f'Not ready for realtime guests: {len(missing)} of what they need '
        'is missing.' if missing else
        'Ready for realtime guests, as far as can be told.')
    return '\n'.join([
        shown.table('realtime', items), shown.table('isolation', kept_off),
        '', verdict, *shown.remedies([*items, *kept_off])])


def _plain(look, host, there, dedicated, items, kept_off, affines, notes):
    free = _free(host, there, dedicated)
    nodes = []
    for cell in host.cells:
        memory = layout.memory(look, cell.id)
        nodes.append({
            'id': cell.id,
            'cpus': cpuset.show(cell.cpus),
            'free_cpus': cpuset.show(free[cell.id]),
            'memory_kib': cell.memory_kib,
            'free_kib': memory.free_kib if memory.total_kib else None,
            'huge_pages': [{
                'size_kib': pages.size_kib,
                'total': pages.total,
                'free': pages.free,
            } for pages in memory.pages],
            'guests': [{
                'guest': there.guests[share.guest],
                'kib': share.kib,
            } for share in there.shares.get(cell.id, ())],
            'affine_guests': affine.of_node(affines, cell.id),
        })
    return {
        'nodes': nodes,
        'guests': list(there.guests),
        'cpus': {
            str(cpu): {
                'use': stand.use,
                'label': stand.label,
                'guest': None if stand.guest is None
                else there.guests[stand.guest],
            } for cpu, stand in sorted(there.stands.items())},
        'ready': not readiness.missing(items),
        'items': shown.plain(items),
        'isolation': shown.plain(kept_off),
        'affinity': affine.plain(affines),
        'notes': notes,
    }
