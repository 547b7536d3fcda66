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

"""What libvirt said of the host, remembered while that holds.

Each connection to libvirtd has a memory of its own, so that a libvirtd that
was started anew is asked everything anew. A call that fails fills nothing.

============= ======================= ======================= ==============
what          filled by               emptied by              oldest
============= ======================= ======================= ==============
getLibVersion the first who asks, on  the end of the          the connection
              each connection         connection
getType       the same                the same                the connection
getVersion    the same                the same                600 s
getHostname   the same                the same                600 s
getInfo       the same                the same, a CPU that    600 s
                                      comes or goes, and
                                      getCPUStats
getCPUMap     the same                the same, and a CPU     600 s
                                      that comes or goes
============= ======================= ======================= ==============

libvirtd's version cannot change while it runs. QEMU may be upgraded and the
host renamed below it, and memory may be added: hence the 600 s. Which CPUs
are there is read from the kernel each time, as libvirtd would read it. The
clock of the CPUs is in getInfo; Nova reports it with their statistics.
"""

import copy
import pathlib
import time

from nova_numa_ext import figures

#: The name by which figures speak of it.
CACHE = 'host'

_AGE = 600.0
_CPUS = [pathlib.Path('/sys/devices/system/cpu') / name
         for name in ('online', 'present')]


def cpus():
    """Return what tells whether CPUs came or went."""
    return [path.read_text() for path in _CPUS if path.exists()]


def _nothing():
    return None


#: Call -> its oldest age, None for any; and what must not have changed.
REMEMBERED = {
    'getLibVersion': (None, _nothing),
    'getType': (None, _nothing),
    'getVersion': (_AGE, _nothing),
    'getHostname': (_AGE, _nothing),
    'getInfo': (_AGE, cpus),
    'getCPUMap': (_AGE, cpus),
}


def is_same(call, one, other):
    """Return whether two answers to a call are as good as each other."""
    if call == 'getInfo':
        # The third is the clock of a CPU now, in MHz.
        one, other = [
            [*answer[:3], *answer[4:]] for answer in (one, other)]
    return one == other


class Remembered:
    """The answers that one connection gave."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._answers = {}

    def get(self, call, ask):
        """Return the answer to a call.

        :param call: one of ``REMEMBERED``
        :param ask: asks libvirtd
        """
        oldest, depends_on = REMEMBERED[call]
        now = self._clock()
        state = depends_on()
        answer, at, of_state = self._answers.get(call, (None, None, None))
        if (at is not None and state == of_state
                and (oldest is None or now - at < oldest)):
            figures.hit(CACHE, now - at)
            return copy.deepcopy(answer)
        figures.miss(CACHE)
        answer = ask()
        self._answers[call] = (copy.deepcopy(answer), now, state)
        return answer

    def forget(self, call):
        """Have the next who asks be answered by libvirtd."""
        self._answers.pop(call, None)
