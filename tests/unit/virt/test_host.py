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

from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.virt import host


class NumaHostTest(testtools.TestCase):

    def test_adopt(self):
        novas = nova_host.Host('qemu:///system')

        self.assertIs(novas, host.NumaHost.adopt(novas))
        self.assertIsInstance(novas, host.NumaHost)
