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

import fixtures
import testtools

from nova_numa_ext.virt import event_queue


class EventQueueTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.done = []
        self.started = []

    def queue(self, workers=2):
        """Return a queue whose threads run when ``run`` is called."""
        return event_queue.EventQueue(self.started.append, workers)

    def note(self, what):
        return lambda: self.done.append(what)

    def run_all(self):
        while self.started:
            self.started.pop(0)()

    def test_nothing_is_done_where_it_is_put(self):
        self.queue().put('a', self.note('a1'))

        self.assertEqual([], self.done)
        self.run_all()
        self.assertEqual(['a1'], self.done)

    def test_the_order_of_each_key_is_kept_and_each_has_its_turn(self):
        queue = self.queue(workers=1)
        for what in ('a1', 'a2', 'a3', 'b1', 'b2'):
            queue.put(what[0], self.note(what))

        self.run_all()

        self.assertEqual(['a1', 'b1', 'a2', 'b2', 'a3'], self.done)

    def test_no_more_threads_than_it_is_given(self):
        queue = self.queue(workers=2)
        for key in 'abc':
            queue.put(key, self.note(key))

        self.assertEqual(2, len(self.started))

        self.run_all()
        queue.put('d', self.note('d'))
        queue.put('e', self.note('e'))
        queue.put('f', self.note('f'))
        self.assertEqual(2, len(self.started))

    def test_no_thread_for_a_key_that_has_one(self):
        queue = self.queue()

        def first():
            queue.put('a', self.note('a2'))
            self.done.append(len(self.started))

        queue.put('a', first)
        self.run_all()

        self.assertEqual([0, 'a2'], self.done)

    def test_a_key_is_on_one_thread_at_a_time(self):
        queue = self.queue()

        def first():
            # While it runs, more comes and a second thread looks for work.
            queue.put('a', self.note('a2'))
            queue.put('b', self.note('b1'))
            self.started.pop()()
            self.done.append('a1')

        queue.put('a', first)
        self.run_all()

        self.assertEqual(['b1', 'a1', 'a2'], self.done)

    def test_one_that_fails_does_not_keep_the_next(self):
        queue = self.queue()
        queue.put('a', lambda: {}['no such key'])
        queue.put('a', self.note('a2'))

        log = self.useFixture(fixtures.FakeLogger())
        self.run_all()

        self.assertEqual(['a2'], self.done)
        self.assertIn('A handler of an event of a failed.', log.output)

    def test_no_thread_is_the_callers_to_know(self):
        def no_thread(work):
            raise RuntimeError('shut down')

        queue = event_queue.EventQueue(no_thread)

        self.assertRaises(RuntimeError, queue.put, 'a', self.note('a1'))
        queue._spawn = self.started.append
        queue.put('a', self.note('a2'))
        self.run_all()
        self.assertEqual(['a2'], self.done)

    def test_no_second_thread_and_the_first_does_it(self):
        def first_only(work):
            if self.started:
                raise RuntimeError('too many')
            self.started.append(work)

        queue = event_queue.EventQueue(first_only)
        queue.put('a', self.note('a1'))
        queue.put('b', self.note('b1'))

        self.run_all()
        self.assertEqual(['a1', 'b1'], self.done)

    def test_nothing_of_what_is_done_stays(self):
        queue = self.queue()
        for key in 'ab':
            queue.put(key, self.note(key))

        self.run_all()

        self.assertEqual({}, queue._waiting)
        self.assertEqual(set(), queue._busy)

    def test_many_threads(self):
        threads = []

        def spawn(work):
            threads.append(threading.Thread(target=work))
            threads[-1].start()

        queue = event_queue.EventQueue(spawn, workers=4)
        for number in range(200):
            for key in 'abcde':
                queue.put(key, self.note((key, number)))
        for thread in threads:
            thread.join()

        for key in 'abcde':
            self.assertEqual(list(range(200)), [
                number for of, number in self.done if of == key])
