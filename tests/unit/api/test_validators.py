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
import subprocess
import sys

from nova import exception
from nova.api.validation.extra_specs import validators as nova_validators
import nova.conf
from oslo_config import fixture as config_fixture
import testscenarios
import testtools

from nova_numa_ext import policy
from nova_numa_ext.api import validators
from nova_numa_ext.policy import table
from tests.unit.policy import test_table

CONF = nova.conf.CONF
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

# As on a host that has Nova's API only: no libvirt, and no driver.
IMPORT = """
import sys
sys.modules['libvirt'] = None
from nova_numa_ext.api import validators
print(len(validators.register()))
print([name for name in sys.modules if name.startswith(
    ('nova.virt.libvirt', 'nova.compute.manager', 'nova_numa_ext.virt',
     'nova_numa_ext.domain'))])
"""


class TestRegister(testtools.TestCase):

    def test_one_for_each_row_and_one_for_the_rest(self):
        found = validators.register()

        self.assertEqual(
            [*(row.spec for row in table.ROWS), 'numa_ext:{name}'],
            [validator.name for validator in found])
        for validator in found:
            self.assertTrue(validator.description)

    def test_nova_has_them(self):
        for row in table.ROWS:
            self.assertEqual(
                'nova_numa_ext.api.validators',
                type(nova_validators.VALIDATORS[row.spec]).__module__)
        self.assertIn('numa_ext', nova_validators.NAMESPACES)

    def test_where_there_is_no_libvirt(self):
        done = subprocess.run(
            [sys.executable, '-c', IMPORT], cwd=ROOT, text=True,
            capture_output=True, check=False)

        self.assertEqual(
            f'{len(table.ROWS) + 1}\n[]\n', done.stdout, done.stderr)


class TestRow(testscenarios.WithScenarios, testtools.TestCase):
    """Each value of the table's examples, as Nova's API asks."""

    scenarios = [
        (f'{row.name}={text}', {'row': row, 'text': text, 'good': good})
        for good, attribute in ((True, 'good'), (False, 'wrong'))
        for row in table.ROWS
        for text in getattr(test_table.EXAMPLES[row.name], attribute)
    ]

    def test_value(self):
        if self.good:
            nova_validators.validate(self.row.spec, f' {self.text} ')
            return

        invalid = self.assertRaises(
            exception.ValidationError, nova_validators.validate,
            self.row.spec, self.text)

        # What the compute host would say.
        refused = self.assertRaises(
            policy.InvalidRequest, policy.resolve,
            {self.row.spec: self.text}, {})
        self.assertEqual(str(refused), invalid.format_message())


class TestName(testtools.TestCase):

    def refused(self, name):
        return self.assertRaises(
            exception.ValidationError, nova_validators.validate, name,
            'auto').format_message()

    def test_near(self):
        self.assertEqual(
            "flavor numa_ext:cpu_cach='auto': no such name. Did you mean "
            'numa_ext:cpu_cache? Else remove it.',
            self.refused('numa_ext:cpu_cach'))

    def test_far(self):
        for name in ('numa_ext:', 'numa_ext:xyzzy', 'numa_ext:a:b.c d'):
            self.assertIn('Known names: profile, ', self.refused(name))

    def test_of_others(self):
        for name in ('numa_extra:x', 'numa_ext', 'x_numa_ext:cpu_mode'):
            nova_validators.validate(name, 'x')


class TestSwitch(testtools.TestCase):

    def test_off(self):
        self.useFixture(config_fixture.Config(CONF)).config(
            guest_policy=False, group='numa_ext')

        nova_validators.validate('numa_ext:cpu_mode', 'x')
        nova_validators.validate('numa_ext:cpu_mod', 'x')
