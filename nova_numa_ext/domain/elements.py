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

"""The visible list: what a policy changes in a domain, in order."""

from __future__ import annotations

from nova_numa_ext.domain import cpu
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.domain import cpu_feature
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.domain.element import Element
from nova_numa_ext.domain.element import Guest

#: Each decides for itself; none reads what another one wrote.
CONFIGURATORS = (
    cpu.configure,
    cpu_topology.configure,
    cpu_cache.configure,
    cpu_feature.configure,
)


def elements(guest: Guest) -> tuple[Element, ...]:
    """Return the elements of this guest that differ from Nova's.

    :raises nova_numa_ext.policy.Refused: where it cannot have one of them
    """
    if not guest.policy:
        return ()
    found = (configure(guest) for configure in CONFIGURATORS)
    return tuple(element for element in found if element is not None)
