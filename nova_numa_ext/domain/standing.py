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

"""Where a guest with ``numa_affinity`` stands, as its domain says."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from nova_numa_ext.domain import metadata
from nova_numa_ext.topology import cpuset

NAME = 'numa_affinity'
STRICT = 'strict'
ASKED = ('soft', STRICT)


@dataclass(frozen=True)
class Standing:
    """A guest that is to stand on few host nodes, and where it does.

    :ivar name: the domain's
    :ivar pins: the host CPUs of each vCPU; empty for one without
    :ivar emulator: those of its other threads; empty for any
    :ivar iothreads: those of its IO threads that have CPUs of their own
    :ivar memory: the host nodes that its memory is bound to, or preferred
        on; empty for any
    :ivar devices: addresses of the host's PCI devices that it has, as sysfs
        names them
    """

    name: str
    uuid: str
    vcpus: int
    memory_mib: int
    strict: bool
    pins: tuple[frozenset[int], ...]
    emulator: frozenset[int]
    iothreads: tuple[int, ...]
    memory: frozenset[int]
    devices: tuple[str, ...]


def of_domain(xml: str) -> Standing | None:
    """Return where a domain stands, None where it asks for no affinity."""
    domain = ElementTree.fromstring(xml)
    asked = next((
        setting.value for setting in metadata.read(domain)
        if setting.name == NAME), None)
    if asked not in ASKED:
        return None
    vcpus = int(domain.findtext('vcpu', '1'))
    pins = {
        int(pin.get('vcpu', '')): cpuset.parse(pin.get('cpuset', ''))
        for pin in domain.iterfind('cputune/vcpupin')}
    emulator = domain.find('cputune/emulatorpin')
    memory = domain.find('numatune/memory')
    return Standing(
        domain.findtext('name', ''),
        domain.findtext('uuid', ''),
        vcpus,
        # Nova and libvirt write it in KiB.
        int(domain.findtext('memory', '0')) >> 10,
        asked == STRICT,
        tuple(pins.get(vcpu, frozenset()) for vcpu in range(vcpus))
        if pins else (),
        frozenset() if emulator is None
        else cpuset.parse(emulator.get('cpuset', '')),
        tuple(int(pin.get('iothread', ''))
              for pin in domain.iterfind('cputune/iothreadpin')),
        frozenset() if memory is None
        else cpuset.parse(memory.get('nodeset', '')),
        tuple(_address(address)
              for kind in ('interface', 'hostdev')
              for address in domain.iterfind(
                  f'devices/{kind}/source/address')
              if address.get('bus') and address.get('slot')),
    )


def _address(address: ElementTree.Element) -> str:
    domain, bus, slot, function = (
        int(address.get(part, '0'), 16)
        for part in ('domain', 'bus', 'slot', 'function'))
    return f'{domain:04x}:{bus:02x}:{slot:02x}.{function:x}'
