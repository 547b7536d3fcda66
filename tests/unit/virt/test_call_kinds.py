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

import libvirt
import testtools

from nova_numa_ext.virt import call_kinds


class CallKindsTest(testtools.TestCase):

    def missing(self, kind, names):
        return [name for name in names if not hasattr(kind, name)]

    def test_each_is_a_call_of_libvirts(self):
        """A slip of the pen in a name would never be found."""
        self.assertEqual([], self.missing(
            libvirt.virDomain,
            call_kinds.LONG_OF_DOMAIN | call_kinds.STARTS
            | call_kinds.UNDEFINES | call_kinds.ASKS_DOMAIN))
        self.assertEqual([], self.missing(
            libvirt.virConnect, call_kinds.LONG | call_kinds.WITH_LONG))

    def test_what_asks_is_not_what_takes_long(self):
        """That must not be done twice."""
        self.assertEqual(
            set(), call_kinds.ASKS_DOMAIN & call_kinds.LONG_OF_DOMAIN)
        self.assertEqual([], [
            name for name in call_kinds.LONG | call_kinds.WITH_LONG
            if name.startswith(call_kinds.ASKS)])
