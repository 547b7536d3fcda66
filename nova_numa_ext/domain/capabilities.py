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

"""What libvirt can do for a kind of guest: domain capabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping
from xml.etree import ElementTree


@dataclass(frozen=True)
class DomainCapabilities:
    """The part of ``virsh domcapabilities`` that requests depend on.

    :ivar virt_type: type of the domain, such as ``kvm`` or ``qemu``
    :ivar arch: architecture of the guest
    :ivar cpu_modes: modes that its CPU can have
    :ivar cpu_models: for each model of mode custom, whether it is usable
    :ivar hypervisor_version: QEMU's as libvirt counts it, 7.2.0 being
        7002000; 0 where unknown, for the document does not have it
    :ivar libvirt_version: libvirt's, counted and unknown alike
    :ivar iothreads: whether it can have IO threads
    """

    virt_type: str
    arch: str
    cpu_modes: tuple[str, ...]
    cpu_models: Mapping[str, bool]
    hypervisor_version: int = 0
    libvirt_version: int = 0
    iothreads: bool = False

    @property
    def usable_models(self) -> tuple[str, ...]:
        return tuple(
            name for name, usable in self.cpu_models.items() if usable)

    def has(self, libvirt: int, qemu: int = 0) -> bool:
        """Return whether both are new enough, as far as is known."""
        return not (0 < self.libvirt_version < libvirt
                    or 0 < self.hypervisor_version < qemu)

    @property
    def has_cpu_cache(self) -> bool:
        """Whether ``<cache>`` exists (libvirt: for x86 guests of QEMU)."""
        return (self.virt_type in ('kvm', 'qemu')
                and self.arch in ('x86_64', 'i686'))


def from_xml(xml: str) -> DomainCapabilities:
    """Read a document of https://libvirt.org/formatdomaincaps.html.

    :raises ValueError: where it is not one
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(f'not domain capabilities: {error}') from error
    if root.tag != 'domainCapabilities':
        raise ValueError(f'not domain capabilities: <{root.tag}>')
    return DomainCapabilities(
        root.findtext('domain', ''),
        root.findtext('arch', ''),
        tuple(
            mode.get('name', '')
            for mode in root.iterfind('cpu/mode')
            if mode.get('supported') == 'yes'
        ),
        {
            model.text or '': model.get('usable') != 'no'
            for model in root.iterfind("cpu/mode[@name='custom']/model")
        },
        iothreads=root.find("iothreads[@supported='yes']") is not None,
    )
