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

import threading

from nova import utils
from nova.compute import resource_tracker as nova_tracker
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compute import lock_figures


def taken(name):
    return figures.value('lock_held_seconds_count', caller=name)


class Tracker:

    def __init__(self):
        self.inside = []

    @lock_figures.measured
    def outer(self):
        self.inner()
        return 'outer'

    @lock_figures.measured
    @utils.synchronized(nova_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def inner(self):
        self.inside.append(len(self.inside))

    @lock_figures.measured
    def fails(self):
        raise ValueError


class MeasuredTest(testtools.TestCase):

    def test_the_outermost_counts(self):
        before = {name: taken(name) for name in ('outer', 'inner')}

        self.assertEqual('outer', Tracker().outer())

        self.assertEqual(before['outer'] + 1, taken('outer'))
        self.assertEqual(before['inner'], taken('inner'))

    def test_a_failure_gives_the_lock_back(self):
        tracker = Tracker()
        before = taken('fails')
        self.assertRaises(ValueError, tracker.fails)
        self.assertEqual(before + 1, taken('fails'))

        other = threading.Thread(target=tracker.inner, daemon=True)
        other.start()
        other.join(timeout=60)
        self.assertEqual([0], tracker.inside)

    def test_waits_for_novas_lock(self):
        tracker = Tracker()
        waiting = threading.Thread(target=tracker.outer, daemon=True)

        @utils.synchronized(
            nova_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
        def nova():
            waiting.start()
            waiting.join(timeout=0.2)
            return list(tracker.inside)

        self.assertEqual([], nova())
        waiting.join(timeout=60)
        self.assertEqual([0], tracker.inside)
