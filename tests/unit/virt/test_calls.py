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

import types

import fixtures
import testtools

from nova_numa_ext import figures
from nova_numa_ext.virt import calls


class CallsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.log = self.useFixture(fixtures.FakeLogger())
        self.calls = self.made(5.0)

    def made(self, slow_after):
        return calls.Calls(slow_after, lambda: self.now)

    def taking(self, seconds, result=None):
        def method(*args, **kwargs):
            self.now += seconds
            return result
        return method

    def test_a_call_is_made_and_counted(self):
        before = figures.value('libvirt_call_seconds_count', call='made up')
        spent = figures.value('libvirt_call_seconds_sum', call='made up')

        self.assertEqual('answer', self.calls.make(
            'made up', self.taking(2, 'answer')))
        self.assertEqual(((1,), {'flags': 2}), self.calls.make(
            'made up', lambda *args, **kwargs: (args, kwargs), (1,),
            {'flags': 2}))

        self.assertEqual(
            before + 2,
            figures.value('libvirt_call_seconds_count', call='made up'))
        self.assertEqual(
            spent + 2,
            figures.value('libvirt_call_seconds_sum', call='made up'))
        self.assertEqual('', self.log.output)

    def test_a_call_that_fails_is_counted(self):
        before = figures.value('libvirt_call_seconds_count', call='failing')

        self.assertRaises(KeyError, self.calls.make, 'failing', {}.pop, (1,))

        self.assertEqual(
            before + 1,
            figures.value('libvirt_call_seconds_count', call='failing'))

    def test_a_slow_call_is_named(self):
        self.calls.make('destroy', self.taking(5.5), domain='guest-1')

        self.assertEqual(
            'libvirt: destroy of guest-1, called by '
            f'{__name__}.test_a_slow_call_is_named, took 5.5 s.\n',
            self.log.output)

    def test_a_slow_call_is_named_with_the_managers_task(self):
        def decorated_function(function, *args):
            function(*args)

        def build(function, *args):
            function(*args)

        def clean_up(function):
            function()

        # As if these were nova.compute.manager's.
        decorated_function, build, clean_up = [
            types.FunctionType(
                function.__code__, {'__name__': 'nova.compute.manager'})
            for function in (decorated_function, build, clean_up)]
        decorated_function(build, clean_up, self.destroy)

        self.assertIn(
            f'libvirt: destroy, called by {__name__}.destroy for '
            'nova.compute.manager.build, took 6.0 s.', self.log.output)

    def destroy(self):
        self.calls.make('destroy', self.taking(6))

    def test_one_that_hangs_is_named_by_the_next(self):
        def hangs():
            self.now += 6
            # Others go on meanwhile.
            for _ in range(2):
                self.calls.make('state', self.taking(0), domain='guest-2')

        self.calls.make('XMLDesc', hangs, domain='guest-1')

        self.assertEqual([
            'XMLDesc of guest-1, called by '
            f'{__name__}.test_one_that_hangs_is_named_by_the_next, {rest}'
            for rest in ('has no answer after 6.0 s.', 'took 6.0 s.')
        ], [line[len('libvirt: '):]
            for line in self.log.output.splitlines()])

    def test_none_is_named_where_that_is_off(self):
        self.made(0).make('destroy', self.taking(100))

        self.assertEqual('', self.log.output)
