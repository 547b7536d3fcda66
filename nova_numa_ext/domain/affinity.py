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

"""``<cputune>`` and ``<numatune>`` of a guest that stands on few host nodes.

Memory of a soft guest has no policy. The kernel takes it from the node of the
CPU that uses it first, which is one of the guest's nodes as long as there is
some, and its NUMA balancing takes it along when the guest moves. libvirt's
``preferred`` does the first, of one node only before libvirt 9.3; but it
cannot be changed while the guest runs, and the kernel does not balance memory
that has a policy (mm/mempolicy.c, vma_policy_mof).
"""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import BEFORE_CPUTUNE
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import remove
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.topology import cpuset
from nova_numa_ext.topology.affinity_model import Place

#: What Nova writes after ``<numatune>``.
_BEFORE_NUMATUNE = (
    'vcpu', 'os', 'features', 'iothreads', 'iothreadids', 'cputune',
    *BEFORE_CPUTUNE)


@dataclass(frozen=True)
class Affinity:
    """All threads of a guest on CPUs of its nodes, its memory if bound."""

    place: Place
    is_bound: bool

    def write(self, domain: XmlNode) -> None:
        cputune = child(domain, 'cputune', BEFORE_CPUTUNE)
        for tag in ('vcpupin', 'emulatorpin', 'iothreadpin'):
            remove(cputune, tag)
        for vcpu, cpus in enumerate(self.place.pins):
            cputune.append(cputune.makeelement(
                'vcpupin', {'vcpu': str(vcpu), 'cpuset': cpuset.show(cpus)}))
        emulator = cpuset.show(self.place.emulator)
        cputune.append(cputune.makeelement(
            'emulatorpin', {'cpuset': emulator}))
        # They read into the guest's memory, and may be the first to use it.
        for number in range(1, 1 + _iothreads(domain)):
            cputune.append(cputune.makeelement(
                'iothreadpin',
                {'iothread': str(number), 'cpuset': emulator}))
        if self.is_bound:
            numatune = child(domain, 'numatune', _BEFORE_NUMATUNE)
            remove(numatune, 'memory')
            numatune.append(numatune.makeelement(
                'memory', {'mode': 'strict',
                           'nodeset': cpuset.show(self.place.nodes)}))


def configure(guest: Guest) -> Affinity | None:
    """Return where the guest stands, if it is to stand on few nodes."""
    if guest.place is None:
        return None
    return Affinity(guest.place, guest.is_bound)


def _iothreads(domain: XmlNode) -> int:
    count = domain.find('iothreads')
    return int(count.text) if count is not None and count.text else 0
