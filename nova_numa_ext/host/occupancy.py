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

"""Which guests stand where on a host, from their live domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable
from typing import Mapping
from xml.etree import ElementTree

from nova_numa_ext.picture.model import Share
from nova_numa_ext.picture.model import Stand
from nova_numa_ext.topology import cpuset

#: Nova's own metadata in a domain (nova/virt/libvirt/config.py).
_NOVA = '{http://openstack.org/xmlns/libvirt/nova/1.1}'


@dataclass(frozen=True)
class Occupancy:
    """What guests have of a host.

    :ivar guests: their names, each with the letter of its vCPUs
    :ivar stands: what is on each CPU
    :ivar shares: what each has of the memory of a node
    :ivar dedicated: CPUs that have a vCPU of their own
    """

    guests: tuple[str, ...]
    stands: Mapping[int, Stand]
    shares: Mapping[int, tuple[Share, ...]]
    dedicated: frozenset[int]


def of_domains(xmls: Iterable[str]) -> Occupancy:
    """Return what the guests of these domains have."""
    guests = []
    owned: dict[int, Stand] = {}
    floating: dict[int, Stand] = {}
    shares: dict[int, list[Share]] = {}
    for number, xml in enumerate(xmls):
        domain = ElementTree.fromstring(xml)
        letter = _letter(number)
        guests.append(f'{letter}: {_name(domain)}')
        realtime = frozenset().union(*(
            cpuset.parse(node.get('vcpus', ''))
            for node in domain.iterfind('cputune/vcpusched')
            if node.get('scheduler') in ('fifo', 'rr')))
        for vcpu, cpus in _pins(domain).items():
            for cpu in cpus:
                if len(cpus) > 1:
                    _share(floating, cpu, Stand('shared', guest=number))
                    continue
                # Two on one CPU: the first is shown, with a mark.
                there = owned.get(cpu)
                owned[cpu] = Stand(
                    'realtime' if vcpu in realtime else 'vcpu',
                    f'{letter}{vcpu}', number,
                ) if there is None else Stand(
                    there.use, there.label.rstrip('+') + '+', there.guest)
        emulator = domain.find('cputune/emulatorpin')
        if emulator is not None:
            for cpu in cpuset.parse(emulator.get('cpuset', '')):
                _share(floating, cpu, Stand('emulator', guest=number))
        for node, share in _memory(domain, f'{letter}', number):
            shares.setdefault(node, []).append(share)
    return Occupancy(
        tuple(guests), {**floating, **owned},
        {node: tuple(some) for node, some in shares.items()},
        frozenset(owned))


def _share(found: dict[int, Stand], cpu: int, stand: Stand) -> None:
    there = found.setdefault(cpu, stand)
    if there.use != stand.use:
        # vCPUs are told, emulator threads beside them are not.
        found[cpu] = Stand('shared')
    elif there.guest != stand.guest:
        found[cpu] = Stand(there.use)


def _pins(domain: ElementTree.Element) -> dict[int, frozenset[int]]:
    vcpu = domain.find('vcpu')
    if vcpu is None:
        return {}
    default = cpuset.parse(vcpu.get('cpuset', ''))
    pins = dict.fromkeys(range(int(vcpu.text or 0)), default)
    for node in domain.iterfind('cputune/vcpupin'):
        pins[int(node.get('vcpu', ''))] = cpuset.parse(
            node.get('cpuset', ''))
    return pins


def _memory(
    domain: ElementTree.Element, letter: str, number: int,
) -> Iterable[tuple[int, Share]]:
    """Return what a guest has on each node that it is bound to."""
    for cell in domain.iterfind('cpu/numa/cell'):
        name = cell.get('id', '0')
        policy = domain.find(f"numatune/memnode[@cellid='{name}']")
        if policy is None:
            continue
        nodes = cpuset.parse(policy.get('nodeset', ''))
        # libvirt writes a live domain's sizes in KiB.
        kib = int(cell.get('memory', '0'))
        for node in sorted(nodes):
            yield node, Share(
                f'{letter} node {name}', kib // len(nodes), number)


def _letter(number: int) -> str:
    letters = 'abcdefghijklmnopqrstuvwxyz'
    if number < len(letters):
        return letters[number]
    return _letter(number // len(letters) - 1) + letters[
        number % len(letters)]


def _name(domain: ElementTree.Element) -> str:
    server = domain.findtext(f'metadata/{_NOVA}instance/{_NOVA}name')
    name = domain.findtext('name', '')
    return f'{name} ({server})' if server else name
