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

"""The split of a guest into NUMA nodes, on the host that it comes to.

What is wanted of a host is what Nova makes of ``hw:numa_nodes=N`` on the same
flavor, so that pages, CPU policies and emulator threads mean what they always
do, and whether it fits is for Nova to say. Here is only which N are tried, and
why none will do.

The scheduler, the resource tracker and ``nova-numa-ext explain`` all come
here.
"""

from __future__ import annotations

import inspect
import math

from nova import exception
from nova import objects
from nova.objects import fields
from nova.pci import stats
from nova.virt import hardware

from nova_numa_ext.policy import split as policy
from nova_numa_ext.topology import lacks
from nova_numa_ext.topology import split

RELIED_ON = {
    hardware: {
        'numa_get_constraints': '(flavor, image_meta)',
        'numa_fit_instance_to_host': (
            '(host_topology, instance_topology, provider_mapping, '
            'limits=None, pci_requests=None, pci_stats=None)',
            # Before Nova 27.
            '(host_topology, instance_topology, limits=None, '
            'pci_requests=None, pci_stats=None)'),
    },
    stats.PciDeviceStats: {
        'support_requests': (
            '(self, requests, provider_mapping, numa_cells=None)',
            # Before Nova 27.
            '(self, requests, numa_cells=None)'),
    },
}

NODES = 'hw:numa_nodes'
DEDICATED = fields.CPUAllocationPolicy.DEDICATED
_PINNED = (DEDICATED, fields.CPUAllocationPolicy.MIXED)


def with_nodes(flavor, number):
    """Return a copy of a flavor that asks for so many NUMA nodes."""
    copy = flavor.obj_clone()
    copy.extra_specs = {**flavor.extra_specs, NODES: str(number)}
    return copy


def asks(flavor):
    """Return whether a flavor may ask for a split: most do not."""
    return any(key.startswith('numa_ext:numa_') for key in _specs(flavor))


def _specs(flavor):
    # Without a default, specs that were not loaded with it are an error.
    return flavor.get('extra_specs', {}) or {}


def splitter(flavor, image_meta):
    """Return the Splitter of a guest, None where it is not to be split.

    :param flavor: a nova.objects.Flavor
    :param image_meta: a nova.objects.ImageMeta
    """
    if not asks(flavor):
        return None
    properties = image_meta.properties
    most = policy.most_nodes(_specs(flavor), {
        'hw_numa_nodes': properties.get('hw_numa_nodes'),
        'hw_numa_cpus.0': properties.get('hw_numa_cpus')})
    if most is None:
        return None
    try:
        return Splitter(flavor, image_meta, most)
    except exception.NovaException:
        # Nova refuses it by itself.
        return None


def fit(host_topology, wanted, limits=None):
    """Return where Nova places a guest, None for nowhere.

    :param wanted: an InstanceNUMATopology, which stays as it is
    """
    kwargs = {'limits': limits}
    # Since Nova 27.
    if 'provider_mapping' in inspect.signature(
            hardware.numa_fit_instance_to_host).parameters:
        kwargs['provider_mapping'] = None
    return hardware.numa_fit_instance_to_host(
        host_topology, wanted.obj_clone(), **kwargs)


def near(host_topology, pci_stats, requests):
    """Return the nodes of a host that may have a guest with devices.

    What its devices' NUMA affinity policies mean is Nova's to say. None for a
    guest without devices.

    :param pci_stats: a nova.pci.stats.PciDeviceStats, or None
    :param requests: nova.objects.InstancePCIRequest, or None
    """
    if not pci_stats or not requests:
        return None
    kwargs = {}
    # Since Nova 27.
    if 'provider_mapping' in inspect.signature(
            pci_stats.support_requests).parameters:
        kwargs['provider_mapping'] = None
    return [
        cell.id for cell in host_topology.cells
        if pci_stats.support_requests(
            requests, numa_cells=[objects.InstanceNUMACell(id=cell.id)],
            **kwargs)]


def why_not(host_topology, wanted, limits, near_devices=None):
    """Return what a host lacks for a guest that says how many nodes it has.

    None where only Nova knows what is missing.

    :param host_topology: a nova.objects.NUMATopology
    :param wanted: an InstanceNUMATopology
    :param limits: a nova.objects.NUMATopologyLimits or None
    :param near_devices: what near() returns
    """
    reserved = int(wanted.emulator_threads_isolated)
    wants = tuple(
        lacks.Want(
            number, len(cell.pcpuset) + (0 if number else reserved),
            len(cell.cpuset), cell.memory << 10, cell.pagesize)
        for number, cell in enumerate(wanted.cells))
    policy = wanted.cells[0].cpu_policy
    return split.lacking(wants, tuple(
        _room(cell, limits, policy, wanted.cells[0].pagesize)
        for cell in host_topology.cells), near_devices)


class Splitter:
    """A guest whose split the host decides.

    :param most: into how many nodes at most
    """

    def __init__(self, flavor, image_meta, most):
        self._flavor = flavor
        self._image_meta = image_meta
        self._most = most
        whole = self.wanted(1)
        self._policy = whole.cells[0].cpu_policy
        self._guest = split.Guest(
            flavor.vcpus, frozenset(whole.cells[0].pcpuset),
            flavor.memory_mb, whole.cells[0].pagesize,
            int(whole.emulator_threads_isolated))

    def wanted(self, number):
        """Return what Nova makes of the guest with so many nodes.

        :returns: an InstanceNUMATopology on no host yet
        """
        return hardware.numa_get_constraints(
            with_nodes(self._flavor, number), self._image_meta)

    def splits(self, host_topology, limits):
        """Yield into how many nodes the guest can be split, fewest first.

        :param host_topology: a nova.objects.NUMATopology
        :param limits: a nova.objects.NUMATopologyLimits or None
        """
        for number in split.candidates(
                self._guest, self._rooms(host_topology, limits), self._most):
            wanted = self.wanted(number)
            there = self._roomy(host_topology, wanted, limits)
            if (len(there.cells) >= number
                    and fit(there, wanted, limits) is not None):
                yield number

    def why_not(self, host_topology, limits, only=None, near_devices=None):
        """Return why the guest cannot be had, without a full stop.

        :param only: how many nodes it has to have, None for any number
        :param near_devices: what near() returns
        """
        return split.why_not(
            self._guest, self._rooms(host_topology, limits), self._most,
            only, near_devices)

    def _roomy(self, host_topology, wanted, limits):
        """Return the host with those of its nodes that hold one of these.

        Nova tries each order of the host's nodes, which are many where half
        of sixteen are full.
        """
        shapes = {
            (len(cell.cpuset), len(cell.pcpuset)): cell
            for cell in wanted.cells}
        cells = []
        for host_cell in host_topology.cells:
            alone = objects.NUMATopology(cells=[host_cell])
            if any(fit(alone, objects.InstanceNUMATopology(cells=[cell]),
                       limits) is not None for cell in shapes.values()):
                cells.append(host_cell)
        return objects.NUMATopology(cells=cells)

    def _rooms(self, host_topology, limits):
        return tuple(
            _room(cell, limits, self._policy, self._guest.page_kib)
            for cell in host_topology.cells)


def _room(cell, limits, policy, page_kib):
    """Return what a host's node has for a guest, by Nova's rules.

    Dedicated CPUs and huge pages are there once, and so is the memory of
    guests with dedicated CPUs. What else there is is promised several times,
    but never to one guest.

    :param policy: the guest's CPU policy
    :param page_kib: its page size, None for no size
    """
    is_pinned = policy in _PINNED
    shared = len(cell.cpuset)
    memory = cell.avail_memory if is_pinned else cell.memory
    promised = math.inf
    if limits is not None and policy != DEDICATED:
        shared = min(shared, math.floor(
            shared * limits.cpu_allocation_ratio - cell.cpu_usage))
        promised = math.floor(
            cell.memory * limits.ram_allocation_ratio - cell.memory_usage)
    pages = {}
    for kind in cell.mempages:
        free = kind.free_kb
        if not is_pinned and page_kib is None:
            free = kind.total_kb
        pages[kind.size_kb] = max(
            int(min(free, promised * 1024)) // kind.size_kb, 0)
    return lacks.Room(
        cell.id, cell.avail_pcpus, max(shared, 0),
        max(int(min(memory, promised)), 0) << 10, pages)
