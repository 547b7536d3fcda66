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

"""What nova-compute asks others for each guest: exact counts, no times.

Nova's own way and this project's, side by side. A count that grows says that
a call has come back.
"""

import contextlib
import itertools
from unittest import mock

import fixtures
from nova import objects
from nova.virt.libvirt import driver as nova_driver

from tests.functional import base
from tests.functional import claimed

#: Guests that are on the host already.
STANDING = (0, 3, 10)


class TrackerCountsTest(base.TestCase):
    """Requests to placement and saves of the node's row.

    Those to placement are of nova-compute itself: one to read what a guest
    that is created has been given, one to take it back when it is deleted.
    The rest is the tracker's.
    """

    microversion = '2.74'

    def setUp(self):
        super().setUp()
        self.start_host('ours')
        self.flags(group='numa_ext', coalesce_updates=False)
        self.start_host('novas')
        self.saves = 0
        save = objects.ComputeNode.save

        def counted(node):
            self.saves += 1
            save(node)

        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.ComputeNode.save', counted))
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'get_host_uptime',
            side_effect=(f'up {minute} min' for minute in itertools.count())))
        self.standing = {'ours': 0, 'novas': 0}

    def audit(self, host):
        self.computes[host].manager.rt.update_available_resource(
            self.context, host)

    def create(self, host):
        return self._create_server(
            flavor_id=self.flavor_id, networks='none', host=host)

    def stand(self, host, number):
        """Have this many guests be on a host."""
        for guest in range(self.standing[host], number):
            instance = claimed.create(self.context, guest + 1, 1)
            claimed.claim(
                self.context, self.computes[host].manager.rt, instance, host)
            self.placement.put(f'/allocations/{instance.uuid}', {
                'allocations': {self.compute_rp_uuids[host]: {
                    'resources': {'MEMORY_MB': 1}}},
                'project_id': instance.project_id,
                'user_id': instance.user_id,
                'consumer_generation': None}, version='1.28')
        self.standing[host] = number

    @contextlib.contextmanager
    def counting(self, host, counts):
        client = self.computes[host].manager.reportclient
        self.saves = 0
        with contextlib.ExitStack() as stack:
            requests = [
                stack.enter_context(mock.patch.object(
                    client, method, wraps=getattr(client, method)))
                for method in ('get', 'put', 'post', 'delete')]
            yield
            counts.append((
                sum(request.call_count for request in requests),
                self.saves))

    def measure(self, host):
        """Return the counts of a boot, a delete and an audit."""
        counts = []
        with self.counting(host, counts):
            server = self.create(host)
        with self.counting(host, counts):
            self._delete_server(server)
        # After a change the first audit has a save, to drop zeros from the
        # statistics.
        self.audit(host)
        with self.counting(host, counts):
            self.audit(host)
        return counts

    def test_counts(self):
        self.flavor_id = self.flavor()
        found = {'ours': {}, 'novas': {}}
        for standing in STANDING:
            for host, by_standing in found.items():
                self.stand(host, standing)
                by_standing[standing] = self.measure(host)

        self.assertEqual({
            # Requests to placement and saves: of a boot, a delete, an audit.
            k: [(1, 1), (1, 1), (1, 0)] for k in STANDING}, found['ours'])
        self.assertEqual({
            k: [(3 + k, 1), (3 + k, 1), (2 + k, 1)] for k in STANDING},
            found['novas'])
