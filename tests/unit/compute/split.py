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

"""Calls of a tracker that end halfway, where others would come in between."""

import functools

from keystoneauth1 import exceptions as ks_exc
import oslo_messaging

from nova_numa_ext.compute import resource_tracker

FAULTS = (oslo_messaging.MessagingTimeout, ks_exc.ClientException)


class Split(resource_tracker.NumaResourceTracker):
    """Its calls end where they would wait for Nova's lock a second time.

    What they would do then is in ``waiting``.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = []

    def _save_for(self, *change):
        self.waiting.append(functools.partial(super()._save_for, *change))

    def _update_now(self, context, *args, **kwargs):
        super()._update_now(context, *args, **kwargs)
        # Changes that cancel each other need no save.
        world = context.world
        if world.row == world.memory:
            world.saved_changes = world.changes
