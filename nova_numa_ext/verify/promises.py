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

"""The visible list: all that a guest was promised."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from nova_numa_ext.verify import cpu_promises
from nova_numa_ext.verify import device_promises
from nova_numa_ext.verify import memory_promises
from nova_numa_ext.verify import policy_promises
from nova_numa_ext.verify import thread_promises
from nova_numa_ext.verify.promise import Promise

#: Nova's own metadata in a domain (nova/virt/libvirt/config.py).
NOVA = '{http://openstack.org/xmlns/libvirt/nova/1.1}'

#: In the order of the rows.
SOURCES = (
    thread_promises.of_domain,
    memory_promises.of_domain,
    device_promises.of_domain,
    cpu_promises.of_domain,
    policy_promises.of_domain,
)


@dataclass(frozen=True)
class Names:
    """What a guest is called.

    :ivar uuid: its UUID, for libvirt and Nova alike
    :ivar domain: libvirt's name, such as instance-0000000a
    :ivar server: Nova's, empty for a guest that is not Nova's
    """

    uuid: str
    domain: str
    server: str


def names(xml: str) -> Names:
    """Return what the guest of a domain is called."""
    domain = ElementTree.fromstring(xml)
    return Names(
        domain.findtext('uuid', ''), domain.findtext('name', ''),
        domain.findtext(f'metadata/{NOVA}instance/{NOVA}name', ''))


def of_domain(xml: str) -> tuple[Promise, ...]:
    """Return what a domain promises.

    :param xml: the domain as it was defined, not as it is live: libvirt
        changes the live one with what is done to the guest by hand
    """
    domain = ElementTree.fromstring(xml)
    return tuple(
        promise for source in SOURCES for promise in source(domain))
