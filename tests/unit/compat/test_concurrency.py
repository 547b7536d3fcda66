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

import ddt
from nova import utils
import testtools

from nova_numa_ext.compat import concurrency

EVENTLET = types.ModuleType('eventlet')


def nova(**attributes):
    """Have a nova.utils with these attributes alone."""
    return mock.patch.object(
        concurrency, 'utils', types.SimpleNamespace(**attributes))


@ddt.ddt
class ConcurrencyTest(testtools.TestCase):

    @ddt.data(True, False)
    def test_a_nova_that_tells(self, threading):
        with nova(concurrency_mode_threading=lambda: threading):
            self.assertIs(threading, concurrency.is_threading())

    def test_a_nova_that_knows_eventlet_only(self):
        with nova():
            self.assertIs(False, concurrency.is_threading())

    def test_eventlet_is_no_name_of_novas(self):
        # Nova 32 and 33 have none.
        with nova(), mock.patch.dict(sys.modules, eventlet=EVENTLET):
            self.assertIs(EVENTLET, concurrency.eventlet())

    def test_this_nova(self):
        if concurrency.is_threading():
            self.assertTrue(utils.concurrency_mode_threading())
            return
        self.assertTrue(issubclass(
            concurrency.eventlet().tpool.Proxy, object))
        self.assertTrue(callable(concurrency.eventlet().Timeout))
