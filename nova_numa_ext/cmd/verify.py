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

"""``nova-numa-ext verify``: what guests asked for, and what they got."""

import json
import sys

import prettytable

from nova_numa_ext.cmd import connection
from nova_numa_ext.cmd import options
from nova_numa_ext.host import reader
from nova_numa_ext.verify import compare
from nova_numa_ext.verify import promises
from nova_numa_ext.verify import report

#: Exit statuses.
KEPT, BROKEN, UNKNOWN = 0, 1, 2

_WORDS = {True: 'kept', False: 'BROKEN', None: 'unknown'}


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'verify',
        help='what running guests were promised, and what they got',
        description='Compares what running guests were promised with what '
        'libvirt and the kernel show, a row for each promise. Exits with 1 '
        'where one is broken, and with 2 where something cannot be told. '
        "Needs root for the host nodes of a guest's memory.")
    parser.add_argument(
        'instance', nargs='?', metavar='INSTANCE',
        help='a UUID, a name of libvirt (instance-0000000a) or of Nova; all '
        'guests that run without it')
    options.add_json(parser)
    connection.add_argument(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Print the reports and return the exit status."""
    try:
        domains = _domains(arguments.connect, arguments.instance)
    except connection.Unreachable as error:
        print(error, file=sys.stderr)
        return UNKNOWN
    reports = [
        report.of_guest(reader.THIS, defined, live)
        for defined, live in domains]
    if arguments.json:
        print(json.dumps([_plain(each) for each in reports], indent=2))
    else:
        print('\n\n'.join(_text(each) for each in reports))
    for sentence in _sentences(reports):
        print(sentence, file=sys.stderr)
    if any(each.broken for each in reports):
        return BROKEN
    if any(each.rows is None or each.unread for each in reports):
        return UNKNOWN
    return KEPT


def _domains(uri, wanted):
    """Return the defined and the live XML of each guest that is wanted.

    :raises Unreachable: where libvirt is not, or the guest
    """
    asked = connection.open_read_only(uri)
    libvirt = connection.module()
    found = []
    others = []
    try:
        for domain in asked.listAllDomains():
            defined = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            names = promises.names(defined)
            if wanted and wanted not in (
                    names.uuid, names.domain, names.server):
                continue
            if domain.isActive():
                found.append((names, defined, domain.XMLDesc()))
            else:
                others.append(names)
    except libvirt.libvirtError as error:
        raise connection.Unreachable(f'libvirt: {error}') from error
    finally:
        asked.close()
    if wanted and not found:
        if others:
            raise connection.Unreachable(f'{wanted} does not run.')
        raise connection.Unreachable(
            f'There is no guest {wanted} on this host. See virsh list --all.')
    if wanted and len(found) > 1:
        # Names of Nova's need not be unique.
        raise connection.Unreachable(
            f'{len(found)} guests are called {wanted}. Name one by its UUID: '
            + ', '.join(names.uuid for names, _defined, _live in found))
    found.sort(key=lambda each: each[0].domain)
    return [(defined, live) for _names, defined, live in found]


def _title(names):
    server = f' ({names.server})' if names.server else ''
    return f'{names.domain}{server}, {names.uuid}'


def _text(each):
    if each.rows is None:
        return f'{_title(each.names)}: no process of it is to be seen'
    if not each.rows:
        return f'{_title(each.names)}: nothing was promised'
    table = prettytable.PrettyTable(
        ['', 'promise', 'asked', 'got', 'verdict'])
    table.align = 'l'
    for row in compare.grouped(each.rows):
        table.add_row([row.subject, row.promise, row.asked, row.got,
                       _WORDS[row.kept]])
    return (f'{_title(each.names)}: {len(each.rows)} promises, '
            f'{len(each.broken)} broken\n{table}')


def _plain(each):
    return {
        'uuid': each.names.uuid,
        'domain': each.names.domain,
        'server': each.names.server,
        'promises': None if each.rows is None else [{
            'subject': row.subject,
            'promise': row.promise,
            'asked': row.asked,
            'got': row.got,
            'kept': row.kept,
        } for row in each.rows],
    }


def _sentences(reports):
    if not reports:
        yield 'No guest runs here.'
    if any(each.rows is None for each in reports):
        yield ('Of some guests no process is to be seen. Run this on the '
               'compute host, in its PID namespace.')
    if any(each.unread for each in reports):
        # The kernel shows the mappings of a process to its owner and to who
        # has CAP_SYS_PTRACE.
        yield 'Some promises can be verified by root only: run this as root.'
