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

"""``<features><kvm>``: hints for guests that have their CPUs to themselves."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import BEFORE_FEATURES
from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode

#: Each hint, with the first libvirt and the first QEMU that have it.
HINTS = (
    ('hint-dedicated', 5007000, 2012000),
    ('poll-control', 6010000, 4002000),
    ('pv-ipi', 7010000, 3001000),
)


@dataclass(frozen=True)
class KvmHints:
    """Features of KVM that are switched on."""

    names: tuple[str, ...]

    def write(self, domain: XmlNode) -> None:
        features = child(domain, 'features', BEFORE_FEATURES)
        kvm = child(features, 'kvm')
        for name in self.names:
            child(kvm, name).set('state', 'on')


def configure(guest: Guest) -> KvmHints | None:
    """Return the hints that are true of this guest and known here.

    A guest that is told that its CPUs are its own spins where it would else
    yield: on CPUs that others use too, that harms all of them.
    """
    if guest.policy.kvm_hints != 'auto':
        return None
    able = guest.capabilities
    if able.virt_type != 'kvm' or able.arch not in ('x86_64', 'i686'):
        return None
    pinned = {vcpu for cell in guest.cells for vcpu in cell.pins}
    if len(pinned) < guest.vcpus:
        return None
    names = tuple(
        name for name, libvirt, qemu in HINTS
        if able.has(libvirt, qemu))
    return KvmHints(names) if names else None
