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

import contextlib
from unittest import mock

import fixtures
from nova import context
from nova import objects
from nova.conductor import rpcapi
import nova.conf
from nova.network import model
from nova.objects import base as objects_base
from nova.tests import fixtures as nova_fixtures
from nova.virt import driver
import testtools

from nova_numa_ext import figures
from nova_numa_ext.compute import at_hand
from nova_numa_ext.conf import opts

CONF = nova.conf.CONF
opts.register_opts(CONF)

UUID = '2f1d6c5e-7b3a-4f0e-9f44-0d8a51e7c3b6'
OTHER = '2f1d6c5e-7b3a-4f0e-9f44-0d8a51e7c3b7'


def disk(number, **kwargs):
    return objects.BlockDeviceMapping(
        id=number, instance_uuid=UUID, device_name='/dev/vda', volume_id=None,
        snapshot_id=None, image_id=UUID, no_device=False, boot_index=0,
        connection_info=None, guest_format=None, disk_bus='virtio',
        device_type='disk', volume_size=None, tag='root', encrypted=False,
        encryption_secret_uuid=None, encryption_format=None,
        encryption_options=None, delete_on_termination=True,
        source_type='image', destination_type='local', **kwargs)


class AtHandTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.useFixture(nova_fixtures.ConfFixture(CONF))
        self.log = self.useFixture(fixtures.FakeLogger())
        self.conductor = mock.create_autospec(
            rpcapi.ConductorAPI, instance=True)
        # As the class is asked for, in nova-compute.
        self.conductor.__class__ = rpcapi.ConductorAPI
        self.conductor.object_action.return_value = ({}, None)
        self.conductor.object_class_action_versions.return_value = (
            'of the conductor')
        self.context = context.get_admin_context()
        self.instance = objects.Instance(
            self.context, uuid=UUID, root_device_name='/dev/vda',
            system_metadata={})
        self.info = driver.get_block_device_info(
            self.instance, objects.BlockDeviceMappingList(
                objects=[disk(1)]))

    def set(self, name, value):
        CONF.set_override(name, value, 'numa_ext')
        self.addCleanup(CONF.clear_override, name, 'numa_ext')

    def install(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.base.NovaObject.indirection_api',
            at_hand.AtHand(self.conductor)))
        return objects_base.NovaObject.indirection_api

    @contextlib.contextmanager
    def spawning(self, network_info=(), info=None, pci_devices=()):
        boot = at_hand.Boot(
            self.instance, network_info, info or self.info, pci_devices)
        with self.install().spawning(boot):
            yield boot

    def ask(self, kind, uuid=UUID):
        return kind.get_by_instance_uuid(self.context, uuid)

    def asked(self):
        return [call.args[1] for call in
                self.conductor.object_class_action_versions.call_args_list]

    def test_block_devices(self):
        with self.spawning():
            found = self.ask(objects.BlockDeviceMappingList)

        self.assertEqual([1], [device.id for device in found])
        self.assertEqual('root', found[0].tag)
        self.assertEqual(self.context, found._context)
        self.assertEqual([], self.asked())

    def test_what_a_new_guest_has_none_of(self):
        with self.spawning(pci_devices=[
                objects.PciDevice(instance_uuid=OTHER)]):
            for name in ('PciDeviceList', 'ShareMappingList',
                         'VirtualInterfaceList'):
                # Shares came with Nova 29.
                if hasattr(objects, name):
                    self.assertEqual(0, len(self.ask(getattr(objects, name))))
        self.assertEqual([], self.asked())

    def test_what_is_not_at_hand(self):
        with self.spawning(
                network_info=model.NetworkInfo([model.VIF(id='x')]),
                info={**self.info, 'image': []},
                pci_devices=[objects.PciDevice(instance_uuid=UUID)]):
            self.ask(objects.PciDeviceList)
            self.ask(objects.VirtualInterfaceList)
        info = dict(self.info)
        # Older releases.
        del info['image']
        with self.spawning(info=info):
            self.ask(objects.BlockDeviceMappingList)
        self.assertEqual(
            ['PciDeviceList', 'VirtualInterfaceList',
             'BlockDeviceMappingList'], self.asked())

    def test_other_guests(self):
        with self.spawning():
            self.assertEqual('of the conductor', self.ask(
                objects.BlockDeviceMappingList, OTHER))

    def test_only_while_it_is_spawned(self):
        with self.spawning():
            pass
        self.assertEqual(
            'of the conductor', self.ask(objects.BlockDeviceMappingList))

    def test_what_is_registered_goes_with_the_managers_save(self):
        with self.spawning() as boot:
            boot.is_registering = True
            self.instance.system_metadata = {'image_hw_disk_bus': 'virtio'}
            before = self.instance.obj_what_changed()
            self.instance.save()
            self.assertEqual(before, self.instance.obj_what_changed())
            self.assertIn('system_metadata', before)
            self.conductor.object_action.assert_not_called()

            boot.is_registering = False
            self.instance.save()
        self.conductor.object_action.assert_called_once()
        self.assertEqual(set(), self.instance.obj_what_changed())

    def test_other_saves(self):
        other = objects.Instance(self.context, uuid=OTHER)
        with self.spawning() as boot:
            boot.is_registering = True
            other.save()
            self.instance.save(expected_task_state='spawning')
        self.assertEqual(2, self.conductor.object_action.call_count)

    def test_shadow(self):
        self.set('shadow', True)
        self.conductor.object_class_action_versions.return_value = (
            objects.BlockDeviceMappingList(objects=[disk(1)]))
        before = figures.value(
            'shadow_mismatches_total', fast_path='at_hand')
        with self.spawning() as boot:
            self.ask(objects.BlockDeviceMappingList)
            boot.is_registering = True
            self.instance.save()
        self.assertEqual(['BlockDeviceMappingList'], self.asked())
        self.conductor.object_action.assert_called_once()
        self.assertEqual(before, figures.value(
            'shadow_mismatches_total', fast_path='at_hand'))

        self.conductor.object_class_action_versions.return_value = (
            objects.BlockDeviceMappingList(objects=[disk(2)]))
        with self.spawning():
            [found] = self.ask(objects.BlockDeviceMappingList)
        self.assertEqual(2, found.id)
        self.assertIn('shadow: at_hand gives', self.log.output)

    def test_the_rest_is_novas(self):
        self.install().object_backport_versions(self.context, 'object', {})
        self.conductor.object_backport_versions.assert_called_once_with(
            self.context, 'object', {})


class InstallTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(nova_fixtures.ConfFixture(CONF))

    def installed(self, api):
        with fixtures.MonkeyPatch(
                'nova.objects.base.NovaObject.indirection_api', api):
            at_hand.install()
            return objects_base.NovaObject.indirection_api

    def novas(self):
        with mock.patch.object(rpcapi.ConductorAPI, '__init__',
                               autospec=True, return_value=None):
            return rpcapi.ConductorAPI()

    def test_novas(self):
        self.assertIsInstance(self.installed(self.novas()), at_hand.AtHand)

    def test_others(self):
        for api in (None, at_hand.AtHand(self.novas()), object()):
            self.assertIs(api, self.installed(api))

    def test_off(self):
        CONF.set_override('coalesce_updates', False, 'numa_ext')
        self.addCleanup(CONF.clear_override, 'coalesce_updates', 'numa_ext')
        api = self.novas()
        self.assertIs(api, self.installed(api))
