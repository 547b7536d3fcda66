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

"""Guests through their life: what they keep, and what a refusal leaves."""

import os

import fixtures
from nova import objects
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import utils as libvirt_utils

from tests.functional import base

SPECS = {
    'numa_ext:cpu_mode': 'host-passthrough',
    'numa_ext:cpu_topology': 'auto',
    'numa_ext:cpu_cache': 'emulate',
}
TUNED = """
<cpu mode="host-passthrough" match="exact">
  <topology sockets="1" cores="4" threads="1"/>
  <cache mode="emulate" level="3"/>
</cpu>
"""
WRONG = "image numa_ext_cpu_cache='big': no such value."


class LifeTestCase(base.TestCase):

    microversion = '2.93'

    def setUp(self):
        super().setUp()
        self.moved = self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'migrate_disk_and_power_off',
            return_value='[]')).mock
        self.destroyed = self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'destroy')).mock
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'cleanup'))
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, '_finish_migration_vtpm'))

    def forget_xml(self):
        for connection in self.connections.values():
            connection.xml.clear()

    def rescue(self):
        # Nova's fixtures make no disks; the driver keeps a file beside them.
        os.makedirs(
            libvirt_utils.get_instance_path(self.instance(self.server)))
        self.api.post_server_action(self.server['id'], {'rescue': {}})
        self._wait_for_state_change(self.server, 'RESCUE')

    def host_of(self, server):
        return self.instance(server).host


class KeptTest(LifeTestCase):
    """Whatever is done to a guest, it keeps what it asked for."""

    def setUp(self):
        super().setUp()
        self.start_host()
        self.server = self.boot(SPECS)
        self.forget_xml()

    def test_hard_reboot(self):
        self._reboot_server(self.server, hard=True)
        self.assertCpu(TUNED, self.server)

    def test_stop_and_start(self):
        self._stop_server(self.server)
        self.forget_xml()
        self._start_server(self.server)
        self.assertCpu(TUNED, self.server)

    def test_rebuild(self):
        self._rebuild_server(self.server, self.image())
        self.assertCpu(TUNED, self.server)
        self.destroyed.assert_called()

    def test_rescue(self):
        self.rescue()
        self.assertCpu(TUNED, self.server)

    def test_shelve_and_unshelve(self):
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'snapshot'))
        self.flags(shelved_offload_time=0)
        self._shelve_server(self.server)
        self.forget_xml()
        self._unshelve_server(self.server)
        self.assertCpu(TUNED, self.server)

    def test_cold_migration(self):
        self.start_host('compute2')
        self._migrate_server(self.server, api=self.admin_api)
        self.assertEqual('compute2', self.host_of(self.server))
        self.assertCpu(TUNED, self.server, 'compute2')

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        flavor = self.flavor(
            {**SPECS, 'numa_ext:cpu_cache': 'disable'}, vcpus=8)
        self._resize_server(self.server, flavor)
        self.assertCpu(
            '<cpu mode="host-passthrough" match="exact">'
            '<topology sockets="1" cores="8" threads="1"/>'
            '<cache mode="disable"/></cpu>', self.server)
        self.forget_xml()
        self._revert_resize(self.server)
        self.assertCpu(TUNED, self.server)


class RefusedTest(LifeTestCase):
    """A guest that runs is not touched by what is refused."""

    # As in production: the API does not wait for the compute host.
    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        self.start_host()
        self.server = self.boot(SPECS)
        self.running = self.xml(self.server)
        self.allocations = self.allocated()

    def last_message(self, action, event_name):
        """Return what the user is told of an action that failed."""
        return self._wait_for_action_fail_completion(
            self.server, action, event_name)['details']

    def allocated(self):
        return {
            provider: allocation['resources']
            for provider, allocation in self._get_allocations_by_server_uuid(
                self.server['id']).items()}

    def assertUntouched(self, status='ACTIVE'):
        server = self.api.get_server(self.server['id'])
        self.assertEqual(
            (status, None, 'compute1'),
            (server['status'], self.instance(server).task_state,
             self.host_of(server)))
        self.assertEqual(self.running, self.xml(self.server))
        self.moved.assert_not_called()
        self.destroyed.assert_not_called()
        self.assertEqual(self.allocations, self.allocated())
        domain = self.connections['compute1'].lookupByUUIDString(server['id'])
        self.assertEqual(status == 'ACTIVE', bool(domain.isActive()))

    def go_bad(self):
        """Have the image's property be wrong in the database."""
        instance = self.instance(self.server)
        instance.system_metadata['image_numa_ext_cpu_cache'] = 'big'
        instance.save()

    def resize(self, specs):
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': self.flavor(specs)}})

    def test_resize_to_what_is_wrong(self):
        self.flags(allow_resize_to_same_host=True)
        old = self.instance(self.server).flavor.flavorid
        self.resize({'numa_ext:cpu_mode': 'host-passtrough'})
        message = self.last_message('resize', 'compute_resize_instance')
        self.assertIn('Did you mean host-passthrough?', message)
        self.assertUntouched()
        self.assertEqual(old, self.instance(self.server).flavor.flavorid)

    def test_resize_to_what_this_host_cannot_do(self):
        self.flags(allow_resize_to_same_host=True)
        self.resize({'numa_ext:cpu_features': '+avx512f'})
        message = self.last_message('resize', 'compute_resize_instance')
        self.assertIn('required features: avx512f', message)
        self.assertUntouched()

    def test_resize_to_what_another_host_can_do(self):
        # The host that it leaves has no say in that.
        self.start_host('compute2')
        self.connections['compute1'].unsupported_modes = ('maximum',)
        source = self.computes['compute1'].driver
        self.useFixture(fixtures.MockPatchObject(
            source, 'get_host_ip_addr', return_value='192.0.2.1'))
        self.resize({'numa_ext:cpu_mode': 'maximum'})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        self.assertEqual('compute2', self.host_of(self.server))
        self.assertEqual(
            'maximum', self.cpu(self.server, 'compute2').get('mode'))

    def refuse_rebuild(self):
        self.api.post_server_action(self.server['id'], {
            'rebuild': {'imageRef': self.image({'numa_ext_cpu_cache': 'big'})}
        })
        message = self.last_message('rebuild', 'compute_rebuild_instance')
        self.assertIn(WRONG, message)

    def test_rebuild_with_a_wrong_image(self):
        self.refuse_rebuild()
        self.assertUntouched()

    def test_rebuild_of_a_stopped_guest(self):
        self._stop_server(self.server)
        self.refuse_rebuild()
        self.assertUntouched('SHUTOFF')

    def test_after_a_refused_rebuild_a_right_image_is_needed(self):
        # The API has replaced what Nova knew of the image by then.
        self.refuse_rebuild()
        self.api.post_server_action(
            self.server['id'], {'reboot': {'type': 'HARD'}})
        self._wait_for_instance_action_event(
            self.server, 'reboot', 'compute_reboot_instance', 'success')
        self.assertUntouched()
        self.forget_xml()
        self._rebuild_server(self.server, self.image())
        self.assertCpu(TUNED, self.server)

    def test_hard_reboot(self):
        self.go_bad()
        self.api.post_server_action(
            self.server['id'], {'reboot': {'type': 'HARD'}})
        # To Nova the action is a success where the guest still runs; the
        # fault, in the database, has the message.
        self._wait_for_instance_action_event(
            self.server, 'reboot', 'compute_reboot_instance', 'success')
        (fault,) = objects.InstanceFaultList.get_by_instance_uuids(
            self.context, [self.server['id']])
        self.assertIn(WRONG, fault.message)
        self.assertUntouched()

    def test_start(self):
        self._stop_server(self.server)
        self.go_bad()
        self.api.post_server_action(self.server['id'], {'os-start': None})
        message = self.last_message('start', 'compute_start_instance')
        self.assertIn(WRONG, message)
        self.assertUntouched('SHUTOFF')

    def test_cold_migration(self):
        self.start_host('compute2')
        self.go_bad()
        self.admin_api.post_server_action(
            self.server['id'], {'migrate': None})
        message = self.last_message('migrate', 'compute_resize_instance')
        self.assertIn(WRONG, message)
        self.assertUntouched()

    def test_rescue_is_not_refused(self):
        # Nova stops the guest first, and a rescue that fails leaves it so.
        self.go_bad()
        self.rescue()
        self.assertEqual('host-model', self.cpu(self.server).get('mode'))

    def test_unshelve(self):
        self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'snapshot'))
        self.flags(shelved_offload_time=0)
        self._shelve_server(self.server)
        self.go_bad()
        self.forget_xml()
        self.api.post_server_action(self.server['id'], {'unshelve': None})
        message = self.last_message('unshelve', 'compute_unshelve_instance')
        self.assertIn(WRONG, message)
        self._wait_for_state_change(self.server, 'SHELVED_OFFLOADED')
        self.assertEqual({}, self.connections['compute1'].xml)
