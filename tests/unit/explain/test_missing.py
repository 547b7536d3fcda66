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

import dataclasses

from lxml import etree
import testtools

from nova_numa_ext import policy
from nova_numa_ext.explain import missing
from tests import golden

HIGH = {'numa_ext:profile': 'high-performance'}
DEDICATED = {'hw:cpu_policy': 'dedicated'}
EMULATED = "<domain><cpu><cache mode='emulate'/></cpu></domain>"


class TestProfile(testtools.TestCase):

    def test_none(self):
        self.assertIsNone(missing.profile_of(policy.resolve(
            {'numa_ext:cpu_cache': 'auto'}, {})))

    def test_made_and_overridden(self):
        found = missing.profile_of(policy.resolve(
            dict(HIGH, **{'numa_ext:cpu_mode': 'maximum',
                          'numa_ext:ksm': 'off'}),
            {'numa_ext_memballoon': 'on'}))

        self.assertEqual('high-performance', found.name)
        self.assertEqual(
            ('cpu_cache=auto', 'cpu_topology=auto', 'iothreads=per-node',
             'kvm_hints=auto'), found.made)
        self.assertEqual(
            ("flavor numa_ext:cpu_mode='maximum' instead of "
             'cpu_mode=host-passthrough',
             "image numa_ext_memballoon='on' instead of memballoon=off"),
            found.overridden)


class TestMissing(testtools.TestCase):

    def missing(self, specs, domain='<domain/>', host='intel-2-sockets',
                cells=(), **fields):
        guest = golden.guest_of(golden.Case(
            'any', {}, {}, specs, host=host, cells=cells))
        guest = dataclasses.replace(guest, **fields)
        return missing.missing(guest, etree.fromstring(domain))

    def test_nothing_asked(self):
        self.assertEqual((), self.missing({}))

    def test_profile(self):
        found = self.missing(HIGH)

        for sentence, spec in zip(found, (
                'Set hw:cpu_policy=dedicated.', 'Set numa_ext:numa_nodes=auto',
                'Set hw:mem_page_size=large')):
            self.assertIn(spec, sentence)
        self.assertEqual(3, len(found))

    def test_nothing_is_missing(self):
        specs = dict(HIGH, **DEDICATED, **{
            'hw:mem_page_size': 'large', 'numa_ext:numa_distances': 'host'})

        self.assertEqual((), self.missing(
            specs, cells=golden.nodes(range(2), range(8, 10))))

    def test_distances(self):
        specs = dict(HIGH, **DEDICATED, **{'hw:mem_page_size': 'large'})

        (sentence,) = self.missing(
            specs, cells=golden.nodes(range(2), range(8, 10)))
        self.assertIn('Set numa_ext:numa_distances=host', sentence)
        self.assertEqual((), self.missing(
            specs, cells=golden.nodes(range(4))))

    def test_emulator_threads(self):
        specs = dict(HIGH, **DEDICATED, **{
            'hw:mem_page_size': 'large', 'hw:cpu_realtime': 'yes',
            'hw:cpu_realtime_mask': '^0'})

        (sentence,) = self.missing(
            specs, cells=golden.nodes(range(4)),
            realtime_vcpus=frozenset({1}))
        self.assertIn('Set hw:emulator_threads_policy=isolate', sentence)

    def test_cache_that_is_made_up(self):
        auto = {'numa_ext:cpu_cache': 'auto'}
        mode = {'numa_ext:cpu_mode': 'host-passthrough'}
        topology = {'numa_ext:cpu_topology': 'auto'}
        for specs, words in (
            (auto, 'Set hw:cpu_policy=dedicated'),
            (dict(auto, **DEDICATED), 'Set numa_ext:cpu_mode='),
            (dict(auto, **DEDICATED, **mode), 'Set numa_ext:cpu_topology='),
            (dict(auto, **DEDICATED, **mode, **topology), 'Whole cores'),
        ):
            (sentence,) = self.missing(specs, EMULATED)
            self.assertIn(words, sentence)

    def test_cache_that_was_asked_for(self):
        self.assertEqual((), self.missing(
            {'numa_ext:cpu_cache': 'emulate'}, EMULATED))
