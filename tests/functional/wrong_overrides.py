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

"""The classes of this project with a mistake in one, for test_upstream."""

from nova_numa_ext.compute import resource_tracker
from tests.upstream import ours


def _abort(self, context, instance, nodename):
    """Forget to give back what the instance claimed."""


def install(folder):
    resource_tracker.NumaResourceTracker.abort_instance_claim = _abort
    return ours.install(folder)
