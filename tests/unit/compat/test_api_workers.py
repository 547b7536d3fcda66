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

import sys
import types
from unittest import mock

import testtools

from nova_numa_ext.compat import api_workers


class KnownTest(testtools.TestCase):

    def nova(self, *options):
        conf = types.ModuleType('nova.conf')
        conf.CONF = options
        nova = types.ModuleType('nova')
        nova.conf = conf
        self.modules({'nova': nova, 'nova.conf': conf})

    def modules(self, found):
        patch = mock.patch.dict(sys.modules, found)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_nova_that_has_them(self):
        self.nova('osapi_compute_workers', 'metadata_workers', 'x')
        self.assertIs(True, api_workers.known())

    def test_one_that_has_not(self):
        self.nova('x')
        self.assertIs(False, api_workers.known())

    def test_no_nova(self):
        self.modules({'nova': None, 'nova.conf': None})
        self.assertIs(False, api_workers.known())
