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

"""The scheduler's filter for guests whose NUMA nodes the host decides.

Nova's API has written one node, or none, into the request of such a guest,
whatever its flavor says; with ``NUMATopologyFilter`` a host on which only a
split fits is passed over.
"""

from __future__ import annotations

import functools

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
from nova.scheduler import utils
from nova.scheduler.filters import numa_topology_filter
from oslo_log import log as logging

from nova_numa_ext.topology import refusals
from nova_numa_ext.topology import split
from nova_numa_ext.virt import vnuma

LOG = logging.getLogger(__name__)

_NO_NODES = 'it tells of no NUMA nodes'

RELIED_ON = {
    numa_topology_filter.NUMATopologyFilter: {
        'filter_all': '(self, filter_obj_list, spec_obj)',
        'host_passes': '(self, host_state, spec_obj)',
    },
    utils: {'request_is_rebuild': '(spec_obj)'},
}


class AutoNUMATopologyFilter(numa_topology_filter.NUMATopologyFilter):
    """Nova's NUMATopologyFilter, for guests with numa_ext:numa_nodes, too.

    It takes the place of Nova's, and for all other guests decides as Nova's
    does. Of all guests it says which hosts it refuses, and why.
    """

    def filter_all(self, filter_obj_list, spec_obj):
        if utils.request_is_rebuild(spec_obj):
            yield from super().filter_all(filter_obj_list, spec_obj)
            return
        judge = functools.partial(self._as_nova, spec_obj)
        splitter = vnuma.splitter(spec_obj.flavor, spec_obj.image)
        if splitter is not None:
            judge = functools.partial(
                self._split, splitter, spec_obj,
                running=_nodes_of_running(spec_obj))
        passed, refused = set(), []
        for host_state in filter_obj_list:
            number, reason = judge(host_state)
            if reason is None:
                passed.add(number)
                yield host_state
            else:
                refused.append((host_state.host, reason))
        if refused:
            LOG.info('%s', refusals.of_request(refused),
                     instance_uuid=spec_obj.instance_uuid)
        if passed - {None}:
            # With this Nova counts, for the next guest of the same request,
            # what the one before it takes of its host. Where hosts differ,
            # it counts on those that take the fewest nodes.
            spec_obj.numa_topology = splitter.wanted(min(passed - {None}))

    def host_passes(self, host_state, spec_obj):
        splitter = vnuma.splitter(spec_obj.flavor, spec_obj.image)
        if splitter is None:
            return super().host_passes(host_state, spec_obj)
        _number, reason = self._split(
            splitter, spec_obj, host_state, _nodes_of_running(spec_obj))
        return reason is None

    def _as_nova(self, spec_obj, host_state):
        """Return None, and why a host cannot have a guest, or None."""
        if super().host_passes(host_state, spec_obj):
            return None, None
        wanted, topology = spec_obj.numa_topology, host_state.numa_topology
        if not topology or not wanted:
            return None, _NO_NODES
        reason = vnuma.why_not(
            topology, wanted, _limits(host_state), _near(host_state, spec_obj))
        return None, reason or split.unsuitable((len(wanted),))

    def _split(self, splitter, spec_obj, host_state, running):
        """Return into how many nodes a host would split, or why it cannot.

        :param running: how many nodes the guest has to keep, or None
        """
        topology = host_state.numa_topology
        if not topology:
            passes = super().host_passes(host_state, spec_obj)
            return None, None if passes else _NO_NODES
        limits = _limits(host_state)
        # Nova's takes away those that it tried in vain; since Nova 27.
        candidates = getattr(host_state, 'allocation_candidates', None)
        for number in splitter.splits(topology, limits):
            if running not in (None, number):
                continue
            spec = spec_obj.obj_clone()
            spec.numa_topology = splitter.wanted(number)
            if super().host_passes(host_state, spec):
                return number, None
            if candidates is not None:
                host_state.allocation_candidates = candidates
        reason = splitter.why_not(
            topology, limits, running, _near(host_state, spec_obj))
        if running is not None:
            reason = f'it runs with {running} NUMA nodes, and here {reason}'
        return None, reason


def _near(host_state, spec_obj):
    """Return the nodes of a host that a guest's devices allow, or None."""
    requests = spec_obj.pci_requests
    return vnuma.near(
        host_state.numa_topology, host_state.pci_stats,
        requests and requests.requests)


def _limits(host_state):
    return objects.NUMATopologyLimits(
        cpu_allocation_ratio=host_state.cpu_allocation_ratio,
        ram_allocation_ratio=host_state.ram_allocation_ratio)


def _nodes_of_running(spec_obj):
    """Return how many nodes a guest has that migrates as it runs, or None.

    A request does not say what it is for.
    """
    context = nova_context.get_admin_context()
    try:
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            context, spec_obj.instance_uuid)
        if mapping.cell_mapping is None:
            return None
        with nova_context.target_cell(context, mapping.cell_mapping) as cell:
            instance = objects.Instance.get_by_uuid(
                cell, spec_obj.instance_uuid,
                expected_attrs=['numa_topology'])
    except (exception.InstanceMappingNotFound, exception.InstanceNotFound):
        return None
    if (instance.task_state != task_states.MIGRATING
            or instance.numa_topology is None):
        return None
    return len(instance.numa_topology)
