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

from nova_numa_ext import policy
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
        | st.sampled_from(['numa_ext', 'hw_cpu_cores'])
    )


# What Nova's own specs can be, right and wrong.
NOVA = st.fixed_dictionaries({}, optional={
    'hw:cpu_policy': st.sampled_from(['dedicated', 'mixed', 'shared', '<']),
    'hw:cpu_realtime': st.sampled_from(['yes', 'no', 'TRUE', ' 1 ', '']),
    'hw:cpu_realtime_mask': st.sampled_from(['^0', '0-63', '']) | NASTY,
    'hw:emulator_threads_policy': st.sampled_from(['share', 'isolate', 'x']),
    'hw:mem_page_size': st.sampled_from(['large', '2MB']) | NASTY,
    'hw:numa_nodes': NASTY,
    'hw:numa_cpus.0': NASTY,
    'hw:pmu': st.sampled_from(['on', 'off']) | NASTY,
    'hw:locked_memory': NASTY,
    'resources:PCPU': st.sampled_from(['4', '0', '']) | NASTY,
})


def with_novas(strategy):
    return st.builds(lambda ours, novas: {**novas, **ours}, strategy, NOVA)


SPECS = with_novas(st.dictionaries(keys(table.SPEC_PREFIX), VALUES))
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
SOUND_SPECS = with_novas(SOUND_SPECS)
# More of these get as far as a policy: nothing needs or excludes another.
FREE_SPECS = st.fixed_dictionaries({}, optional={
    row.spec: st.sampled_from(list(test_table.EXAMPLES[row.name].good))
    for row in table.ROWS
    if not row.needs and not row.excludes
})


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
        policy = resolve(specs, properties)

        self.assertFalse(policy)
        self.assertEqual(
            guest_policy.GuestPolicy(nova=policy.nova), policy)

    def test_both_agree(self):
        policy = resolve(
            {'numa_ext:cpu_mode': 'maximum'},
            {'numa_ext_cpu_mode': ' maximum'})

        self.assertEqual('maximum', policy.cpu_mode)
        self.assertEqual('flavor', policy.origins['cpu_mode'].kind)

    @ddt.data('auto\n', '\tauto', 'auto\x1c', '\xa0auto', 'auto\u2028')
    def test_spaces_but_nothing_else_around_a_value(self, text):
        self.assertTrue(resolve({'numa_ext:cpu_cache': '  auto '}, {}))
        self.refused({'numa_ext:cpu_cache': text})

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
        ('numa_ext:xyzzy', 'Known names: profile, '),
        ('numa_ext:', 'Known names: profile, '),
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
        self.assertEqual(ours, set(policy.origins) - policy.defaults)
        for name, origin in policy.origins.items():
            if name not in policy.defaults:
                source = {'flavor': specs, 'image': properties}[origin.kind]
                self.assertEqual(source[origin.key], origin.value)

    def test_rule_of_a_row(self):
        self.assertEqual(
            "flavor numa_ext:iothread_scheduler='fifo:3': this needs "
            'numa_ext:iothreads. Set numa_ext:iothreads to per-node, 1 to '
            '16.',
            str(self.refused({'numa_ext:iothread_scheduler': 'fifo:3'})))

    def test_exclusion_of_flavor_and_image(self):
        self.assertEqual(
            "flavor numa_ext:iothread_scheduler='fifo:3': image "
            "numa_ext_iothreads='off' does not go with it. Remove one of the "
            'two.',
            str(self.refused({'numa_ext:iothread_scheduler': 'fifo:3'},
                             {'numa_ext_iothreads': 'off'})))

    @ddt.data(
        ({'hw:cpu_realtime': '1'},
         "flavor hw:cpu_realtime='1': realtime vCPUs need CPUs of their own. "
         'Set hw:cpu_policy=dedicated (or mixed) on the flavor.'),
        ({'hw:cpu_realtime': '1', 'hw:cpu_policy': 'mixed'},
         "flavor hw:cpu_realtime='1': realtime vCPUs need an ordinary one "
         'beside them, or emulator threads elsewhere. Set '
         'hw:cpu_realtime_mask=^0, or hw:emulator_threads_policy=share or '
         'isolate.'),
        ({'numa_ext:realtime_priority': '5'},
         "flavor numa_ext:realtime_priority='5': this needs "
         'hw:cpu_realtime=yes. Set it on the flavor.'),
        ({'numa_ext:profile': 'realtime'},
         "flavor numa_ext:profile='realtime': this needs hw:cpu_realtime=yes, "
         'hw:cpu_policy=dedicated (or mixed) and hw:cpu_realtime_mask (such '
         'as ^0). Set them on the flavor.'),
        # All that is missing, rather than the first of Nova's refusals.
        ({'numa_ext:profile': 'realtime', 'hw:cpu_realtime': 'yes'},
         "flavor numa_ext:profile='realtime': this needs "
         'hw:cpu_policy=dedicated (or mixed) and hw:cpu_realtime_mask (such '
         'as ^0). Set them on the flavor.'),
        ({'numa_ext:profile': 'realtime', 'hw:cpu_realtime': 'yes',
          'hw:cpu_policy': 'dedicated'},
         "flavor numa_ext:profile='realtime': this needs "
         'hw:cpu_realtime_mask (such as ^0). Set it on the flavor.'),
    )
    @ddt.unpack
    def test_realtime_that_lacks_something(self, specs, sentence):
        self.assertEqual(sentence, str(self.refused(specs)))

    @ddt.data({'hw:cpu_policy': 'dedicated', 'hw:cpu_realtime_mask': '^0'},
              {'resources:PCPU': '4', 'hw:cpu_realtime_mask': '^0'},
              {'hw:cpu_policy': 'mixed',
               'hw:emulator_threads_policy': 'isolate'})
    def test_realtime(self, specs):
        policy = resolve({
            'numa_ext:profile': 'realtime', 'hw:cpu_realtime': 'yes',
            **specs}, {})

        self.assertTrue(policy.nova.realtime)

    def test_mask_of_the_image(self):
        self.assertEqual('^0-1', resolve(
            {'hw:cpu_policy': 'dedicated', 'hw:cpu_realtime': 'yes'},
            {'hw_cpu_realtime_mask': '^0-1'}).nova.realtime_mask)

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


@ddt.ddt
class TestReadSetting(testtools.TestCase):

    def test_of_a_flavor(self):
        self.assertEqual(
            ('iothreads',
             errors.Origin('flavor', 'numa_ext:iothreads', ' 2 '), 2),
            policy.read_setting('flavor', 'numa_ext:iothreads', ' 2 '))

    @ddt.data(
        ('flavor', 'numa_ext:iothreads', '17', 'out of range'),
        ('flavor', 'numa_ext:iothread', '2', 'no such name'),
        ('image', 'numa_ext_iothreads', 'x', 'no such value'),
        ('image', 'numa_ext_profile', 'realtime',
         'only the flavor may set this'),
    )
    @ddt.unpack
    def test_refused(self, kind, key, value, reason):
        refused = self.assertRaises(
            errors.InvalidRequest, policy.read_setting, kind, key, value)

        self.assertEqual(reason, refused.reason)
        self.assertEqual(errors.Origin(kind, key, value), refused.origin)

    @given(st.sampled_from(['flavor', 'image']), st.data())
    def test_agrees_with_resolve(self, kind, data):
        """What is refused by itself is refused with others, likewise."""
        prefix = {'flavor': table.SPEC_PREFIX,
                  'image': table.PROPERTY_PREFIX}[kind]
        key = data.draw(keys(prefix).filter(
            lambda key: key.startswith(prefix)))
        value = data.draw(VALUES)
        try:
            policy.read_setting(kind, key, value)
        except errors.InvalidRequest as refused:
            self.assertEqual(str(refused), message_of(*(
                ({key: value}, {}) if kind == 'flavor' else
                ({}, {key: value}))))


class TestProfile(testtools.TestCase):
    """What a profile sets, and what wins over it."""

    beside = test_table.REALTIME

    @given(st.sampled_from(sorted(table.PROFILES)), FREE_SPECS,
           st.booleans())
    def test_what_is_set_wins(self, profile, specs, as_image):
        """A profile adds what nothing else sets, and changes nothing."""
        properties = {}
        if as_image:
            properties = {
                table.PROPERTY_PREFIX + key[len(table.SPEC_PREFIX):]: value
                for key, value in specs.items()
                if not table.BY_NAME[
                    key[len(table.SPEC_PREFIX):]].flavor_only}
            specs = {}
        alone = resolve(specs, properties)

        found = resolve({**specs, **self.beside,
                         'numa_ext:profile': profile}, properties)

        defaults = dict(table.PROFILES[profile])
        for name, row in table.BY_NAME.items():
            value = getattr(found, name)
            if name in alone.origins:
                self.assertEqual(getattr(alone, name), value)
                self.assertEqual(alone.origins[name], found.origins[name])
            elif name in defaults:
                self.assertEqual(row.type.parse(defaults[name]), value)
                self.assertEqual(
                    errors.Origin('profile', row.spec, defaults[name]),
                    found.origins[name])
            elif name != 'profile':
                self.assertNotIn(name, found.origins)
                self.assertEqual(getattr(alone, name), value)
        self.assertEqual(set(defaults) - set(alone.origins), found.defaults)
        self.assertEqual(profile, found.profile)

    def test_rule_that_a_default_breaks(self):
        refused = self.assertRaises(
            errors.InvalidRequest, resolve,
            {'numa_ext:profile': 'high-performance',
             'numa_ext:cpu_models': 'EPYC'}, {})

        self.assertEqual(
            "flavor numa_ext:cpu_models='EPYC': profile "
            "numa_ext:cpu_mode='host-passthrough' does not go with it. Set "
            'numa_ext:cpu_mode to custom.', str(refused))

    def test_default_meets_a_need(self):
        found = resolve({'numa_ext:profile': 'high-performance',
                         'numa_ext:iothread_scheduler': 'rr:1'}, {})

        self.assertEqual('per-node', found.iothreads)

    def test_default_of_realtime_gives_way_to_the_image(self):
        found = resolve(
            {**self.beside, 'numa_ext:profile': 'realtime'},
            {'numa_ext_memballoon': 'on'})

        self.assertIs(True, found.memballoon)
        self.assertEqual('image', found.origins['memballoon'].kind)
