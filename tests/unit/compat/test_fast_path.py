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

import fixtures
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path


class NotThere(Exception):
    """An answer, said by an error."""


class Asked:
    """A way to an answer that keeps count; a list gives one after another."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.times = 0

    def __call__(self):
        self.times += 1
        answer = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FastPathTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.now = 1000.0
        # Figures are counted since the process started.
        self.name = self.id()

    def path(self, is_on=True, **kwargs):
        return fast_path.FastPath(
            self.name, 'reduce_libvirt_calls', is_on,
            clock=lambda: self.now, **kwargs)

    def errors(self):
        return figures.value('fast_path_errors_total', fast_path=self.name)

    def mismatches(self):
        return figures.value('shadow_mismatches_total', fast_path=self.name)

    def test_on(self):
        stock = Asked('stock')

        self.assertEqual('fast', self.path().answer(Asked('fast'), stock))
        self.assertEqual(0, stock.times)

    def test_off(self):
        fast = Asked('fast')

        self.assertEqual(
            'stock', self.path(is_on=False).answer(fast, Asked('stock')))
        self.assertEqual(0, fast.times)

    def test_unknown_nova(self):
        path = self.path(relied_on={fast_path: {'gone': '()'}})

        self.assertEqual('stock', path.answer(Asked('fast'), Asked('stock')))
        self.assertIn(
            '[numa_ext] reduce_libvirt_calls is without effect',
            self.log.output)

    def test_an_error_costs_nothing_but_novas_way(self):
        path = self.path()

        self.assertEqual(
            'stock', path.answer(Asked(ValueError('x')), Asked('stock')))
        self.assertEqual(1, self.errors())
        self.assertTrue(path.is_usable())

    def test_an_error_that_is_an_answer(self):
        stock = Asked('stock')

        self.assertRaises(
            NotThere, self.path().answer, Asked(NotThere()), stock,
            passes=(NotThere,))
        self.assertEqual(0, stock.times)
        self.assertEqual(0, self.errors())

    def test_no_answer_yet(self):
        for path in (self.path(), self.path(shadow=True)):
            stock = Asked('stock')
            self.assertEqual('stock', path.answer(
                Asked(fast_path.Unknown()), stock))
            self.assertEqual(1, stock.times)
        self.assertEqual((0, 0), (self.errors(), self.mismatches()))

    def test_rests_after_several_errors_and_says_so_once(self):
        path = self.path()
        broken = Asked(ValueError('what libvirt says'))
        for _ in range(fast_path.ERRORS + 3):
            self.assertEqual('stock', path.answer(broken, Asked('stock')))

        self.assertEqual(fast_path.ERRORS, broken.times)
        self.assertEqual(1, self.log.output.count('what libvirt says'))
        self.assertIn(f'{self.name} failed 5 times within 60 s; Nova does it '
                      'in its own way for 300 s.', self.log.output)

        self.now += fast_path.REST - 1
        self.assertEqual('stock', path.answer(Asked('fast'), Asked('stock')))
        self.now += 1
        self.assertEqual('fast', path.answer(Asked('fast'), Asked('stock')))

    def test_errors_far_between_do_not_add_up(self):
        path = self.path()
        for _ in range(3 * fast_path.ERRORS):
            path.note_error(ValueError())
            self.now += fast_path.ERRORS_WITHIN / (fast_path.ERRORS - 1) + 1

        self.assertTrue(path.is_usable())

    def test_shadow_compares(self):
        path = self.path(shadow=True)
        fast, stock = Asked(1), Asked(1)

        self.assertEqual(1, path.answer(fast, stock))
        self.assertEqual((1, 1), (fast.times, stock.times))
        self.assertEqual(0, self.mismatches())

    def test_shadow_goes_on_with_what_nova_found(self):
        path = self.path(shadow=True)

        self.assertEqual(2, path.answer(Asked(1), Asked(2)))
        self.assertEqual(1, self.mismatches())
        self.assertIn(f'shadow: {self.name} gives 1, Nova gives 2.',
                      self.log.output)

    def test_shadow_asks_again_for_what_changed_meanwhile(self):
        path = self.path(shadow=True)

        self.assertEqual(2, path.answer(Asked(1, 2), Asked(2)))
        self.assertEqual(0, self.mismatches())

    def test_shadow_compares_as_it_is_told(self):
        path = self.path(shadow=True)

        path.answer(Asked('A'), Asked('a'),
                    same=lambda one, other: one.lower() == other.lower())
        self.assertEqual(0, self.mismatches())

    def test_shadow_compares_errors(self):
        path = self.path(shadow=True)

        self.assertRaises(
            NotThere, path.answer, Asked(NotThere()), Asked(NotThere()),
            passes=(NotThere,))
        self.assertEqual((0, 0), (self.mismatches(), self.errors()))
        self.assertEqual(
            1, path.answer(Asked(ValueError()), Asked(1)))
        self.assertEqual(1, self.mismatches())
        self.assertRaises(
            NotThere, path.answer, Asked(1), Asked(NotThere()),
            passes=(NotThere,))
        self.assertEqual(2, self.mismatches())

    def test_shadow_does_not_compare_with_an_outage(self):
        path = self.path(shadow=True)

        self.assertRaises(NotThere, path.answer, Asked(1), Asked(NotThere()))
        self.assertEqual((0, 0), (self.mismatches(), self.errors()))
