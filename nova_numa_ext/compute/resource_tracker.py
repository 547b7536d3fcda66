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

"""Nova's resource tracker, with what this project adds to it."""

import contextlib
import functools
import threading

from nova import objects
from nova.compute import resource_tracker as nova_tracker
from nova.compute import utils as compute_utils
from nova.compute import vm_states
import nova.conf
from nova.scheduler.client import report
import os_traits
from oslo_log import log as logging
from oslo_utils import excutils

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.compat import upstream
from nova_numa_ext.compute import allocations
from nova_numa_ext.compute import deferred
from nova_numa_ext.compute import group_commit
from nova_numa_ext.compute import lock_figures
from nova_numa_ext.compute import numa_usage
from nova_numa_ext.compute import vnuma
from nova_numa_ext.conf import opts

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

opts.register_opts(CONF)

#: What coalesce_updates replaces or relies on.
RELIED_ON = {
    nova_tracker.ResourceTracker: {
        '_update': '(self, context, compute_node, startup=False)',
        '_update_to_placement': '(self, context, compute_node, startup)',
        '_resource_change': '(self, compute_node)',
        'instance_claim':
            '(self, context, instance, nodename, allocations, limits=None)',
        'rebuild_claim':
            '(self, context, instance, nodename, allocations, limits=None, '
            'image_meta=None, migration=None)',
        'resize_claim':
            '(self, context, instance, flavor, nodename, migration, '
            'allocations, image_meta=None, limits=None)',
        'live_migration_claim':
            '(self, context, instance, nodename, migration, limits, allocs)',
        'abort_instance_claim': '(self, context, instance, nodename)',
        'drop_move_claim':
            "(self, context, instance, nodename, flavor=None, prefix='new_')",
        'update_usage': '(self, context, instance, nodename)',
        'update_available_resource':
            '(self, context, nodename, startup=False)',
        '_update_available_resource':
            '(self, context, resources, startup=False)',
        '_update_usage': '(self, usage, nodename, sign=1)',
        '_update_usage_from_instances':
            '(self, context, instances, nodename)',
        '_update_usage_from_instance':
            '(self, context, instance, nodename, is_removed=False)',
        '_set_instance_host_and_node': (
            # Its name before Nova 28.
            '(self, instance, node)', '(self, instance, nodename)'),
        '_sync_compute_service_disabled_trait': '(self, context, traits)',
    },
    compute_utils: {
        'is_volume_backed_instance': '(context, instance, bdms=None)',
    },
    **numa_usage.RELIED_ON,
    report.SchedulerReportClient: {
        'get_allocations_for_provider_tree': '(self, context, nodename)',
        'update_from_provider_tree':
            '(self, context, new_tree, allocations=None)',
    },
}


def _uptime(node):
    return (node.stats or {}).get('uptime') if 'stats' in node else None


def _compare(node):
    """Say where the row in the database is not what Nova would have saved."""
    row = objects.ComputeNode.get_by_uuid(node._context, node.uuid)
    for name in ('vcpus_used', 'memory_mb_used', 'local_gb_used',
                 'running_vms', 'numa_topology'):
        if getattr(row, name) != getattr(node, name):
            fast_path.mismatch(
                'coalesce_updates', f'{name}={getattr(row, name)}',
                getattr(node, name))


class NumaResourceTracker(vnuma.SplitClaims):
    """Nova's resource tracker, asking less and losing nothing.

    Claims and releases are decided under Nova's lock as ever. What follows,
    the host's inventory in placement and its row in the database, is said
    once for all callers that were waiting for the lock (see group_commit),
    and under the lock, too. No call returns before its own part is saved.

    A guest that is claimed is saved between its two turns with the lock, while
    others have theirs. Until then its row does not name this host, so an
    audit, which goes by the rows, counts it in addition. Where that save fails
    the claim is taken back.
    """

    def __init__(self, host, driver, reportclient=None):
        super().__init__(host, driver, reportclient=reportclient)
        # Each of a node's name; changed under Nova's lock only.
        self._groups = {}
        # Names of nodes whose row may hold what Nova thinks it does not.
        self._doubtful = set()
        # In an audit: what its guests use of the host's NUMA nodes.
        self._numa_usage = None
        self._report = figures.Report()
        # The call that a thread is in, with what it has still to save.
        self._thread = threading.local()
        # Guests that are claimed, and may not be saved as this host's; changed
        # under Nova's lock only.
        self._claimed = {}
        # Whether the service was disabled when last asked; None: not asked.
        self._service_disabled = None
        self._is_audit = False
        self._coalesce = CONF.numa_ext.coalesce_updates and upstream.is_known(
            'coalesce_updates', RELIED_ON)

    @contextlib.contextmanager
    def _deferring(self):
        """Have what is decided within be saved at the end, by somebody."""
        if not self._coalesce or self._call() is not None:
            yield
            return
        self._thread.call = call = deferred.Call()
        try:
            yield
        except BaseException:
            self._thread.call = None
            with excutils.save_and_reraise_exception():
                self._finish_failed(call)
        self._thread.call = None
        self._finish(call)

    def _call(self):
        return getattr(self._thread, 'call', None)

    def _finish(self, call):
        """Save what a call has changed: its guest, and then the node."""
        if call.instance is not None:
            self._save_claimed(call)
        for change in call.changes:
            self._save_for(call, *change)

    def _finish_failed(self, call):
        """Save what a call has changed before it failed."""
        if call.instance is not None:
            self._forget(call)
        for change in call.changes:
            self._save_for(call, *change)

    def _set_instance_host_and_node(self, instance, *args, **kwargs):
        call = self._call()
        if call is None or not self._coalesce:
            super()._set_instance_host_and_node(instance, *args, **kwargs)
            return
        super()._set_instance_host_and_node(
            deferred.SavedLater(instance), *args, **kwargs)
        call.instance = instance
        self._claimed[instance.uuid] = instance

    def _save_claimed(self, call):
        """Save the guest of a claim, without the lock."""
        try:
            call.instance.save()
        except BaseException:
            with excutils.save_and_reraise_exception():
                self._take_back(call)

    @lock_figures.measured
    def _take_back(self, call):
        """Undo a claim whose guest cannot be saved as this host's."""
        instance = call.instance
        self._claimed.pop(instance.uuid, None)
        for compute_node, group, _ticket, update in call.changes:
            if not self._is_known(compute_node):
                continue
            if instance.uuid in self.tracked_instances:
                self._update_usage_from_instance(
                    instance._context, instance,
                    compute_node.hypervisor_hostname, is_removed=True)
            try:
                # Another's save may have had the claim in it.
                group.save(update)
            except Exception:
                LOG.exception(
                    'The host is not saved without a guest whose claim '
                    'failed. The next audit does it.', instance=instance)

    @lock_figures.measured
    def _forget(self, call):
        """Leave a guest to what its row says."""
        self._claimed.pop(call.instance.uuid, None)

    def _is_known(self, compute_node):
        # An audit forgets a node that this host has no longer; its row may
        # be gone.
        return any(
            node is compute_node for node in self.compute_nodes.values())

    def _update(self, context, compute_node, *args, **kwargs):
        """Save a node and tell placement of it, at once or with others.

        At once in an audit, and where Nova goes on afterwards with what must
        not happen if this fails.
        """
        if not self._coalesce:
            super()._update(context, compute_node, *args, **kwargs)
            return
        update = functools.partial(
            self._update_now, context, compute_node, *args, **kwargs)
        group = self._groups.setdefault(
            compute_node.hypervisor_hostname, group_commit.GroupCommit())
        call = self._call()
        figures.CLAIMS.inc()
        if call is None:
            group.save(update)
        else:
            call.changes.append(
                (compute_node, group, group.decide(), update))

    def _update_now(self, context, compute_node, *args, **kwargs):
        name = compute_node.hypervisor_hostname
        figures.COMMITS.inc()
        if self._numa_usage is not None:
            self._numa_usage.write()
        try:
            super()._update(context, compute_node, *args, **kwargs)
        except BaseException:
            self._doubtful.add(name)
            raise
        self._doubtful.discard(name)

    def _update_to_placement(self, *args, **kwargs):
        if not self._coalesce:
            return super()._update_to_placement(*args, **kwargs)
        client = self.reportclient
        # Nova calls this with its lock held; for those who do not take it
        # the two are the same.
        self.reportclient = allocations.LazyClient(client)
        try:
            return super()._update_to_placement(*args, **kwargs)
        finally:
            self.reportclient = client

    def _resource_change(self, compute_node):
        """Return whether a row has to be saved.

        It has to after a save that failed: the conductor may have done it,
        and only its answer is lost. Nova compares with what it saved before
        that, and finds no change where the guest is given up.

        It has not where only the host's uptime is another, as in each audit:
        nobody reads it there, Nova's API asks the host. It goes with whatever
        is saved next.
        """
        if not self._coalesce:
            return super()._resource_change(compute_node)
        name = compute_node.hypervisor_hostname
        if name in self._doubtful:
            super()._resource_change(compute_node)
            return True
        saved = _uptime(self.old_resources[name])
        if None in (saved, _uptime(compute_node)):
            return super()._resource_change(compute_node)
        stats = compute_node.stats
        compute_node.stats = {**stats, 'uptime': saved}
        try:
            return super()._resource_change(compute_node)
        finally:
            compute_node.stats = stats

    def _sync_compute_service_disabled_trait(self, context, traits):
        """Have a node's traits say whether its service is disabled.

        Who disables it says so to nova-compute, which changes the trait
        (ComputeManager.set_host_enabled). That this has not come through is
        seen by an audit. Between audits the service is asked for only where
        the trait is not what it was, so no trait is changed by what is only
        remembered.
        """
        is_disabled = os_traits.COMPUTE_STATUS_DISABLED in traits
        if (self._coalesce and not self._is_audit and
                self._service_disabled == is_disabled):
            return
        super()._sync_compute_service_disabled_trait(context, traits)
        self._service_disabled = os_traits.COMPUTE_STATUS_DISABLED in traits

    @lock_figures.measured
    def _save_for(self, call, compute_node, group, ticket, update):
        if call.instance is not None:
            # Its row names this host by now.
            self._claimed.pop(call.instance.uuid, None)
        if self._is_known(compute_node):
            group.save_for(ticket, update)
            if CONF.numa_ext.shadow and not group.has_unsaved():
                _compare(compute_node)

    def update_available_resource(self, context, nodename, startup=False):
        super().update_available_resource(context, nodename, startup=startup)
        if not (self._coalesce or CONF.numa_ext.reduce_libvirt_calls):
            return
        LOG.info('%s', self._report.line())
        path = CONF.numa_ext.metrics_textfile
        if path:
            try:
                figures.write_textfile(path)
            except OSError as error:
                LOG.warning(
                    '[numa_ext] metrics_textfile cannot be written: '
                    '%(error)s. Have the user of nova-compute be allowed to '
                    'make files in its folder.', {'error': error})

    @lock_figures.measured
    def _update_available_resource(self, context, resources, startup=False):
        if not self._coalesce:
            super()._update_available_resource(
                context, resources, startup=startup)
            return
        self._numa_usage = numa_usage.NumaUsage(CONF.numa_ext.shadow)
        self._is_audit = True
        try:
            super()._update_available_resource(
                context, resources, startup=startup)
        finally:
            self._is_audit = False
            self._numa_usage.write()
            self._numa_usage = None

    def _update_usage(self, usage, nodename, sign=1):
        node = self.compute_nodes[nodename]
        topology = usage.get('numa_topology')
        if self._numa_usage is None or not (topology and node.numa_topology):
            super()._update_usage(usage, nodename, sign=sign)
            return
        self._numa_usage.begin(node)
        if not CONF.numa_ext.shadow:
            usage = {**usage, 'numa_topology': None}
        super()._update_usage(usage, nodename, sign=sign)
        self._numa_usage.add(node, topology, free=sign == -1)

    def _update_usage_from_instances(self, context, instances, nodename):
        """Count guests that are being claimed, too; ask for all disks at once.

        Nova asks for each guest that it does not know whether its root disk
        is on a volume; after a start these are all of them.
        """
        listed = {instance.uuid for instance in instances}
        # Nova goes on with that list: these are this host's in all it does.
        getattr(instances, 'objects', instances).extend(
            instance for uuid, instance in self._claimed.items()
            if uuid not in listed and instance.node == nodename)
        unknown = [instance for instance in instances
                   if instance.uuid not in self.is_bfv]
        if self._coalesce and len(unknown) > 1:
            bdms = objects.BlockDeviceMappingList.bdms_by_instance_uuid(
                context, [instance.uuid for instance in unknown])
            for instance in unknown:
                self.is_bfv[instance.uuid] = (
                    compute_utils.is_volume_backed_instance(
                        context, instance, bdms.get(
                            instance.uuid,
                            objects.BlockDeviceMappingList(objects=[]))))
        return super()._update_usage_from_instances(
            context, instances, nodename)

    def delete_allocation_for_evacuated_instance(self, context, instance,
                                                 node, node_type='source'):
        """Keep the allocation of a guest that was not evacuated to here.

        Nova calls this for its destination after each rebuild that failed,
        also where the guest is rebuilt on the host that it is on, and goes on
        running there (rebuild_instance in nova/compute/manager.py: the
        scheduled node is set for both). A guest that is being evacuated is
        on its old host until that has succeeded.
        """
        if (CONF.numa_ext.guest_policy and node_type == 'destination' and
                instance.host == self.host):
            LOG.info('Kept the allocation: the guest was to be rebuilt on the '
                     'host that it is on.', instance=instance)
            return
        super().delete_allocation_for_evacuated_instance(
            context, instance, node, node_type)


def _saved_in_groups(name):
    """Return a method of Nova's whose save may be shared with others.

    To be used where saving is the last that the method does: it then comes
    after it, with the lock released in between.
    """
    novas = lock_figures.measured(getattr(vnuma.SplitClaims, name))

    @functools.wraps(novas)
    def method(self, *args, **kwargs):
        with self._deferring():
            return novas(self, *args, **kwargs)
    return method


def _asking_before(claim):
    """Return a claim that asks before it takes the lock.

    Nova asks with the lock held whether the guest's root disk is a volume,
    and remembers it for as long as the guest is on the host.
    """
    @functools.wraps(claim)
    def method(self, context, instance, nodename, *args, **kwargs):
        uuid = instance.uuid
        is_asked = (self._coalesce and uuid not in self.is_bfv
                    and nodename in self.compute_nodes)
        if is_asked:
            self.is_bfv[uuid] = compute_utils.is_volume_backed_instance(
                context, instance)
        try:
            return claim(
                self, context, instance, nodename, *args, **kwargs)
        except BaseException:
            if is_asked and uuid not in self.tracked_instances:
                self.is_bfv.pop(uuid, None)
            raise
    return method


def _loading_before(update_usage):
    """Return an update that loads what it needs before it takes the lock.

    Nova lets go of what was assigned to a guest that is gone, and loads that
    with the lock held.
    """
    @functools.wraps(update_usage)
    def method(self, context, instance, nodename):
        if (self._coalesce and instance.uuid in self.tracked_instances
                and vm_states.allow_resource_removal(
                    vm_state=instance.vm_state,
                    task_state=instance.task_state)):
            instance.resources  # noqa: B018 - loads it
        return update_usage(self, context, instance, nodename)
    return method


# One that is gone is said by upstream.is_known.
for _name in (
        'instance_claim', 'rebuild_claim', 'resize_claim',
        'live_migration_claim', 'abort_instance_claim', 'drop_move_claim',
        'update_usage'):
    if hasattr(nova_tracker.ResourceTracker, _name):
        setattr(NumaResourceTracker, _name, _saved_in_groups(_name))
if hasattr(NumaResourceTracker, 'instance_claim'):
    NumaResourceTracker.instance_claim = _asking_before(
        NumaResourceTracker.instance_claim)
if hasattr(NumaResourceTracker, 'update_usage'):
    NumaResourceTracker.update_usage = _loading_before(
        NumaResourceTracker.update_usage)


def install(virtapi):
    """Have the compute manager use this project's tracker.

    To be called before the manager uses its own, which knows nothing until
    then: ``driver.init_host`` comes first. Nova's stays where all that this
    one adds is off.

    :param virtapi: the driver's; tests have some that have no manager
    """
    manager = getattr(virtapi, '_compute', None)
    if manager is None or type(manager.rt) is not nova_tracker.ResourceTracker:
        return
    if CONF.numa_ext.guest_policy or CONF.numa_ext.coalesce_updates:
        manager.rt = NumaResourceTracker(
            manager.host, manager.driver, reportclient=manager.reportclient)
