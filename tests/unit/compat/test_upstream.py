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


import functools

import fixtures
import testtools

from nova_numa_ext.compat import upstream


def locked(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner


class Nova:

    constant = 1

    @locked
    def claim(self, context, limits: dict = None) -> bool:
        """A method with a decorator and type hints."""

    def drop(self, context, *, prefix='new_'):
        """A method with a parameter that is only taken by name."""


KNOWN = {
    'claim': '(self, context, limits=None)',
    'drop': "(self, context, *, prefix='new_')",
}


class UpstreamTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def test_as_known(self):
        self.assertTrue(upstream.is_known('a_switch', {Nova: KNOWN}))
        self.assertEqual('', self.log.output)

    def test_another_default(self):
        known = {**KNOWN, 'drop': "(self, context, *, prefix='old_')"}
        self.assertEqual(['Nova.drop'], upstream.unknown(Nova, known))

    def test_another_parameter(self):
        known = {**KNOWN, 'claim': '(self, context)'}
        self.assertEqual(['Nova.claim'], upstream.unknown(Nova, known))

    def test_one_of_several(self):
        for known, differing in (
                (('(self)', KNOWN['claim']), []),
                (('(self)', '(self, context)'), ['Nova.claim'])):
            self.assertEqual(
                differing, upstream.unknown(Nova, {'claim': known}))

    def test_gone(self):
        self.assertEqual(
            ['Nova.gone', 'Nova.constant'],
            upstream.unknown(Nova, {'gone': '(self)', 'constant': '()'}))

    def test_one_warning(self):
        self.assertFalse(upstream.is_known(
            'a_switch', {Nova: {'gone': '(self)', 'claim': '()', **KNOWN},
                         Other: {'gone': '(self)'}}))
        self.assertEqual(
            '[numa_ext] a_switch is without effect: this Nova is not known '
            'to it (Nova.gone, Other.gone). Nova does it in its own way.\n',
            self.log.output)


class Other:
    pass
