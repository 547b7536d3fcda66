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
from unittest import mock

import ddt
import fixtures
import testtools

from nova_numa_ext.compat import release


@ddt.ddt
class TestRelease(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    @ddt.data('26.0.0', '26.2.2', '30.1.1.dev3', '34.0.0', '34.0.0.0rc1', '34')
    def test_tested_release(self, version):
        release.check_release(version, allow_untested=False)

        self.assertEqual('', self.log.output)

    @ddt.data('25.3.0', '35.0.0', '35.0.0.0b1', '2.6', '340.0.0')
    def test_untested_release(self, version):
        exc = self.assertRaises(
            release.UnsupportedRelease,
            release.check_release, version, allow_untested=False)

        self.assertEqual(
            'nova_numa_ext is made for Nova 26 to 34, and this is Nova %s. '
            'Install a release of nova-numa-ext for it, or set [numa_ext] '
            'allow_untested_nova = true to run it all the same.' % version,
            str(exc))

    @ddt.data('35.0.0', 'vendor-26', '', None)
    def test_untested_release_allowed(self, version):
        release.check_release(version, allow_untested=True)

        self.assertIn('made for Nova 26 to 34', self.log.output)
        self.assertIn('because of [numa_ext] allow_untested_nova',
                      self.log.output)

    @ddt.data('vendor-26', '26x', '', None)
    def test_unknown_version(self, version):
        self.assertRaises(release.UnsupportedRelease,
                          release.check_release, version, allow_untested=False)

    def test_nova_logs_it_and_exits(self):
        # load_compute_driver lets everything but ImportError and ValueError
        # through as a bare traceback.
        self.assertTrue(issubclass(release.UnsupportedRelease, ImportError))

    @mock.patch.object(metadata, 'version', autospec=True)
    def test_installed(self, version):
        version.return_value = '26.2.2'
        self.assertEqual('26.2.2', release.installed())
        version.assert_called_once_with('nova')

    @mock.patch.object(metadata, 'version', autospec=True,
                       side_effect=metadata.PackageNotFoundError)
    def test_not_installed(self, version):
        self.assertIsNone(release.installed())
