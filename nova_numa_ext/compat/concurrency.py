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
    """Return eventlet, where Nova runs under it.

    Not as a name of nova.utils, which 32 and 33 do not have. With native
    threads Nova may forbid the import.
    """
    import eventlet
    return eventlet
