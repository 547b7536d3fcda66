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

"""Looking at what may never answer, such as a disk on a server that is gone.

The kernel cannot be asked to give up. So a thread asks, and is left behind
where it does not come back; nobody asks again before it does.
"""

import concurrent.futures
import threading

from nova_numa_ext.compat import concurrency


class Stuck(Exception):
    """There is no answer within the time."""


class TimeLimit:
    """Asks, and waits no longer than so many seconds.

    :param seconds: for one answer
    """

    def __init__(self, seconds):
        self._seconds = seconds
        self._asking = set()

    def ask(self, key, function):
        """Return what a function returns, or raise what it raises.

        :param key: of what is asked; one thread at a time is left behind for
            it
        :raises Stuck: where it takes longer, and at once where an earlier
            call for the same has not come back
        """
        if key in self._asking:
            raise Stuck

        def asked():
            try:
                return function()
            finally:
                self._asking.discard(key)

        self._asking.add(key)
        if concurrency.is_threading():
            return self._in_thread(asked)
        return self._in_eventlets_pool(asked)

    def _in_thread(self, function):
        future = concurrent.futures.Future()

        def run():
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return future.result(timeout=self._seconds)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            raise Stuck from None

    def _in_eventlets_pool(self, function):
        eventlet = concurrency.eventlet()
        with eventlet.Timeout(self._seconds, Stuck):
            return eventlet.tpool.execute(function)
