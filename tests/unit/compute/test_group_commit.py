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

import fasteners
import hypothesis
from hypothesis import strategies as st
import testtools

from nova_numa_ext.compute import group_commit


class Row:
    """A thing that callers add to, and what is saved of it."""

    def __init__(self):
        self.group = group_commit.GroupCommit()
        self.added = []
        self.saved = []
        self.saves = 0
        self.failures = 0

    def add(self, name):
        self.added.append(name)
        return self.group.decide()

    def save(self):
        self.saves += 1
        if self.failures:
            self.failures -= 1
            raise OSError('down')
        self.saved = list(self.added)


class GroupCommitTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.row = Row()

    def test_alone(self):
        ticket = self.row.add('one')
        self.assertFalse(self.row.group.is_saved(ticket))
        self.row.group.save_for(ticket, self.row.save)
        self.assertEqual((['one'], 1), (self.row.saved, self.row.saves))

    def test_the_first_saves_for_all_that_are_waiting(self):
        tickets = [self.row.add(name) for name in 'abc']
        for ticket in tickets:
            self.row.group.save_for(ticket, self.row.save)
            self.assertEqual(['a', 'b', 'c'], self.row.saved)
        self.assertEqual(1, self.row.saves)

    def test_what_comes_after_a_save_has_its_own(self):
        self.row.group.save_for(self.row.add('a'), self.row.save)
        late = self.row.add('b')
        self.assertFalse(self.row.group.is_saved(late))
        self.row.group.save_for(late, self.row.save)
        self.assertEqual((['a', 'b'], 2), (self.row.saved, self.row.saves))

    def test_a_save_that_nobody_waits_for_serves_all_too(self):
        ticket = self.row.add('a')
        self.row.group.save(self.row.save)
        self.row.group.save_for(ticket, self.row.save)
        self.assertEqual((['a'], 1), (self.row.saved, self.row.saves))

    def test_a_failure_is_of_the_one_that_saved(self):
        first, second, third = [self.row.add(name) for name in 'abc']
        self.row.failures = 1
        self.assertRaises(
            OSError, self.row.group.save_for, first, self.row.save)
        self.row.group.save_for(second, self.row.save)
        self.row.group.save_for(third, self.row.save)
        self.assertEqual((['a', 'b', 'c'], 2),
                         (self.row.saved, self.row.saves))

    def test_each_learns_of_a_failure_that_lasts(self):
        tickets = [self.row.add(name) for name in 'abc']
        self.row.failures = 3
        for ticket in tickets:
            self.assertRaises(
                OSError, self.row.group.save_for, ticket, self.row.save)

    @hypothesis.given(st.lists(st.tuples(
        st.sampled_from(['change', 'turn', 'save now']),
        st.integers(0, 5), st.booleans())))
    def test_any_order(self, steps):
        """Nobody goes on before its change is saved, whoever's turn it is."""
        row = Row()
        waiting = []
        changed = 0
        for step, which, fails in steps:
            row.failures = int(fails)
            before = row.saves
            if step == 'change':
                changed += 1
                waiting.append((changed, row.add(changed)))
            elif step == 'turn' and waiting:
                name, ticket = waiting.pop(which % len(waiting))
                try:
                    row.group.save_for(ticket, row.save)
                except OSError:
                    self.assertTrue(fails)
                else:
                    self.assertIn(name, row.saved)
            elif step == 'save now' and not fails:
                row.group.save(row.save)
                self.assertEqual(row.added, row.saved)
            self.assertLessEqual(row.saves, before + 1)

    def test_threads(self):
        lock = fasteners.ReaderWriterLock()
        all_are_here = threading.Barrier(20)
        early = []

        def call(name):
            all_are_here.wait()
            with lock.write_lock():
                ticket = self.row.add(name)
            with lock.write_lock():
                self.row.group.save_for(ticket, self.row.save)
            if name not in self.row.saved:
                early.append(name)

        threads = [threading.Thread(target=call, args=(number,))
                   for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual([], early)
        self.assertEqual(set(range(20)), set(self.row.saved))
