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

"""Guests with ``numa_affinity`` as ``nova-numa-ext host`` prints them."""

import prettytable

from nova_numa_ext.domain import standing
from nova_numa_ext.host import affine
from nova_numa_ext.topology import cpuset


def is_bound(live):
    """Return whether a guest may wait for its next start to move."""
    there = standing.of_domain(live)
    return there is not None and there.strict


def of_domains(look, host, domains):
    """Return the guests that have an affinity.

    :param look: a nova_numa_ext.host.reader.HostReader
    :param host: a nova_numa_ext.topology.host.HostTopology
    :param domains: pairs of live XML and that of the next start, or None
    """
    found = (affine.of_guest(look, host, live, defined)
             for live, defined in domains)
    return [guest for guest in found if guest is not None]


def table(guests):
    """Return them as a table."""
    drawn = prettytable.PrettyTable(
        ['numa_affinity', 'asked', 'vCPUs', 'nodes', 'memory', 'remote'])
    drawn.align = 'l'
    for guest in guests:
        drawn.add_row([
            guest.name, guest.asked, guest.vcpus, cpuset.show(guest.nodes),
            _memory(guest), _remote(guest)])
    return str(drawn)


def waiting(guests):
    """Return a line for each guest that moves at its next start."""
    return [
        f'{guest.name} moves to NUMA node '
        f'{cpuset.show(guest.next_nodes)} at its next start: its memory is '
        'bound, and cannot be moved here while it runs. A hard reboot of the '
        'server moves it.'
        for guest in guests if guest.next_nodes is not None]


def notes(look, guests):
    """Return what keeps memory from following those that move."""
    if (look.number('proc/sys/kernel/numa_balancing')
            or all(guest.asked != 'soft' for guest in guests)):
        return []
    return ['The memory of guests with soft numa_affinity does not follow '
            'where they move: kernel.numa_balancing is off.']


def lines(guests, node):
    """Return what the picture says of a node, nothing without guests."""
    if not guests:
        return ()
    there = [guest for guest in guests if node in guest.nodes]
    many = '' if len(there) == 1 else 's'
    return (f'numa_affinity: {len(there)} guest{many}, '
            f'{sum(guest.vcpus for guest in there)} vCPUs',)


def of_node(guests, node):
    """Return the names of those that stand on a node."""
    return [guest.name for guest in guests if node in guest.nodes]


def plain(guests):
    """Return them as JSON has them."""
    return [{
        'guest': guest.name,
        'asked': guest.asked,
        'vcpus': guest.vcpus,
        'nodes': sorted(guest.nodes),
        'memory_kib': None if guest.kib is None else {
            str(node): kib for node, kib in sorted(guest.kib.items())},
        'remote': guest.remote,
        'next_nodes': None if guest.next_nodes is None
        else sorted(guest.next_nodes),
    } for guest in guests]


def _memory(guest):
    if guest.kib is None:
        return 'unknown'
    return ', '.join(
        f'{kib / 1024:.1f} MiB on {node}'
        for node, kib in sorted(guest.kib.items()) if kib) or 'none yet'


def _remote(guest):
    return 'unknown' if guest.remote is None else f'{guest.remote:.1%}'
