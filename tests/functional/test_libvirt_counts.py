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

"""What nova-compute asks libvirtd for each guest: exact counts, no times.

Nova's own driver and this project's, side by side. A count that grows says
that a call has come back.
"""

from unittest import mock

from nova import objects
from nova import thread_pool_factory
from nova.compute import power_state
from nova.compute import vm_states

from nova_numa_ext.virt import domains
from tests.functional import claimed
from tests.functional import connected

#: Guests that are on the host already.
STANDING = (0, 3, 10)
#: What Nova asks for a boot, and for the two events of it.
BOOT = {
    'XMLDesc': 2, 'createWithFlags': 1, 'defineXML': 1, 'getHostname': 1,
    'getInfo': 1, 'getLibVersion': 12, 'getType': 2, 'info': 3,
    'lookupByUUIDString': 5}
#: For a delete: it says once more that the guest is gone.
DELETE = {
    'destroy': 1, 'getHostname': 1, 'getInfo': 1, 'getLibVersion': 7,
    'info': 1, 'lookupByUUIDString': 4, 'undefineFlags': 1}
AUDIT = {
    'getHostname': 2, 'getInfo': 3, 'getLibVersion': 13, 'getType': 2,
    'getVersion': 1, 'listAllDomains': 2}
SYNC = {'getLibVersion': 1, 'listAllDomains': 1}
XML = """
<domain type='kvm'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory>65536</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
  <devices/>
</domain>
"""


def each(asked, number, *calls):
    """Return the calls of an operation that makes some for each guest."""
    asked = dict(asked)
    for call in calls:
        asked[call] = asked.get(call, 0) + number
    return {call: times for call, times in asked.items() if times}


class LibvirtCountsTest(connected.TestCase):

    microversion = '2.74'

    def setUp(self):
        super().setUp()
        self.start_host('ours')
        self.flags(group='numa_ext', reduce_libvirt_calls=False)
        self.start_host('off')
        self.flags(compute_driver='libvirt.LibvirtDriver')
        self.start_host('novas')
        self.standing = {}
        self.flavor_id = self.flavor()

    def stand(self, host, number):
        """Have this many guests be on a host, which Nova did not start."""
        for guest in range(self.standing.get(host, 0), number):
            instance = claimed.create(self.context, guest + 1, 1)
            claimed.claim(
                self.context, self.computes[host].manager.rt, instance, host)
            instance.vm_state = vm_states.ACTIVE
            instance.power_state = power_state.RUNNING
            instance.save()
            self.connections[host].defineXML(XML.format(
                name=instance.name, uuid=instance.uuid)).createWithFlags(0)
        self.deliver()
        self.standing[host] = number

    def audit(self, host):
        self.computes[host].manager.rt.update_available_resource(
            self.context, host)

    def sync(self, host):
        with mock.patch.object(
                thread_pool_factory, 'spawn_on', autospec=True) as spawn:
            self.computes[host].manager._sync_power_states(self.context)
        for (_kind, work, *args), _ in spawn.call_args_list:
            work(*args)

    def measure(self, host):
        """Return the calls of a boot, a delete, an audit and a sync."""
        found = []
        # What Nova asks a guest once, it asks before.
        self.audit(host)
        self.calls.take(host)
        server = self._create_server(
            flavor_id=self.flavor_id, networks='none', host=host)
        self.deliver()
        found.append(self.calls.take(host))
        self._delete_server(server)
        self.deliver()
        found.append(self.calls.take(host))
        for operation in (self.audit, self.sync):
            operation(host)
            found.append(self.calls.take(host))
        return found

    def measure_all(self):
        found = {'ours': {}, 'off': {}, 'novas': {}}
        for standing in STANDING:
            for host, by_standing in found.items():
                self.stand(host, standing)
                by_standing[standing] = self.measure(host)
        return found

    def test_counts(self):
        found = self.measure_all()

        self.assertEqual({k: [
            {'XMLDesc': 1, 'createWithFlags': 1, 'defineXML': 1,
             'domainListGetStats': 1},
            {'destroy': 1, 'lookupByUUIDString': 1, 'undefineFlags': 1},
            each({'getAllDomainStats': 1}, min(k, domains.REREAD),
                 'XMLDesc'),
            {'getAllDomainStats': 1},
        ] for k in STANDING}, found['ours'])
        self.assertEqual({k: [
            BOOT, DELETE, each(AUDIT, k, 'vcpus', 'XMLDesc'),
            each(SYNC, k, 'getLibVersion', 'lookupByUUIDString', 'info'),
        ] for k in STANDING}, found['novas'])
        self.assertEqual(found['novas'], found['off'])

    def test_an_idle_audit_does_not_ask_for_all_guests_to_find_volumes(self):
        asked = {}
        for host in ('ours', 'off', 'novas'):
            self.stand(host, 3)
            self.audit(host)
            with mock.patch.object(
                    objects.InstanceList, 'get_by_filters', autospec=True,
                    side_effect=objects.InstanceList.get_by_filters) as ask:
                self.audit(host)
            asked[host] = ask.call_count

        self.assertEqual({'ours': 0, 'off': 1, 'novas': 1}, asked)
