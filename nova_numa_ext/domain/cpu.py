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

"""``<cpu mode= migratable=>`` and ``<model>``: which CPU the guest has."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.domain.element import child
from nova_numa_ext.domain.element import Guest
from nova_numa_ext.domain.element import XmlNode
from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.errors import listed
from nova_numa_ext.policy.errors import plain
from nova_numa_ext.policy.table import HOST_CPU_MODES
from nova_numa_ext.policy.values import nearest


@dataclass(frozen=True)
class Cpu:
    """Mode, model and migratability; what is None stays as Nova wrote it."""

    mode: str | None
    model: str | None
    migratable: bool | None

    def write(self, domain: XmlNode) -> None:
        cpu = child(domain, 'cpu')
        if self.mode is not None:
            cpu.set('mode', self.mode)
            cpu.set('match', 'exact')
            # Model and vendor of the host-wide mode are none of this one's.
            for tag in ('model', 'vendor'):
                for node in cpu.findall(tag):
                    cpu.remove(node)
        if self.model is not None:
            model = cpu.makeelement('model', {})
            model.text = self.model
            cpu.insert(0, model)
        if self.migratable is not None:
            cpu.set('migratable', 'on' if self.migratable else 'off')


def configure(guest: Guest) -> Cpu | None:
    """Return the CPU that is asked for, if one is.

    :raises HostCannot: where the hypervisor here does not have it
    """
    policy = guest.policy
    if policy.cpu_mode is None and policy.cpu_migratable is None:
        return None
    if policy.cpu_mode is not None:
        _judge_mode(guest)
    if (policy.cpu_migratable is not None
            and guest.cpu_mode not in HOST_CPU_MODES):
        raise HostCannot(
            policy.origins['cpu_migratable'],
            f'guests here get CPU mode {guest.cpu_mode or "none"}, which '
            'has no migratable=',
            f'Set numa_ext:cpu_mode to {" or ".join(HOST_CPU_MODES)}',
        )
    model = _usable_model(guest) if policy.cpu_mode == 'custom' else None
    return Cpu(policy.cpu_mode, model, policy.cpu_migratable)


def _judge_mode(guest: Guest) -> None:
    modes = guest.capabilities.cpu_modes
    if guest.policy.cpu_mode in modes:
        return
    virt_type = guest.capabilities.virt_type
    remedy = f'Use one of {listed(modes)}' if modes else 'Remove it'
    if guest.policy.cpu_mode == 'host-passthrough' and virt_type == 'qemu':
        remedy += ', or a host with [libvirt] virt_type = kvm'
    raise HostCannot(
        guest.policy.origins['cpu_mode'],
        f'{virt_type} guests on this host cannot have it',
        remedy,
    )


def _usable_model(guest: Guest) -> str:
    models = guest.capabilities.cpu_models
    by_lower = {name.lower(): name for name in models}
    for wanted in guest.policy.cpu_models:
        name = by_lower.get(wanted.lower())
        if name is not None and models[name]:
            return name
    unknown = [name for name in guest.policy.cpu_models
               if name.lower() not in by_lower]
    if unknown:
        meant = nearest(unknown[0], tuple(by_lower))
        raise HostCannot(
            guest.policy.origins['cpu_models'],
            f'libvirt on this host does not know {plain(unknown[0])}',
            (f'Did you mean {by_lower[meant]}? ' if meant else '')
            + 'See `virsh domcapabilities`',
        )
    raise HostCannot(
        guest.policy.origins['cpu_models'],
        f'unusable for {guest.capabilities.virt_type} guests on this host',
        f'Usable: {listed(guest.capabilities.usable_models, 4)}',
    )
