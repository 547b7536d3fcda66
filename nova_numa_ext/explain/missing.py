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

"""What a profile set, and what else its full effect would take."""

import dataclasses

from nova_numa_ext.policy import table


@dataclasses.dataclass(frozen=True)
class Profile:
    """A profile as one guest has it.

    :ivar made: settings that it made, as ``name=value``
    :ivar overridden: settings that were made otherwise, a sentence each
    """

    name: str
    made: tuple
    overridden: tuple


def profile_of(policy):
    """Return the profile of a policy as resolved, None without one."""
    if policy.profile is None:
        return None
    made, overridden = [], []
    for name, text in table.PROFILES[policy.profile]:
        origin = policy.origins[name]
        if origin.kind == 'profile':
            made.append(f'{name}={text}')
        elif origin.value.strip() != text:
            overridden.append(f'{origin} instead of {name}={text}')
    return Profile(policy.profile, tuple(made), tuple(overridden))


def missing(guest, domain):
    """Return what would give a guest the full effect of what it asks for.

    :param guest: the domain.element.Guest, without what was left out
    :param domain: its domain
    :returns: a sentence for each, with the spec to set
    """
    policy = guest.policy
    dedicated = policy.nova.cpu_policy == 'dedicated'
    found = []
    if policy.kvm_hints == 'auto' and not dedicated:
        found.append('kvm_hints=auto adds none: the vCPUs have no CPUs of '
                     'their own. Set hw:cpu_policy=dedicated.')
    cache = domain.find('cpu/cache')
    if (policy.cpu_cache == 'auto' and cache is not None
            and cache.get('mode') == 'emulate'):
        found.append(_why_emulated(guest, dedicated))
    if policy.profile is None:
        return tuple(found)
    if (len(guest.host.cells) > 1 and not guest.cells
            and guest.place is None):
        found.append('The guest has no NUMA nodes: its memory may be far '
                     'from its vCPUs. Set numa_ext:numa_nodes=auto, or '
                     'hw:numa_nodes.')
    if policy.nova.page_size is None:
        found.append('The memory is in small pages. Set '
                     'hw:mem_page_size=large on hosts that have larger ones.')
    if len(guest.cells) > 1 and policy.numa_distances is None:
        found.append('The guest takes its NUMA nodes for equally far from '
                     'each other. Set numa_ext:numa_distances=host.')
    if (guest.realtime_vcpus
            and policy.nova.emulator_threads_policy is None):
        found.append("The emulator threads run on the ordinary vCPUs' CPUs. "
                     'Set hw:emulator_threads_policy=isolate, or share.')
    return tuple(found)


def _why_emulated(guest, dedicated):
    if not dedicated:
        return ('cpu_cache=auto makes an L3 up: unpinned vCPUs share no '
                "certain L3. Set hw:cpu_policy=dedicated for the host's.")
    if guest.cpu_mode != 'host-passthrough':
        return ('cpu_cache=auto makes an L3 up. Set '
                "numa_ext:cpu_mode=host-passthrough for the host's.")
    if guest.policy.cpu_topology != 'auto' or guest.explicit_topology:
        return ('cpu_cache=auto makes an L3 up. Set '
                'numa_ext:cpu_topology=auto, and no hw:cpu_sockets or the '
                "like, for the host's.")
    return ('cpu_cache=auto makes an L3 up: the vCPUs do not share caches as '
            "the host's CPUs do. Whole cores and whole L3 groups would.")
