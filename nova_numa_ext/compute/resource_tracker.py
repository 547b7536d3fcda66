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

from nova.compute import resource_tracker as nova_tracker
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class NumaResourceTracker(nova_tracker.ResourceTracker):
    """Nova's resource tracker, losing nothing where a request is refused."""

    def delete_allocation_for_evacuated_instance(self, context, instance,
                                                 node, node_type='source'):
        """Keep the allocation of a guest that was not evacuated to here.

        Nova calls this for its destination after each rebuild that failed,
        also where the guest is rebuilt on the host that it is on, and goes on
        running there (rebuild_instance in nova/compute/manager.py: the
        scheduled node is set for both). A guest that is being evacuated is
        on its old host until that has succeeded.
        """
        if node_type == 'destination' and instance.host == self.host:
            LOG.info('Kept the allocation: the guest was to be rebuilt on the '
                     'host that it is on.', instance=instance)
            return
        super().delete_allocation_for_evacuated_instance(
            context, instance, node, node_type)


def install(virtapi):
    """Have the compute manager use this project's tracker.

    To be called before the manager uses its own, which knows nothing until
    then: ``driver.init_host`` comes first.

    :param virtapi: the driver's; tests have some that have no manager
    """
    manager = getattr(virtapi, '_compute', None)
    if manager is None or type(manager.rt) is not nova_tracker.ResourceTracker:
        return
    manager.rt = NumaResourceTracker(
        manager.host, manager.driver, reportclient=manager.reportclient)
