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

"""How long callers wait for the tracker's lock, and hold it."""

import functools
import threading
import time

from nova import utils
from nova.compute import resource_tracker as nova_tracker

from nova_numa_ext import figures

_thread = threading.local()


def measured(method):
    """Return a method of a tracker's that counts for its lock.

    It is called with Nova's lock held, which those of Nova's methods that
    take it take a second time: it lets in who has it. Of methods that call
    each other the outermost counts.
    """
    name = method.__name__

    @functools.wraps(method)
    def timed(self, *args, **kwargs):
        if getattr(_thread, 'holds', False):
            return method(self, *args, **kwargs)
        asked = time.monotonic()

        @utils.synchronized(
            nova_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
        def locked():
            since = time.monotonic()
            figures.LOCK_WAIT.labels(name).observe(since - asked)
            _thread.holds = True
            try:
                return method(self, *args, **kwargs)
            finally:
                _thread.holds = False
                figures.LOCK_HELD.labels(name).observe(
                    time.monotonic() - since)

        return locked()

    return timed
