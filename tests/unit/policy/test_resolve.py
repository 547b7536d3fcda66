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

import ddt
import hypothesis
from hypothesis import given
from hypothesis import strategies as st
import testtools

from nova_numa_ext.policy import errors
from nova_numa_ext.policy import guest_policy
from nova_numa_ext.policy import resolve
from nova_numa_ext.policy import table
from tests.unit.policy import test_table

NASTY = st.text(st.characters() | st.sampled_from('\0\n\r\u2028\ud800<&\'"'))
HUGE = st.integers(1, 40000).map(lambda n: 'é\n' * n)
GOOD = st.sampled_from(sorted(
    text for examples in test_table.EXAMPLES.values()
    for text in examples.good))
FEATURES = st.lists(
    st.builds('{}{}'.format, st.sampled_from('+-'), GOOD)).map(','.join)
VALUES = (
    GOOD
    | GOOD.map(lambda text: text[:-1])
    | FEATURES
    | st.lists(GOOD, max_size=100).map(','.join)
    | st.integers(250, 260).map(lambda n: 'M' * n)
    | NASTY
    | HUGE
)


def keys(prefix):
    name = st.sampled_from(sorted(table.BY_NAME))
    return (
        name.map(prefix.__add__)
        | name.map(lambda name: prefix + name[:-1])
        | name.map(lambda name: prefix + name.upper())
        | NASTY.map(prefix.__add__)
        | NASTY
        | st.just(prefix + 'x' * 255)
        | st.sampled_from(['hw:cpu_policy', 'numa_ext', 'hw_cpu_cores'])
    )


SPECS = st.dictionaries(keys(table.SPEC_PREFIX), VALUES)
PROPERTIES = st.dictionaries(keys(table.PROPERTY_PREFIX), VALUES)
# Rules between rows are reached where each row by itself is right.
SOUND_SPECS, SOUND_PROPERTIES = (
    st.fixed_dictionaries({}, optional={
        getattr(row, key): st.sampled_from(
            list(test_table.EXAMPLES[row.name].good))
        for row in table.ROWS
    })
    for key in ('spec', 'image_property')
)


def message_of(specs, properties):
    try:
        resolve(specs, properties)
    except errors.InvalidRequest as refused:
        return str(refused)
    return None


@ddt.ddt
class TestResolve(testtools.TestCase):

    def refused(self, specs, properties=None):
        return self.assertRaises(
            errors.InvalidRequest, resolve, specs, properties or {})

    @ddt.data(
        ({}, {}),
        ({'hw:cpu_policy': 'dedicated'}, {'hw_numa_nodes': '2'}),
        ({'numa_ext': 'x', 'trait:numa_ext:x': 'x'}, {'numa_ext': 'x'}),
        # Each by the prefix of the other source.
        ({'numa_ext_cpu_mode': 'x'}, {'numa_ext:cpu_mode': 'x'}),
    )
    @ddt.unpack
    def test_nothing_of_ours(self, specs, properties):
        self.assertEqual(
            guest_policy.GuestPolicy(), resolve(specs, properties))

    def test_both_agree(self):
        policy = resolve(
            {'numa_ext:cpu_mode': 'maximum'},
            {'numa_ext_cpu_mode': ' maximum'})

        self.assertEqual('maximum', policy.cpu_mode)
        self.assertEqual('flavor', policy.origins['cpu_mode'].kind)

    def test_both_differ(self):
        self.assertEqual(
            "flavor numa_ext:cpu_cache='emulate': differs from image "
            "numa_ext_cpu_cache='disable'. Set one of the two, or both "
            'alike.',
            str(self.refused({'numa_ext:cpu_cache': 'emulate'},
                             {'numa_ext_cpu_cache': 'disable'})))

    def test_first_difference_by_name(self):
        refused = self.refused(
            {'numa_ext:cpu_mode': 'maximum', 'numa_ext:cpu_cache': 'auto'},
            {'numa_ext_cpu_mode': 'host-model',
             'numa_ext_cpu_cache': 'disable'})

        self.assertEqual('numa_ext:cpu_cache', refused.origin.key)

    def test_one_from_each(self):
        policy = resolve(
            {'numa_ext:cpu_mode': 'custom'},
            {'numa_ext_cpu_models': 'Nehalem'})

        self.assertEqual('custom', policy.cpu_mode)
        self.assertEqual(('Nehalem',), policy.cpu_models)
        self.assertEqual({'cpu_mode', 'cpu_models'}, set(policy.origins))

    def test_rule_between_flavor_and_image(self):
        refused = self.refused(
            {'numa_ext:cpu_mode': 'host-model'},
            {'numa_ext_cpu_cache': 'passthrough'})

        self.assertEqual(
            "image numa_ext_cpu_cache='passthrough': flavor "
            "numa_ext:cpu_mode='host-model' does not go with it. Set "
            'numa_ext:cpu_mode to host-passthrough or maximum.',
            str(refused))

    def test_near_value(self):
        self.assertEqual(
            "flavor numa_ext:cpu_mode='host-passtrough': no such value. Did "
            'you mean host-passthrough? Known: host-passthrough, '
            'host-model, maximum, custom.',
            str(self.refused({'numa_ext:cpu_mode': 'host-passtrough'})))

    @ddt.data(
        ('numa_ext:cpu_mod', 'Did you mean numa_ext:cpu_mode?'),
        ('numa_ext:CPU_MODE', 'Did you mean numa_ext:cpu_mode?'),
        ('numa_ext:xyzzy', 'Known names: cpu_mode, '),
        ('numa_ext:', 'Known names: cpu_mode, '),
    )
    @ddt.unpack
    def test_unknown_name(self, key, expected):
        refused = self.refused({key: 'x'})

        self.assertEqual('no such name', refused.reason)
        self.assertIn(expected, refused.remedy)

    def test_unknown_property(self):
        refused = self.refused({}, {'numa_ext_cpu_cash': 'auto'})

        self.assertIn('Did you mean numa_ext_cpu_cache?', refused.remedy)

    @ddt.data((254, True), (255, False), (300, False))
    @ddt.unpack
    def test_property_that_may_be_cut(self, length, good):
        text = ','.join(['Nehalem'] * 40)[:length]
        specs = {'numa_ext:cpu_mode': 'custom'}
        properties = {'numa_ext_cpu_models': text}
        if good:
            self.assertTrue(resolve(specs, properties))
        else:
            refused = self.refused(specs, properties)
            self.assertIn('cuts properties at 255', refused.reason)
            self.assertIn('numa_ext:cpu_models', refused.remedy)

    def test_cut_comes_before_the_words_of_the_tail(self):
        text = 'Nehalem,' * 31 + 'Nehal -'

        self.assertIn('may be cut', self.refused(
            {}, {'numa_ext_cpu_models': text}).reason)

    def test_flavor_only_comes_before_the_value(self):
        self.assertEqual('only the flavor may set this', self.refused(
            {}, {'numa_ext_cpu_features': 'vmx'}).reason)

    def test_long_flavor_value(self):
        text = ','.join(f'+f{number}' for number in range(100))

        self.assertEqual(100, len(resolve(
            {'numa_ext:cpu_features': text}, {}).cpu_features))

    def check(self, specs, properties):
        try:
            policy = resolve(specs, properties)
        except errors.InvalidRequest as refused:
            message = str(refused)
            origin = refused.origin
            source = {'flavor': specs, 'image': properties}[origin.kind]
            self.assertEqual(source[origin.key], origin.value)
            hypothesis.event(refused.reason[:24])
            start = f'{origin.kind} {errors.plain(origin.key)}='
            self.assertTrue(message.startswith(start), message)
            # What is seen of the value is its beginning.
            shown = message[len(start) + 1:message.index(
                f"': {refused.reason}")]
            self.assertTrue(errors.plain(origin.value, 1000).startswith(
                shown[:-3] if shown.endswith('...') else shown), message)
            self.assertTrue(message.endswith(f'. {refused.remedy}.'), message)
            self.assertTrue(refused.reason and refused.remedy, message)
            self.assertTrue(message.isprintable(), ascii(message))
            self.assertLessEqual(len(message.encode()), 190, message)
            return
        self.assertIsInstance(policy, guest_policy.GuestPolicy)
        ours = {key[len(table.SPEC_PREFIX):] for key in specs
                if key.startswith(table.SPEC_PREFIX)}
        ours |= {key[len(table.PROPERTY_PREFIX):] for key in properties
                 if key.startswith(table.PROPERTY_PREFIX)}
        self.assertEqual(ours, set(policy.origins))

    @given(SPECS, PROPERTIES)
    def test_is_total(self, specs, properties):
        self.check(specs, properties)

    @given(SOUND_SPECS, SOUND_PROPERTIES)
    def test_is_total_over_rules(self, specs, properties):
        self.check(specs, properties)

    @given(SPECS | SOUND_SPECS, PROPERTIES | SOUND_PROPERTIES, st.randoms())
    def test_order_of_settings_does_not_matter(
            self, specs, properties, random):
        def shuffled(settings):
            items = list(settings.items())
            random.shuffle(items)
            return dict(items)

        self.assertEqual(
            message_of(specs, properties),
            message_of(shuffled(specs), shuffled(properties)))

    @given(st.sampled_from(table.ROWS), VALUES)
    def test_one_row_with_any_value(self, row, value):
        self.check({row.spec: value}, {})
        self.check({}, {row.image_property: value})
