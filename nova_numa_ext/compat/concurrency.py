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

"""How Nova runs: with native threads, or under eventlet.

Nova tells which since it can do both. Before that it is eventlet always.
"""

from nova import utils


def is_threading():
    """Return whether Nova runs with native threads."""
    asked = getattr(utils, 'concurrency_mode_threading', None)
    return bool(asked and asked())


def eventlet():
    """Return eventlet, as Nova has it where it runs under it."""
    get_eventlet = getattr(utils, 'get_eventlet', None)
    return get_eventlet() if get_eventlet else utils.eventlet
