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

"""``<metadata>``: what was asked for, kept with the domain.

Whoever looks at the domain later, ``nova-numa-ext verify`` first, can tell
what was asked for from what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping
from xml.etree import ElementTree

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.guest_policy import GuestPolicy

#: libvirt wants one element of a namespace of its own.
NAMESPACE = 'urn:nova-numa-ext:guest:1.0'
PREFIX = 'numa_ext'

ElementTree.register_namespace(PREFIX, NAMESPACE)


@dataclass(frozen=True)
class Setting:
    """Something that was asked for.

    :ivar name: its name in the table
    :ivar value: its value as it was written
    :ivar source: ``flavor``, ``image`` or ``profile``; ``option`` for what
        nova.conf says where these say nothing
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Metadata:
    """The settings that hold for this guest."""

    settings: tuple[Setting, ...]

    def write(self, domain: XmlNode) -> None:
        metadata = child(domain, 'metadata', ('devices',))
        guest = metadata.makeelement(f'{{{NAMESPACE}}}guest', {})
        for setting in self.settings:
            node = guest.makeelement(f'{{{NAMESPACE}}}setting', {})
            node.set('name', setting.name)
            node.set('value', setting.value)
            node.set('source', setting.source)
            guest.append(node)
        metadata.append(guest)


def of_policy(
    policy: GuestPolicy, options: Mapping[str, str] | None = None,
) -> Metadata:
    """Return what a domain is to keep of a policy.

    :param policy: what the host did not leave out of it
    :param options: what options set beside it: name of a row -> value
    """
    found = {
        name: Setting(name, value, 'option')
        for name, value in (options or {}).items()}
    found.update({
        name: Setting(name, origin.value.strip(), origin.kind)
        for name, origin in policy.origins.items()})
    return Metadata(tuple(setting for _name, setting in sorted(found.items())))


def read(domain: ElementTree.Element) -> tuple[Setting, ...]:
    """Return what a domain has kept of what was asked for."""
    return tuple(
        Setting(node.get('name', ''), node.get('value', ''),
                node.get('source', ''))
        for node in domain.iterfind(
            f'metadata/{{{NAMESPACE}}}guest/{{{NAMESPACE}}}setting'))
