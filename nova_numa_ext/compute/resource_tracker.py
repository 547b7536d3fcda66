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

from nova import utils
from nova.compute import resource_tracker as nova_tracker
import nova.conf
from nova.scheduler.client import report
from oslo_log import log as logging

from nova_numa_ext.compat import upstream
from nova_numa_ext.compute import allocations
from nova_numa_ext.compute import group_commit
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
    },
    report.SchedulerReportClient: {
        'get_allocations_for_provider_tree': '(self, context, nodename)',
        'update_from_provider_tree':
            '(self, context, new_tree, allocations=None)',
    },
}


def _uptime(node):
    return (node.stats or {}).get('uptime') if 'stats' in node else None


class NumaResourceTracker(nova_tracker.ResourceTracker):
    """Nova's resource tracker, asking less and losing nothing.

    Claims and releases are decided under Nova's lock as ever. What follows,
    the host's inventory in placement and its row in the database, is said
    once for all callers that were waiting for the lock (see group_commit),
    and under the lock, too. No call returns before its own part is saved.
    """

    def __init__(self, host, driver, reportclient=None):
        super().__init__(host, driver, reportclient=reportclient)
        # Each of a node's name; changed under Nova's lock only.
        self._groups = {}
        # Names of nodes whose row may hold what Nova thinks it does not.
        self._doubtful = set()
        # What the call that a thread is in has still to save.
        self._call = threading.local()
        self._coalesce = CONF.numa_ext.coalesce_updates and upstream.is_known(
            'coalesce_updates', RELIED_ON)

    @contextlib.contextmanager
    def _deferring(self):
        """Have what is decided within be saved at the end, by somebody."""
        if not self._coalesce or self._unsaved() is not None:
            yield
            return
        self._call.unsaved = unsaved = []
        try:
            yield
        finally:
            self._call.unsaved = None
            for change in unsaved:
                self._save_for(*change)

    def _unsaved(self):
        return getattr(self._call, 'unsaved', None)

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
        unsaved = self._unsaved()
        if unsaved is None:
            group.save(update)
        else:
            unsaved.append((compute_node, group, group.decide(), update))

    def _update_now(self, context, compute_node, *args, **kwargs):
        name = compute_node.hypervisor_hostname
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

    @utils.synchronized(nova_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def _save_for(self, compute_node, group, ticket, update):
        # An audit forgets a node that this host has no longer; its row may
        # be gone.
        if any(node is compute_node for node in self.compute_nodes.values()):
            group.save_for(ticket, update)

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
    @functools.wraps(getattr(nova_tracker.ResourceTracker, name))
    def method(self, *args, **kwargs):
        with self._deferring():
            return getattr(super(NumaResourceTracker, self), name)(
                *args, **kwargs)
    return method


# One that is gone is said by upstream.is_known.
for _name in (
        'instance_claim', 'rebuild_claim', 'resize_claim',
        'live_migration_claim', 'abort_instance_claim', 'drop_move_claim',
        'update_usage'):
    if hasattr(nova_tracker.ResourceTracker, _name):
        setattr(NumaResourceTracker, _name, _saved_in_groups(_name))


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
