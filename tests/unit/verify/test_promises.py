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

from nova_numa_ext.verify import promises
from tests.unit.verify import base


class PromisesTest(base.TestCase):

    def test_names(self):
        self.assertEqual(
            promises.Names(base.UUID, 'instance-0000000a', 'edge-1'),
            promises.names(self.defined))

    def test_names_of_a_guest_that_is_not_novas(self):
        self.assertEqual(
            promises.Names('u', 'n', ''), promises.names(
                '<domain><name>n</name><uuid>u</uuid></domain>'))

    def test_a_plain_guest_is_promised_nothing(self):
        self.assertEqual((), promises.of_domain(
            '<domain type="kvm"><name>n</name><memory>1024</memory>'
            '<vcpu>1</vcpu><cpu mode="host-model"/><devices>'
            '<disk><driver/><target dev="vda"/></disk>'
            '<memballoon model="virtio"/></devices></domain>'))

    def test_all_of_a_guest(self):
        self.assertEqual(
            ['CPUs', 'IO thread', 'device', 'host nodes', 'scheduler',
             'shared pages'],
            sorted({promise.what
                    for promise in promises.of_domain(self.defined)}))
