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
import os
import sys
from unittest import mock

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from openstack import connection
import testtools

from nova_numa_ext import explain
from nova_numa_ext.explain import sources

SPECS = {'hw:numa_nodes': '4', 'numa_ext:cpu_mode': 'host-passthrough'}
FLAVOR = sources.Flavor('numa.32', 32, 65536, 20, SPECS)


def no_cloud():
    raise RuntimeError('no cloud here')


class TestFlavor(testtools.TestCase):

    def file(self, text):
        path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'flavor')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def read(self, *words, connect=no_cloud):
        return sources.flavor(words, connect)

    def refused(self, *words, **kwargs):
        return str(self.assertRaises(
            explain.Unusable, self.read, *words, **kwargs))

    def test_words(self):
        self.assertEqual(FLAVOR, self.read(
            'name=numa.32', 'vcpus=32', 'ram=65536', 'disk=20',
            'hw:numa_nodes=4', 'numa_ext:cpu_mode=host-passthrough'))

    def test_size_that_nobody_asks_for(self):
        self.assertEqual(
            {'a:b': 'c'},
            sources.flavor(['a:b=c'], no_cloud, is_sized=False).extra_specs)

    def test_value_with_an_equals_sign(self):
        self.assertEqual({'a:b': 'c=d'}, self.read(
            'vcpus=1', 'ram=1', 'a:b=c=d').extra_specs)

    def test_json(self):
        """As `openstack flavor show -f json` prints it."""
        self.assertEqual(FLAVOR, self.read(self.file(json.dumps({
            'OS-FLV-DISABLED:disabled': False, 'disk': 20, 'id': '7f',
            'name': 'numa.32', 'ram': 65536, 'rxtx_factor': 1.0, 'swap': 0,
            'properties': SPECS, 'vcpus': 32}))))

    def test_json_of_older_clients(self):
        self.assertEqual(FLAVOR, self.read(self.file(json.dumps({
            'disk': 20, 'name': 'numa.32', 'ram': 65536, 'vcpus': 32,
            'properties': "hw:numa_nodes='4', "
                          "numa_ext:cpu_mode='host-passthrough'"}))))

    def test_lines(self):
        self.assertEqual(FLAVOR, self.read(self.file(
            '# the example\nname=numa.32\nvcpus=32\n\nram=65536\n'
            'disk=20\nhw:numa_nodes=4\n'
            '  numa_ext:cpu_mode=host-passthrough\n')))

    def test_name_in_a_cloud(self):
        cloud = mock.create_autospec(connection.Connection, instance=True)
        cloud.compute.find_flavor.return_value.configure_mock(
            name='numa.32', vcpus=32, ram=65536, disk=20, extra_specs=SPECS)

        self.assertEqual(FLAVOR, self.read('numa.32', connect=lambda: cloud))
        cloud.compute.find_flavor.assert_called_once_with(
            'numa.32', get_extra_specs=True)

    def test_not_in_the_cloud(self):
        cloud = mock.create_autospec(connection.Connection, instance=True)
        cloud.compute.find_flavor.return_value = None

        self.assertEqual(
            "'numa.32' is neither a file here nor a flavor in the cloud.",
            self.refused('numa.32', connect=lambda: cloud))

    def test_no_cloud(self):
        self.assertEqual(
            "'numa.32' is no file here and no key=value, and no cloud knows "
            'it: no cloud here.', self.refused('numa.32'))

    def test_missing(self):
        self.assertEqual(
            'The flavor has no ram: add vcpus=NUMBER and ram=MIB.',
            self.refused('vcpus=4'))

    def test_wrong(self):
        for words, message in (
            (['vcpus=four', 'ram=1'], "vcpus='four' is not a whole number."),
            (['vcpus=1', 'ram=-1'],
             "ram='-1' is not a whole number of MiB."),
            (['vcpus=1', 'ram=1', 'vcpu=2'],
             'A flavor has no vcpu: did you mean vcpus?'),
            (['vcpus=1', 'vcpus=2'],
             "The flavor has vcpus twice, as '1' and as '2'."),
            (['vcpus=1', 'ram'], "'ram' is neither a file nor key=value, "
                                 'such as vcpus=4.'),
        ):
            self.assertEqual(message, self.refused(*words))

    def test_files_that_are_none(self):
        self.assertIn('is no JSON', self.refused(self.file('{"vcpus": ')))
        self.assertIn('properties that are no mapping', self.refused(
            self.file('{"vcpus": 1, "properties": [1]}')))
        self.assertIn('is larger than 1 MiB', self.refused(
            self.file('#' * (sources.MOST + 1))))
        self.assertIn('is no JSON', self.refused(self.file('{"a":' * 99999)))

    @given(st.lists(st.text(), min_size=1, max_size=3)
           | st.lists(st.from_regex('[a-z:]{0,6}=.{0,4}'), min_size=1))
    def test_any_words(self, words):
        """Whatever is given is read, or refused on one line."""
        try:
            sources.flavor(words, no_cloud)
        except explain.Unusable as unusable:
            self.assertTrue(str(unusable).isprintable(), unusable)

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(['vcpus', 'ram', 'properties', 'name']), inner)))
    def test_any_json(self, document):
        path = self.file(json.dumps(document))
        try:
            sources.flavor([path], no_cloud)
        except explain.Unusable as unusable:
            self.assertTrue(str(unusable).isprintable(), unusable)


class TestImage(testtools.TestCase):

    def test_none(self):
        self.assertEqual(sources.Image(), sources.image([], no_cloud))

    def test_words(self):
        self.assertEqual(
            sources.Image('debian', {'hw_cpu_policy': 'dedicated'}),
            sources.image(['name=debian', 'hw_cpu_policy=dedicated'],
                          no_cloud))

    def test_name_in_a_cloud(self):
        """Properties that the SDK knows and those that it does not."""
        cloud = mock.create_autospec(connection.Connection, instance=True)
        cloud.image.find_image.return_value.to_dict.return_value = {
            'name': 'debian', 'hw_cpu_policy': 'dedicated', 'size': 7,
            'tags': [], 'properties': {'numa_ext_cpu_cache': 'auto'}}

        found = sources.image(['debian'], lambda: cloud)

        self.assertEqual('debian', found.name)
        self.assertEqual('dedicated', found.properties['hw_cpu_policy'])
        self.assertEqual('auto', found.properties['numa_ext_cpu_cache'])
        self.assertNotIn('tags', found.properties)


class TestConnection(testtools.TestCase):

    def test_without_the_sdk(self):
        with mock.patch.dict(sys.modules, openstack=None):
            error = self.assertRaises(
                explain.Unusable, sources.connect_to_cloud)
        self.assertIn('openstacksdk: install it', str(error))
