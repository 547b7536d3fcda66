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

from dataclasses import dataclass
from dataclasses import replace

from nova_numa_ext.domain import affinity
from nova_numa_ext.domain import cachetune
from nova_numa_ext.domain import cpu
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.domain import cpu_feature
from nova_numa_ext.domain import cpu_topology
from nova_numa_ext.domain import distances
from nova_numa_ext.domain import emulatorsched
from nova_numa_ext.domain import guest_agent
from nova_numa_ext.domain import iothreads
from nova_numa_ext.domain import iothreadsched
from nova_numa_ext.domain import kvm_hints
from nova_numa_ext.domain import memballoon
from nova_numa_ext.domain import nosharepages
from nova_numa_ext.domain import numatune
from nova_numa_ext.domain import pmu
from nova_numa_ext.domain import vcpusched
from nova_numa_ext.domain.element import Element
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.policy import table
from nova_numa_ext.policy.errors import HostCannot

#: Each decides for itself; none reads what another one wrote, but for IO
#: threads, which stand beside the emulator threads.
CONFIGURATORS = (
    cpu.configure,
    cpu_topology.configure,
    cpu_cache.configure,
    cpu_feature.configure,
    distances.configure,
    numatune.configure,
    affinity.configure,
    nosharepages.configure,
    kvm_hints.configure,
    pmu.configure,
    vcpusched.configure,
    emulatorsched.configure,
    iothreads.configure,
    iothreadsched.configure,
    cachetune.configure,
    memballoon.configure,
    guest_agent.configure,
)


@dataclass(frozen=True)
class Tuned:
    """What a guest gets on a host.

    :ivar guest: the guest, asking for no more than it can have
    :ivar elements: what differs from Nova's domain
    :ivar left_out: why something is missing that the guest can do without,
        a sentence each
    """

    guest: Guest
    elements: tuple[Element, ...]
    left_out: tuple[str, ...]


def tune(guest: Guest) -> Tuned:
    """Decide what a guest gets on this host.

    What a profile sets by default, and what the table says can be left out,
    is left out where the host cannot do it.

    :raises nova_numa_ext.policy.Refused: where it cannot have something else
    """
    left_out: list[str] = []
    while True:
        try:
            return Tuned(guest, elements(guest), tuple(left_out))
        except HostCannot as refused:
            name = refused.origin.key[len(table.SPEC_PREFIX):]
            row = table.BY_NAME.get(name)
            if row is None or not (
                    row.leave_out or refused.origin.kind == 'profile'):
                raise
            left_out.append(f'Left out: {refused}')
            guest = replace(guest, policy=guest.policy.without(name))


def elements(guest: Guest) -> tuple[Element, ...]:
    """Return the elements of this guest that differ from Nova's.

    :raises nova_numa_ext.policy.Refused: where it cannot have one of them
    """
    if not guest.policy and guest.place is None:
        return ()
    for name in guest.policy.origins:
        _judge_version(guest, table.BY_NAME[name])
    found = (configure(guest) for configure in CONFIGURATORS)
    return tuple(element for element in found if element is not None)


def _judge_version(guest: Guest, row: table.Row) -> None:
    value = getattr(guest.policy, row.name)
    for word, version in row.versions:
        if word not in ('*', value):
            continue
        for program, needed, there in (
            ('libvirt', version.libvirt, guest.capabilities.libvirt_version),
            ('QEMU', version.qemu, guest.capabilities.hypervisor_version),
        ):
            # 0 is unknown, as with saved capabilities.
            if 0 < there < needed:
                raise HostCannot(
                    guest.policy.origins[row.name],
                    f'this needs {program} {_dotted(needed)}, and the host '
                    f'has {_dotted(there)}',
                    f'Upgrade {program}, or remove it',
                )


def _dotted(version: int) -> str:
    return (f'{version // 1000000}.{version // 1000 % 1000}.'
            f'{version % 1000}')
