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


from nova_numa_ext.domain import iothreadsched
from nova_numa_ext.policy.values import Scheduler
from tests import golden
from tests.unit.domain import base

DISK = '<devices><disk><driver/><target bus="%s"/></disk></devices>'


class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(iothreadsched.configure(base.guest(
            golden.specs(iothreads='2'))))

    def test_all_of_the_threads(self):
        specs = golden.specs(iothreads='per-node', iothread_scheduler='rr:50')
        self.assertEqual(
            iothreadsched.IoThreadScheduler(2, Scheduler('rr', 50)),
            iothreadsched.configure(base.guest(
                specs, cells=golden.unpinned(2, 2), max_priority=50)))

    def test_above_the_hosts_cap(self):
        refused = self.refused(
            iothreadsched.configure,
            golden.specs(iothreads='1', iothread_scheduler='rr:51'),
            max_priority=50)

        self.assertEqual('numa_ext:iothread_scheduler', refused.origin.key)


class TestWrite(base.ElementTestCase):

    ELEMENT = iothreadsched.IoThreadScheduler(3, Scheduler('fifo', 2))

    def test_into_nothing(self):
        self.assertWrites(
            '<cputune><iothreadsched iothreads="1-3" priority="2" '
            'scheduler="fifo"/></cputune>' + DISK % 'virtio',
            self.ELEMENT, DISK % 'virtio')

    def test_no_disk_that_has_one(self):
        """libvirt: "Cannot find 'iothread'"."""
        self.assertWrites(DISK % 'ide', self.ELEMENT, DISK % 'ide')
