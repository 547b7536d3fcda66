# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Steps that wait for each other and otherwise run at once."""

import concurrent.futures
import sys
import threading
import time

_started = time.monotonic()
_print_lock = threading.Lock()


def say(text):
    """One line of progress, with the seconds since the start."""
    with _print_lock:
        elapsed = time.monotonic() - _started
        print(f'[{elapsed:5.1f}s] {text}', file=sys.stderr, flush=True)


class Plan:
    """Named steps, each a function run in a thread of its own."""

    def __init__(self):
        self._steps = {}
        self._after = {}

    def add(self, name, function, *after):
        for other in after:
            if other not in self._steps:
                raise ValueError(f'{name}: no step {other}')
        self._steps[name] = function
        self._after[name] = after
        return name

    def run(self):
        """Runs all; the first failure is raised once what runs has ended."""
        if not self._steps:
            return
        # Python 3.8, where the benchmark's counting is tested too, has none.
        import graphlib
        sorter = graphlib.TopologicalSorter(self._after)
        sorter.prepare()
        futures = {}
        failure = None
        with concurrent.futures.ThreadPoolExecutor(len(self._steps)) as pool:
            while True:
                if failure is None:
                    for name in sorter.get_ready():
                        futures[pool.submit(self._steps[name])] = name
                if not futures:
                    break
                done, _ = concurrent.futures.wait(
                    futures, return_when='FIRST_COMPLETED'
                )
                for future in done:
                    name = futures.pop(future)
                    error = future.exception()
                    if error is None:
                        sorter.done(name)
                    elif failure is None:
                        failure = error
                        if futures:
                            say(f'{name} failed; the rest is ended first')
        if failure is not None:
            raise failure
