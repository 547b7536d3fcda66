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


import json

import testtools

from tests.upstream import report
from tools import matrix

STESTR = """
======
Totals
======
Ran: 2671 tests in 170.0000 sec.
 - Passed: {}
 - Skipped: 9
 - Expected Fail: 0
 - Unexpected Success: 0
 - Failed: {}
"""


class OutcomeTest(testtools.TestCase):

    def test_tests(self):
        self.assertEqual(
            '2662 passed', matrix.stestr('31', STESTR.format(2662, 0)))
        self.assertEqual(
            '2660 passed, 2 FAILED',
            matrix.stestr('31', STESTR.format(2660, 2)))

    def test_none_that_passed_is_no_outcome(self):
        self.assertIsNone(matrix.stestr('31', STESTR.format(0, 0)))
        self.assertIsNone(matrix.stestr('31', 'make: *** [unit] Error 1'))

    def test_upstream(self):
        said = (
            '|      unit.test |   9 |    0 | 9 |  0 |   0 | good |\n'
            '|     2 modules |          19 |      1 |          18 |       1 |'
            '      1 | good    |\n')
        self.assertEqual(
            '19 / 18, 1 failed, 1 listed: good', matrix.upstream('34', said))
        self.assertIsNone(matrix.upstream('34', 'No module'))

    def test_upstreams_report_has_these_columns(self):
        self.assertEqual(
            ('module', 'stock passed', 'failed', 'ours passed', 'failed ',
             'listed', 'verdict'), report.COLUMNS)

    def test_patches(self):
        self.assertEqual('8 patches', matrix.patches('34', ''))


class TableTest(testtools.TestCase):

    def test_the_table_is_that_of_the_outcomes(self):
        outcomes = json.loads(matrix.OUTCOMES.read_text())
        self.assertEqual(matrix.table(outcomes), matrix.TABLE.read_text())

    def test_a_cell(self):
        text = matrix.table({'31': {'unit': {
            'outcome': '2662 passed', 'commit': 'abc', 'on': '2026-01-01'}}})
        self.assertIn(
            '   * - 31\n     - 2662 passed (abc)\n     - not run\n     -\n',
            text)
