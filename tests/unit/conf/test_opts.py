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

from importlib import metadata
import os
import tempfile

from oslo_config import cfg
from oslo_config import generator
import testtools

from nova_numa_ext.conf import opts

ROOT = os.path.join(os.path.dirname(__file__), '../../..')
SAMPLE = os.path.join(ROOT, 'etc/nova-numa-ext.conf.sample')


class OptsTest(testtools.TestCase):

    def test_registering_twice_does_nothing(self):
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        opts.register_opts(conf)
        conf([])
        self.assertTrue(conf.numa_ext.guest_policy)
        self.assertFalse(conf.numa_ext.allow_untested_nova)

    def test_every_option_has_help_that_ends_in_a_full_stop(self):
        for opt in opts.OPTS:
            self.assertTrue(opt.help.strip().endswith('.'), opt.name)

    def test_the_generator_finds_them(self):
        (entry_point,) = [
            entry_point for entry_point in metadata.distribution(
                'nova-numa-ext').entry_points
            if entry_point.group == 'oslo.config.opts']
        self.assertEqual('nova_numa_ext', entry_point.name)
        self.assertEqual([(opts.GROUP, opts.OPTS)], entry_point.load()())

    def test_the_sample_file_is_fresh(self):
        conf = cfg.ConfigOpts()
        generator.register_cli_opts(conf)
        with tempfile.NamedTemporaryFile('r') as fresh:
            conf(['--config-file',
                  os.path.join(ROOT, 'etc/config-generator.conf'),
                  '--output-file', fresh.name])
            generator.generate(conf)
            with open(SAMPLE) as sample:
                self.assertEqual(
                    sample.read(), fresh.read(), 'Run make genconfig')
