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
import pathlib

import fixtures
from oslo_config import cfg
import testtools

from nova_numa_ext.cmd import guest_cpus


class GuestCpusTest(testtools.TestCase):

    def read(self, text, here=True, **options):
        path = self.useFixture(fixtures.TempDir()).join('nova.conf')
        pathlib.Path(path).write_text(text)
        options = {'config_file': [path], 'cpu_dedicated_set': None,
                   **options}
        return guest_cpus.read(argparse.Namespace(**options), here)

    def test_the_configuration(self):
        found = self.read(
            '[compute]\ncpu_dedicated_set = 4-7,^5\ncpu_shared_set = 1\n')
        self.assertEqual(({1, 4, 6, 7}, {4, 6, 7}),
                         (found.all, found.dedicated))

    def test_an_old_configuration(self):
        found = self.read('[DEFAULT]\nvcpu_pin_set = 2-3\n')
        self.assertEqual(({2, 3}, None), (found.all, found.dedicated))

    def test_options_over_it(self):
        found = self.read(
            '[compute]\ncpu_dedicated_set = 4-7\ncpu_shared_set = 1\n',
            cpu_dedicated_set='4', cpu_shared_set='')
        self.assertEqual({4}, found.all)

    def test_nothing(self):
        self.assertEqual(set(), self.read('').all)

    def test_the_nova_conf_of_this_host_is_no_others(self):
        def files(*_args):
            path = self.useFixture(fixtures.TempDir()).join('nova.conf')
            pathlib.Path(path).write_text('[compute]\ncpu_shared_set = 1\n')
            return [path]
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_config.cfg.find_config_files', files))
        self.assertIs(files, cfg.find_config_files)
        self.assertEqual({1}, self.read('', config_file=[]).all)
        self.assertEqual(set(), self.read('', False, config_file=[]).all)

    def test_what_cannot_be_read(self):
        self.assertRaises(
            guest_cpus.Unusable, self.read, '', config_file=['/nowhere'])
        error = self.assertRaises(
            guest_cpus.Unusable, self.read, '', cpu_dedicated_set='0-x')
        self.assertIn('cpu_dedicated_set = 0-x: ', str(error))

    def test_what_else_the_configuration_says(self):
        path = self.useFixture(fixtures.TempDir()).join('nova.conf')
        for text, expected in (
            ('', ('kvm', True)),
            ('[libvirt]\nvirt_type = qemu\n[numa_ext]\n'
             'report_traits = false\n', ('qemu', False)),
        ):
            pathlib.Path(path).write_text(text)
            conf = guest_cpus.configuration(
                argparse.Namespace(config_file=[path]), here=True)
            self.assertEqual(expected, (
                conf.libvirt.virt_type, conf.numa_ext.report_traits))
