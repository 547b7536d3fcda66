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
    :ivar beside: what the row needs beside it, for all of its values; by the
        name of the row, or of Nova's spec
    """

    good: dict
    wrong: tuple
    beside: dict = dataclasses.field(default_factory=dict)


def words(*names):
    return {name: name for name in names}


REALTIME = {'hw:cpu_realtime': 'yes', 'hw:cpu_policy': 'dedicated',
            'hw:cpu_realtime_mask': '^0'}
FIFO_3 = values.Scheduler('fifo', 3)
RR_99 = values.Scheduler('rr', 99)

EXAMPLES = {
    'profile': Examples(
        words('high-performance', 'realtime'),
        ('performance', 'Realtime', ''),
        REALTIME,
    ),
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
    'cpu_dies': Examples(
        {'auto': 'auto', '1': 1, '64': 64}, ('0', '65', '-1', 'two', '')),
    'numa_nodes': Examples(words('auto'), ('2', 'Auto', '')),
    'numa_max_nodes': Examples(
        {'1': 1, '16': 16}, ('0', '17', 'auto', ''),
        {'numa_nodes': 'auto'},
    ),
    'numa_mempolicy': Examples(
        words('strict', 'preferred', 'interleave', 'restrictive'),
        ('bind', 'Strict', ''),
    ),
    'numa_distances': Examples(words('host', 'off'), ('on', '10', '')),
    'numa_affinity': Examples(
        words('soft', 'strict', 'none'), ('on', 'Soft', '')),
    'realtime_scheduler': Examples(
        words('fifo', 'rr'), ('deadline', 'fifo:3', ''), REALTIME),
    'realtime_priority': Examples(
        {'1': 1, '99': 99}, ('0', '100', 'high', ''), REALTIME),
    'emulator_scheduler': Examples(
        {'fifo:3': FIFO_3, 'rr:99': RR_99},
        ('fifo', 'rr:0', 'fifo:100', 'other:1', ''),
    ),
    'iothread_scheduler': Examples(
        {'fifo:3': FIFO_3, 'rr:99': RR_99}, ('rr', 'rr:', '5', ''),
        {'iothreads': '2'},
    ),
    'iothreads': Examples(
        {'off': 'off', 'per-node': 'per-node', '1': 1, '16': 16},
        ('0', '17', 'per_node', 'on', ''),
    ),
    'kvm_hints': Examples(words('auto', 'off'), ('on', 'yes', '')),
    'memballoon': Examples({'on': True, 'off': False}, ('none', '')),
    'ksm': Examples({'on': True, 'off': False}, ('nosharepages', '')),
    'l3_allocation': Examples(
        {'0:4MiB': (values.CacheShare(0, 4096),),
         '1:1MiB, 0:512KiB': (values.CacheShare(0, 512),
                              values.CacheShare(1, 1024))},
        ('4MiB', '0:4', '0:4MiB,0:8MiB', ''),
        {'hw:cpu_policy': 'dedicated'},
    ),
}
# For each spec of Nova's that rules name, a value that none of them wants.
UNWANTED = {'hw:cpu_realtime': 'no', 'hw:cpu_policy': 'shared',
            'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0-1',
            'hw:mem_page_size': 'large', 'hw:pmem': '4GB'}


def beside(row, text):
    """Return what must be set beside a row that has this value."""
    found = dict(EXAMPLES[row.name].beside)
    if row.name == 'cpu_mode' and text != 'custom':
        del found['cpu_models']
    return {name if ':' in name else table.SPEC_PREFIX + name: value
            for name, value in found.items()}


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
            rules = (*row.needs, *row.excludes)
            for word, _rule in (*rules, *row.versions):
                if word != '*':
                    row.type.parse(word)
            for _word, rule in rules:
                other = table.BY_NAME.get(rule.name)
                if other is None:
                    self.assertIn(rule.name, {*UNWANTED, *REALTIME})
                    continue
                for needed in rule.words:
                    other.type.parse(needed)

    def test_profiles_set_rows_to_values_that_they_have(self):
        self.assertEqual(
            set(table.PROFILES), set(table.BY_NAME['profile'].type.words))
        for settings in table.PROFILES.values():
            names = [name for name, _text in settings]
            self.assertEqual(sorted(set(names)), sorted(names))
            for name, text in settings:
                table.BY_NAME[name].type.parse(text)

    def test_realtime_is_high_performance_and_more(self):
        self.assertLessEqual(
            dict(table.PROFILES['high-performance']).items(),
            dict(table.PROFILES['realtime']).items())


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


class TestNeeds(testscenarios.WithScenarios, testtools.TestCase):
    """What a row needs of another, for each rule of the table."""

    scenarios = [
        (f'{row.name}={text} needs {needs.name}',
         {'row': row, 'text': text, 'needs': needs})
        for row in table.ROWS
        for word, needs in row.needs
        for text in (EXAMPLES[row.name].good if word == '*' else (word,))
    ]

    @property
    def other(self):
        """The spec that is needed."""
        row = table.BY_NAME.get(self.needs.name)
        return row.spec if row else self.needs.name

    def refused(self, specs):
        refused = self.assertRaises(
            errors.InvalidRequest, resolve, specs, {})
        self.assertEqual(self.row.spec, refused.origin.key)
        return refused

    def with_other(self, **other):
        specs = {self.row.spec: self.text, **beside(self.row, self.text)}
        del specs[self.other]
        return {**specs, **other}

    def test_other_is_unset(self):
        specs = self.with_other()
        if self.needs.unless_unset:
            self.assertTrue(resolve(specs, {}))
            return

        refused = self.refused(specs)

        self.assertThat(refused.reason, testtools.matchers.StartsWith(
            f'this needs {self.other}'))
        self.assertTrue(refused.remedy.startswith('Set '), refused.remedy)

    def test_other_has_another_value(self):
        row = table.BY_NAME.get(self.needs.name)
        if row is None:
            if self.needs.words:
                self.assertIn(self.other, self.refused(self.with_other(
                    **{self.other: UNWANTED[self.other]})).reason)
            return
        for text in EXAMPLES[row.name].good:
            specs = {**beside(row, text), **self.with_other(
                **{self.other: text})}
            excluded = [
                rule for _word, rule in self.row.excludes
                if rule.name == row.name and text in rule.words]
            if excluded:
                continue
            if not self.needs.words or text in self.needs.words:
                self.assertTrue(resolve(specs, {}))
                continue
            refused = self.refused(specs)

            self.assertIn(self.needs.words[0], refused.remedy)
            self.assertIn(text, str(refused))

    def test_each_value_that_will_do(self):
        if self.needs.name in table.BY_NAME:
            return
        for word in self.needs.words:
            self.assertTrue(resolve(self.with_other(**{self.other: word}), {}))
        if self.needs.instead:
            self.assertTrue(resolve(
                self.with_other(**{self.needs.instead: 'isolate'}), {}))


class TestExcludes(testscenarios.WithScenarios, testtools.TestCase):
    """What a row excludes of another, for each rule of the table."""

    scenarios = [
        (f'{row.name}={text} excludes {excludes.name} {excluded}',
         {'row': row, 'text': text, 'excludes': excludes,
          'excluded': excluded})
        for row in table.ROWS
        for word, excludes in row.excludes
        for text in (EXAMPLES[row.name].good if word == '*' else (word,))
        for excluded in excludes.words or (UNWANTED[excludes.name],)
    ]

    def test_both(self):
        row = table.BY_NAME.get(self.excludes.name)
        specs = {**beside(self.row, self.text), self.row.spec: self.text}
        if row is None:
            specs = {**REALTIME, **specs, self.excludes.name: self.excluded}
            other = self.excludes.name
            if self.excludes.words:
                other += f'={self.excluded}'
        else:
            specs[row.spec] = self.excluded
            other = f"flavor {row.spec}='{self.excluded}'"

        refused = self.assertRaises(
            errors.InvalidRequest, resolve, specs, {})

        self.assertEqual(self.row.spec, refused.origin.key)
        self.assertEqual(f'{other} does not go with it', refused.reason)
        self.assertEqual('Remove one of the two', refused.remedy)
