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

import argparse

import testtools

from nova_numa_ext.cmd import options


class OptionsTest(testtools.TestCase):

    def parse(self, *words):
        parser = argparse.ArgumentParser()
        options.add_json(parser)
        options.add_picture(parser, 100)
        options.add_configuration(parser)
        self.help = parser.format_help()
        return parser.parse_args(words)

    def test_nothing_given(self):
        self.assertEqual({
            'json': False, 'svg': None, 'ascii': False, 'width': None,
            'cpu_dedicated_set': None, 'config_file': [],
        }, vars(self.parse()))
        self.assertIn('100 elsewhere', ' '.join(self.help.split()))

    def test_all_given(self):
        self.assertEqual({
            'json': True, 'svg': 'x.svg', 'ascii': True, 'width': 80,
            'cpu_dedicated_set': '2-7', 'config_file': ['a', 'b'],
        }, vars(self.parse(
            '--json', '--svg', 'x.svg', '--ascii', '--width', '80',
            '--cpu-dedicated-set', '2-7', '--config-file', 'a',
            '--config-file', 'b')))
