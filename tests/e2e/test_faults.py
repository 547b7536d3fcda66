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

"""Services are ended in the middle of what guests wait for."""

import os

import testtools
from testtools import content

from tests.e2e import faults
from tools.demo import processes

GUESTS = 4
VCPUS = 1
MEMORY_MB = 64
ALLOCATED = {'VCPU': VCPUS, 'MEMORY_MB': MEMORY_MB, 'DISK_GB': 1}


class TestCase(testtools.TestCase):
    """A guest stays, one is deleted and some are booted meanwhile."""

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(faults.Cloud())
        self.compute = self.cloud.api.compute
        self.wait_for('services', self.cloud.is_ready)
        self.log_start = len(self.cloud.log())
        self.name = self.id().rpartition('.')[2].replace('_', '-')
        self.guests = []
        self.addCleanup(self._clean)
        self.flavor = self.compute.create_flavor(
            name=self.name, vcpus=VCPUS, ram=MEMORY_MB, disk=1)
        self.compute.create_flavor_extra_specs(
            self.flavor, {'hw:numa_nodes': '1'})
        self.image = self.cloud.api.image.find_image('guest').id
        self.stays, self.goes = self.boot('standing', 2)
        self.wait_for('standing guests', lambda: {'active'} == set(
            self.states(self.stays, self.goes).values()))

    def _clean(self):
        self.cloud.up()
        self.delete_all()
        self.compute.delete_flavor(self.flavor)

    @staticmethod
    def wait_for(what, condition):
        return processes.wait_for(what, condition, faults.LONG)

    def boot(self, name, count):
        """Have guests booted, all at once; return their names."""
        name = f'{self.name}-{name}'
        names = [f'{name}-{number + 1}' for number in range(count)]
        self.guests += names
        self.compute.create_server(
            name=name, flavor_id=self.flavor.id, image_id=self.image,
            networks='none', min_count=count, max_count=count)
        return names

    def servers(self):
        return {server.name: server for server in self.compute.servers()
                if server.name in self.guests}

    def states(self, *names):
        return {name: row['vm_state']
                for name, row in self.cloud.rows(names).items()}

    def delete(self, *names):
        servers = self.servers()
        for name in names:
            if name in servers:
                self.compute.delete_server(servers[name])

    def delete_all(self):
        self.delete(*self.guests)
        self.wait_for('no guests', lambda: not self.states(*self.guests))

    def begin(self):
        """Return a gate where a save waits, and all others for the lock."""
        gate = self.useFixture(faults.Gate(self.cloud))
        self.batch = self.boot('batch', GUESTS)
        gate.wait_for_save()
        self.wait_for('builds', lambda: (
            len(self.cloud.begun(self.batch)) == GUESTS))
        self.delete(self.goes)
        self.wait_for('the end of a guest', lambda: (
            self.states(self.goes) == {self.goes: 'deleted'}))
        return gate

    def group(self):
        """Return a gate where a save waits, and others for that save.

        Some guests of the batch are ahead of it.
        """
        gate = self.begin()
        while len(self.cloud.claimed(self.batch)) < GUESTS:
            gate.pass_one()
            gate.wait_for_save()
        return gate

    def settled(self):
        """Wait for what becomes of the batch; return those that failed."""
        self.wait_for('settled guests', lambda: {'active', 'error'}.issuperset(
            self.states(*self.batch, self.goes).values()))
        servers = self.servers()
        self.addDetail('servers', content.text_content('\n'.join(
            f'{server.name} {server.status} {server.fault}'
            for server in servers.values())))
        self.assertEqual('ACTIVE', servers[self.stays].status)
        self.assertEqual('running', self.cloud.virsh(
            'domstate', servers[self.stays].id).strip())
        return [servers[name] for name in self.batch
                if servers[name].status == 'ERROR']

    def assert_each_learns(self):
        """Assert that who failed says why; return how many failed."""
        failed = self.settled()
        for server in failed:
            self.assertTrue(server.fault['message'])
        return len(failed)

    def books(self):
        """Return what is said of the host, and what its guests make it."""
        number = len(self.cloud.query(
            'SELECT * FROM instances WHERE deleted = 0 AND host = %s '
            'AND vm_state != "deleted"', faults.HOST))
        return faults.used(self.cloud.node()), {
            'vcpus': number * VCPUS, 'memory': number * MEMORY_MB,
            'guests': number, 'numa': [(number * VCPUS, number * MEMORY_MB)]}

    def allocated(self):
        """Return whether guests have what they should in placement."""
        rows = self.cloud.query('SELECT * FROM instances WHERE deleted = 0')
        allocations = self.cloud.allocations()
        return ({row['uuid'] for row in rows if row['host']}
                <= allocations.keys()
                <= {row['uuid'] for row in rows}) and all(
            each == ALLOCATED for each in allocations.values())

    def wrongs(self):
        """Return what is not as it should be, and how that should be."""
        said, true = self.books()
        return [] if said == true and self.allocated() else [
            said, true, self.cloud.allocations()]

    def assert_healed(self):
        """Assert that all is right, at most one audit from now.

        One that has begun already is not counted.
        """
        audits = self.cloud.audits()

        def looked_at():
            # Counted first: what an audit is to mend is looked at after it.
            late = self.cloud.audits() > audits + 1
            wrongs = self.wrongs()
            return [wrongs] if late or not wrongs else None

        [wrongs] = self.wait_for('an audit', looked_at)
        self.assertEqual([], wrongs)

    def domains(self, uuids):
        """Return those of them that libvirtd has."""
        return uuids.intersection(
            self.cloud.virsh('list', '--all', '--uuid').split())

    def assert_all_can_go(self):
        """Assert that nothing is left of guests that are deleted."""
        # While nova-compute is held to be down, nova-api deletes by itself,
        # and domains stay.
        self.wait_for('services', self.cloud.is_ready)
        uuids = {server.id for server in self.servers().values()}
        given_up = {row['uuid'] for row in self.cloud.rows(
            self.guests).values() if not row['host']}
        self.delete_all()
        self.assert_healed()
        self.wait_for('no allocations', lambda: not uuids.intersection(
            self.cloud.allocations()))
        self.assertEqual(set(), self.domains(uuids) - given_up)
        self._end(given_up)
        log = self.cloud.log()[self.log_start:]
        self.assertEqual([], [line for line in log.splitlines()
                              if 'shadow: coalesce_updates' in line])

    def _end(self, given_up):
        """End what Nova has left of guests.

        Those whose build failed where it cannot (_do_build_and_run_instance:
        "Should not reach here") have no host any more, and may run.
        """
        for uuid in self.domains(given_up):
            if uuid in self.cloud.virsh('list', '--uuid'):
                self.cloud.virsh('destroy', uuid)
            self.cloud.virsh('undefine', uuid)


class TestFaults(TestCase):

    def test_nova_compute_runs_as_asked(self):
        asked = os.environ.get('DEMO_CONCURRENCY')
        if not asked:
            self.skipTest('DEMO_CONCURRENCY asks for neither way')
        self.cloud.kill('nova-compute')
        start = len(self.cloud.log())
        self.cloud.start('nova-compute')

        # Nova 34 says so before its log is set up.
        self.assertEqual(
            asked == 'eventlet',
            'Eventlet based concurrency' in self.cloud.log()[start:])

    def test_nova_compute_is_killed(self):
        gate = self.group()
        self.cloud.kill('nova-compute')
        gate.open()
        self.cloud.start('nova-compute')

        # Nova gives up what it was about to build.
        self.assertEqual(GUESTS, len(self.settled()))
        self.assert_healed()
        self.assert_all_can_go()

    def test_conductor_is_killed(self):
        gate = self.group()
        self.cloud.kill('nova-conductor')
        gate.open()
        self.cloud.start('nova-conductor')

        self.assert_each_learns()
        self.assert_healed()
        self.assert_all_can_go()

    def test_a_save_takes_too_long(self):
        gate = self.group()
        self.wait_for('a failure', lambda: 'error' in (
            self.states(*self.guests).values()))
        gate.open()

        # Others have a save of their own.
        self.assertLess(self.assert_each_learns(), GUESTS)
        self.assert_healed()
        self.assert_all_can_go()

    def test_placement_is_down(self):
        gate = self.begin()
        self.cloud.kill('placement')
        gate.open()
        self.wait_for('failures', lambda: 'building' not in (
            self.states(*self.batch).values()))
        self.cloud.start('placement')

        self.assert_each_learns()
        self.assert_healed()
        self.assert_all_can_go()

    def test_broker_is_killed(self):
        gate = self.group()
        self.cloud.kill('rabbitmq')
        gate.open()
        self.cloud.start('rabbitmq')

        self.assert_each_learns()
        self.assert_healed()
        self.assert_all_can_go()

    def test_database_is_killed(self):
        gate = self.group()
        self.cloud.kill('mariadb')
        gate.open()
        self.cloud.start('mariadb')
        self.assert_healed()

        # That a build has failed cannot be saved either, where it fails before
        # the database is back: such a guest is in BUILD, without a host.
        self.assertEqual({self.stays: 'active'}, self.states(self.stays))
        self.assert_all_can_go()

    def test_libvirtd_is_killed(self):
        self.batch = self.boot('batch', GUESTS)
        self.wait_for('a domain', lambda: len(
            self.cloud.virsh('list', '--uuid').split()) > 2)
        self.cloud.kill('libvirtd')
        self.cloud.start('libvirtd')

        self.assert_each_learns()
        self.assert_healed()
        self.assert_all_can_go()
