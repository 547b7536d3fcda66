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

"""Each row of the table, with a good and a wrong value from each source.

A row without examples here fails, and so does a word that no example has.
"""

import dataclasses
import re

import testscenarios
import testtools

from nova_numa_ext.policy import errors
from nova_numa_ext.policy import resolve
from nova_numa_ext.policy import table
from nova_numa_ext.policy import values


@dataclasses.dataclass
class Examples:
    """Values of a row.

    :ivar good: value as written -> as it is in the policy
    :ivar wrong: values that are refused
    :ivar beside: what the row needs beside it, for all of its values
    """

    good: dict
    wrong: tuple
    beside: dict = dataclasses.field(default_factory=dict)


def words(*names):
    return {name: name for name in names}


EXAMPLES = {
    'cpu_mode': Examples(
        words('host-passthrough', 'host-model', 'maximum', 'custom'),
        ('host-passtrough', 'none', ''),
        {'cpu_models': 'Nehalem'},
    ),
    'cpu_models': Examples(
        {'Nehalem': ('Nehalem',), 'EPYC,Nehalem': ('EPYC', 'Nehalem')},
        ('two words', ''),
        {'cpu_mode': 'custom'},
    ),
    'cpu_features': Examples(
        {
            '+pdpe1gb': (values.CpuFeature('pdpe1gb', 'require'),),
            '-vmx': (values.CpuFeature('vmx', 'disable'),),
        },
        ('vmx', '+vmx,-vmx', ''),
    ),
    'cpu_migratable': Examples(
        {'on': True, 'off': False},
        ('yes', ''),
        {'cpu_mode': 'host-passthrough'},
    ),
    'cpu_cache': Examples(
        words('auto', 'passthrough', 'emulate', 'disable'),
        ('pass-through', 'off', ''),
        {'cpu_mode': 'maximum'},
    ),
    'cpu_topology': Examples(words('auto'), ('automatic', '2', '')),
}


def beside(row, text):
    """Return what must be set beside a row that has this value."""
    found = dict(EXAMPLES[row.name].beside)
    if row.name == 'cpu_mode' and text != 'custom':
        del found['cpu_models']
    return {table.SPEC_PREFIX + name: value for name, value in found.items()}


def each_row(attribute):
    return [
        (f'{row.name}={text}', {'row': row, 'text': text})
        for row in table.ROWS
        for text in getattr(EXAMPLES.get(row.name), attribute, ())
    ]


class TestTable(testtools.TestCase):

    def test_every_row_has_examples(self):
        self.assertEqual(set(table.BY_NAME), set(EXAMPLES))
        for name, examples in EXAMPLES.items():
            self.assertTrue(examples.good, name)
            self.assertTrue(examples.wrong, name)

    def test_every_word_has_an_example(self):
        for row in table.ROWS:
            self.assertLessEqual(
                set(getattr(row.type, 'words', ())),
                set(EXAMPLES[row.name].good), row.name)

    def test_names(self):
        self.assertEqual(len(table.ROWS), len(table.BY_NAME))
        for row in table.ROWS:
            self.assertTrue(re.fullmatch('[a-z][a-z0-9_]*', row.name))
            self.assertEqual(f'numa_ext:{row.name}', row.spec)
            self.assertEqual(f'numa_ext_{row.name}', row.image_property)

    def test_for_the_reference(self):
        for row in table.ROWS:
            self.assertTrue(row.help.endswith('.'), row.name)
            self.assertTrue(row.type.help, row.name)
            self.assertTrue(re.fullmatch(r'\d+\.\d+\.\d+', row.since))

    def test_rules_name_rows_and_words(self):
        for row in table.ROWS:
            for word, needs in row.needs:
                other = table.BY_NAME[needs.name]
                if word != '*':
                    row.type.parse(word)
                for needed in needs.words:
                    other.type.parse(needed)


class TestGoodValue(testscenarios.WithScenarios, testtools.TestCase):

    scenarios = each_row('good')

    def test_from_flavor(self):
        policy = resolve(
            {self.row.spec: f' {self.text} ', **beside(self.row, self.text)},
            {})

        self.assertEqual(EXAMPLES[self.row.name].good[self.text],
                         getattr(policy, self.row.name))
        self.assertEqual(
            errors.Origin('flavor', self.row.spec, f' {self.text} '),
            policy.origins[self.row.name])

    def test_from_image(self):
        specs = beside(self.row, self.text)
        properties = {self.row.image_property: self.text}
        if self.row.flavor_only:
            refused = self.assertRaises(
                errors.InvalidRequest, resolve, specs, properties)

            self.assertEqual('only the flavor may set this', refused.reason)
            self.assertIn(self.row.spec, refused.remedy)
            self.assertEqual('image', refused.origin.kind)
        else:
            policy = resolve(specs, properties)

            self.assertEqual(EXAMPLES[self.row.name].good[self.text],
                             getattr(policy, self.row.name))
            self.assertEqual('image', policy.origins[self.row.name].kind)


class TestWrongValue(testscenarios.WithScenarios, testtools.TestCase):

    scenarios = each_row('wrong')

    def refused(self, specs, properties):
        refused = self.assertRaises(
            errors.InvalidRequest, resolve,
            {**specs, **beside(self.row, self.text)}, properties)
        self.assertEqual(self.text, refused.origin.value)
        return refused

    def test_from_flavor(self):
        refused = self.refused({self.row.spec: self.text}, {})

        self.assertEqual(self.row.spec, refused.origin.key)

    def test_from_image(self):
        refused = self.refused({}, {self.row.image_property: self.text})

        self.assertEqual(self.row.image_property, refused.origin.key)


class TestRule(testscenarios.WithScenarios, testtools.TestCase):
    """What a row needs of another, for each rule of the table."""

    scenarios = [
        (f'{row.name}={text} needs {needs.name}',
         {'row': row, 'text': text, 'needs': needs})
        for row in table.ROWS
        for word, needs in row.needs
        for text in (EXAMPLES[row.name].good if word == '*' else (word,))
    ]

    def test_other_is_unset(self):
        specs = {self.row.spec: self.text}
        if self.needs.unless_unset:
            self.assertTrue(resolve(specs, {}))
            return

        refused = self.assertRaises(
            errors.InvalidRequest, resolve, specs, {})

        other = table.BY_NAME[self.needs.name]
        self.assertEqual(f'this needs {other.spec}', refused.reason)
        self.assertIn(f'Set {other.spec} to ', refused.remedy)

    def test_other_has_another_value(self):
        other = table.BY_NAME[self.needs.name]
        for text in EXAMPLES[other.name].good:
            specs = {
                **beside(other, text),
                other.spec: text,
                self.row.spec: self.text,
            }
            if not self.needs.words or text in self.needs.words:
                self.assertTrue(resolve(specs, {}))
                continue
            refused = self.assertRaises(
                errors.InvalidRequest, resolve, specs, {})

            self.assertIn(self.needs.words[0], refused.remedy)
            self.assertIn(text, str(refused))
