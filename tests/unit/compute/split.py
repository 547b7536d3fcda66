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


class Rest:
    """What a call does after it has let go of the lock, step by step.

    :ivar steps: those that are left; called, it does all of them
    """

    def __init__(self, steps):
        self.steps = steps

    def step(self):
        """Do the next; where it fails there are no others."""
        step, *self.steps = self.steps
        try:
            step()
        except BaseException:
            self.steps = []
            raise

    def __call__(self):
        while self.steps:
            self.step()


class Split(resource_tracker.NumaResourceTracker):
    """Its calls end where they let go of Nova's lock.

    What they would do then is in ``waiting``.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = []

    def _finish(self, call):
        steps = [functools.partial(self._save_for, call, *change)
                 for change in call.changes]
        if call.instance is not None:
            steps.insert(0, functools.partial(self._save_claimed, call))
        if steps:
            self.waiting.append(Rest(steps))

    def _save_claimed(self, call):
        world = call.instance._context.world
        world.is_claiming = True
        try:
            super()._save_claimed(call)
        finally:
            world.is_claiming = False

    def _update_now(self, context, *args, **kwargs):
        super()._update_now(context, *args, **kwargs)
        # Changes that cancel each other need no save.
        world = context.world
        if world.row == world.memory:
            world.saved_changes = world.changes
