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

"""Handlers of events, on other threads than the one the events come from."""

import collections
import threading

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: So many handlers run at once: the threads are those of Nova's own pool,
#: which builds need too.
WORKERS = 3


class EventQueue:
    """Work that is done elsewhere, that of one key in the order it came.

    :param spawn: runs a callable on another thread
    """

    def __init__(self, spawn, workers=WORKERS):
        self._spawn = spawn
        self._workers = workers
        self._lock = threading.Lock()
        self._waiting = {}
        self._busy = set()
        self._running = 0

    def put(self, key, work):
        """Have work done, after that of the same key.

        :raises Exception: as spawn does; the work is not done then
        """
        with self._lock:
            of_key = self._waiting.setdefault(key, collections.deque())
            of_key.append(work)
            if self._running == self._workers or key in self._busy:
                return
            self._running += 1
        try:
            self._spawn(self._run)
        except Exception:
            with self._lock:
                self._running -= 1
                if self._running:
                    return
                of_key.remove(work)
                if not of_key:
                    del self._waiting[key]
            raise

    def _run(self):
        while True:
            with self._lock:
                key = next((key for key, works in self._waiting.items()
                            if works and key not in self._busy), None)
                if key is None:
                    self._running -= 1
                    return
                self._busy.add(key)
                # To the end: each key has its turn.
                works = self._waiting.pop(key)
                self._waiting[key] = works
                work = works.popleft()
            try:
                work()
            except Exception:
                LOG.exception('A handler of an event of %s failed.', key)
            with self._lock:
                self._busy.remove(key)
                if not works:
                    del self._waiting[key]
