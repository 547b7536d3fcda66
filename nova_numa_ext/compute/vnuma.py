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

"""The split of a guest into NUMA nodes, decided where the guest is claimed.

What Nova's API made of the flavor is for no host in particular. A claim makes
it anew for this one, with what is free now, and Nova keeps it as the guest's
own: its accounts, live migration and API go by that.
"""

from __future__ import annotations

import contextlib

from nova import exception
from nova import objects
from nova import utils
from nova.compute import resource_tracker as nova_tracker
import nova.conf
from nova.virt import hardware
from oslo_log import log as logging

from nova_numa_ext.conf import opts
from nova_numa_ext.topology import refusals
from nova_numa_ext.virt import vnuma

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

opts.register_opts(CONF)

#: What is overridden, and what comes with it.
RELIED_ON = {
    nova_tracker.ResourceTracker: {
        'instance_claim':
            '(self, context, instance, nodename, allocations, limits=None)',
        '_move_claim':
            '(self, context, instance, new_flavor, nodename, migration, '
            'allocations, move_type=None, image_meta=None, limits=None)',
    },
}


class SplitClaims(nova_tracker.ResourceTracker):
    """Nova's resource tracker, whose claims split guests that ask for it.

    The fewest nodes are tried first, and the claim that Nova accepts is it.
    A claim that is refused, of whatever guest, says which host it was and
    what that lacks.
    """

    @utils.synchronized(nova_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def instance_claim(self, context, instance, nodename, allocations,
                       limits=None):
        claim = super().instance_claim
        splitter = self._splitter(instance, instance.flavor, None, nodename)
        if splitter is None:
            with self._naming(
                    instance, nodename, limits,
                    lambda: instance.numa_topology, is_new=True):
                return claim(
                    context, instance, nodename, allocations, limits=limits)
        of_api = instance.numa_topology

        def split(number):
            instance.numa_topology = splitter.wanted(number)
            return claim(
                context, instance, nodename, allocations, limits=limits)

        try:
            return self._first(
                split, splitter, nodename, limits, instance, is_new=True)
        except exception.ComputeResourcesUnavailable:
            # The next host makes its own of it.
            instance.numa_topology = of_api
            raise

    def _move_claim(self, context, instance, new_flavor, nodename, migration,
                    allocations, *args, **kwargs):
        claim = super()._move_claim

        def split(number):
            return claim(
                context, instance, vnuma.with_nodes(new_flavor, number),
                nodename, migration, allocations, *args, **kwargs)

        image_meta = kwargs.get('image_meta')
        limits = kwargs.get('limits')
        splitter = self._splitter(
            instance, new_flavor, image_meta, nodename)
        runs = bool(migration and migration.is_live_migration)
        if splitter is None or runs and instance.numa_topology is None:
            with self._naming(
                    instance, nodename, limits,
                    lambda: hardware.numa_get_constraints(
                        new_flavor, _image_meta(instance, image_meta))):
                return claim(
                    context, instance, new_flavor, nodename, migration,
                    allocations, *args, **kwargs)
        if runs:
            # A guest that runs cannot get other nodes.
            number = len(instance.numa_topology)
            with self._naming(
                    instance, nodename, limits,
                    lambda: splitter.wanted(number)):
                return split(number)
        return self._first(
            split, splitter, nodename, limits, instance,
            # Nova makes one for each claim where there is none.
            once=migration is None)

    def _splitter(self, instance, flavor, image_meta, nodename):
        """Return a vnuma.Splitter, None where Nova is to do as ever."""
        node = self.compute_nodes.get(nodename)
        if (not CONF.numa_ext.guest_policy or not vnuma.asks(flavor)
                or node is None or not _host_topology(node)):
            return None
        return vnuma.splitter(flavor, _image_meta(instance, image_meta))

    @contextlib.contextmanager
    def _naming(self, instance, nodename, limits, wanted, is_new=False):
        """Have a refusal of Nova's say what this host lacks.

        :param wanted: returns the guest's nodes, or None
        :param is_new: whether the devices that the guest has are those that
            it is claimed with
        """
        try:
            yield
        except exception.ComputeResourcesUnavailable as error:
            reason = error.kwargs.get('reason')
            if reason is None or not CONF.numa_ext.guest_policy:
                # Of a node that Nova does not know it gives no reason.
                raise
            lacking = self._lacking(
                nodename, limits, wanted(), instance if is_new else None)
            raise self._refused(lacking or reason, instance) from error

    def _lacking(self, nodename, limits, wanted, with_devices):
        """Return what this host lacks, None where only Nova knows."""
        node = self.compute_nodes.get(nodename)
        if not wanted or node is None or not _host_topology(node):
            return None
        topology = objects.NUMATopology.obj_from_db_obj(_host_topology(node))
        return vnuma.why_not(
            topology, wanted, _limits(node, limits),
            self._near(topology, with_devices))

    def _near(self, topology, instance):
        """Return the nodes of this host that a guest's devices allow.

        :param instance: None for one whose devices are not known
        :returns: None where they do not matter, or are not known
        """
        if (instance is None or not self.pci_tracker
                or not instance.pci_requests):
            return None
        return vnuma.near(
            topology, self.pci_tracker.stats, instance.pci_requests.requests)

    def _refused(self, reason, instance):
        """Log why a guest is refused, and return Nova's error that says it."""
        sentence = refusals.of_host(self.host, str(reason))
        LOG.info('%s', sentence, instance=instance)
        return exception.ComputeResourcesUnavailable(reason=sentence)

    def _first(self, claim, splitter, nodename, limits, instance,
               once=False, is_new=False):
        """Claim with the first split that Nova accepts.

        :raises nova.exception.ComputeResourcesUnavailable: with the reason,
            where there is none
        """
        node = self.compute_nodes[nodename]
        topology = objects.NUMATopology.obj_from_db_obj(_host_topology(node))
        limits = _limits(node, limits)
        refused = None
        for number in splitter.splits(topology, limits):
            try:
                claimed = claim(number)
            except exception.ComputeResourcesUnavailable as error:
                # Of devices, whose places Nova looks at.
                refused = error
                if once:
                    break
            else:
                LOG.info(
                    "numa_ext:numa_nodes=auto: the guest's NUMA nodes on "
                    'this host: %(number)d', {'number': number},
                    instance=instance)
                return claimed
        near = self._near(topology, instance if is_new else None)
        if refused is not None and near is None:
            raise self._refused(
                refused.kwargs['reason'], instance) from refused
        raise self._refused(
            splitter.why_not(topology, limits, near_devices=near),
            instance) from refused


def _image_meta(instance, image_meta):
    image_meta = image_meta or instance.image_meta
    if isinstance(image_meta, dict):
        return objects.ImageMeta.from_dict(image_meta)
    return image_meta


def _host_topology(node):
    return node.numa_topology if 'numa_topology' in node else None


def _limits(node, limits):
    """Return what the scheduler allows, or what it would have.

    It says nothing where it took the guest for one without NUMA nodes.
    """
    if isinstance(limits, objects.SchedulerLimits):
        limits = limits.to_dict()
    return (limits or {}).get('numa_topology') or objects.NUMATopologyLimits(
        cpu_allocation_ratio=node.cpu_allocation_ratio,
        ram_allocation_ratio=node.ram_allocation_ratio)
