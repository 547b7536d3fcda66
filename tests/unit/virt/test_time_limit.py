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

import os
import threading

import fixtures
import testtools

from nova_numa_ext.virt import time_limit


class TimeLimitTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'fifo')
        # What opens it for reading waits until somebody writes.
        os.mkfifo(self.path)
        self.limit = time_limit.TimeLimit(0.2)

    def read(self):
        with open(self.path, encoding='utf-8') as file:
            return file.read()

    def write(self):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write('at last')

    def test_an_answer(self):
        self.assertEqual(
            'yes', self.limit.ask('key', lambda: 'yes'))

    def test_an_error(self):
        self.assertRaises(
            FileNotFoundError, self.limit.ask, 'key',
            lambda: os.stat(self.path + '.nothing'))

    def test_stuck_and_asked_again_only_after_it_came_back(self):
        came_back = threading.Event()

        def read():
            try:
                return self.read()
            finally:
                came_back.set()

        asked = []
        self.assertRaises(
            time_limit.Stuck, self.limit.ask, 'key', read)
        self.assertRaises(
            time_limit.Stuck, self.limit.ask, 'key',
            lambda: asked.append('key'))
        self.assertEqual([], asked)
        self.assertEqual('yes', self.limit.ask('other', lambda: 'yes'))

        self.write()
        came_back.wait(60)
        # Noted right after that.
        for _ in range(1000):
            try:
                self.assertEqual('yes', self.limit.ask('key', lambda: 'yes'))
                break
            except time_limit.Stuck:
                threading.Event().wait(0.01)
        else:
            self.fail('it is never asked again')
