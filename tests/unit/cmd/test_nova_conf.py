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

import pathlib

import fixtures
from oslo_config import cfg
import testtools

from nova_numa_ext.cmd import nova_conf

OPTIONS = {
    'DEFAULT': [cfg.IntOpt('builds', default=10)],
    'conductor': [cfg.IntOpt('workers')],
}


class NovaConfTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = self.root / 'nova.conf'
        self.file.write_text('[conductor]\nworkers = 3\n[other]\nx = 1\n')

    def test_a_file_that_is_named(self):
        conf = nova_conf.read([str(self.file)], True, OPTIONS)
        self.assertEqual((10, 3), (conf.builds, conf.conductor.workers))
        self.assertEqual(
            str(self.file), nova_conf.where_set(conf, 'conductor', 'workers'))

    def test_those_of_this_host(self):
        folder = self.root / 'nova.conf.d'
        folder.mkdir()
        (folder / 'a.conf').write_text('[DEFAULT]\nbuilds = 4\n')
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_config.cfg.find_config_files',
            lambda project, prog: [str(self.file)]))
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_config.cfg.find_config_dirs',
            lambda project, prog: [str(folder)]))
        conf = nova_conf.read([], True, OPTIONS)
        self.assertEqual((4, 3), (conf.builds, conf.conductor.workers))
        # Of another host, nothing of this one's is read.
        conf = nova_conf.read([], False, OPTIONS)
        self.assertEqual((10, None), (conf.builds, conf.conductor.workers))
        self.assertIsNone(nova_conf.where_set(conf, 'conductor', 'workers'))

    def test_what_cannot_be_read(self):
        self.assertRaises(nova_conf.Unusable, nova_conf.read,
                          [str(self.root / 'none')], True, OPTIONS)
        self.file.write_text('[DEFAULT]\nbuilds = x\n')
        error = self.assertRaises(
            nova_conf.Unusable, nova_conf.read, [str(self.file)], True,
            OPTIONS)
        self.assertIn('builds', str(error))
