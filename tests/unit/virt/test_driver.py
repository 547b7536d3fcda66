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

import inspect
from unittest import mock

import fixtures
from nova import exception
from nova import objects
from nova.compute import task_states
import nova.conf
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import host as nova_host
from oslo_utils.fixture import uuidsentinel as uuids
import testtools

from nova_numa_ext.compat import release
from nova_numa_ext.compute import resource_tracker
from nova_numa_ext.domain import capabilities
from nova_numa_ext.topology import affinity
from nova_numa_ext.topology import host
from nova_numa_ext.virt import affinity_ledger
from nova_numa_ext.virt import apply
from nova_numa_ext.virt import driver
from nova_numa_ext.virt import host_facts

CONF = nova.conf.CONF

WRONG = {'numa_ext:cpu_mode': 'host-passtrough'}
RIGHT = {'numa_ext:cpu_mode': 'host-passthrough'}
SENTENCE = (
    "flavor numa_ext:cpu_mode='host-passtrough': no such value. Did you mean "
    'host-passthrough? Known: host-passthrough, host-model, maximum, custom.')


def flavor(specs=None):
    return objects.Flavor(
        vcpus=2, memory_mb=512, root_gb=1, ephemeral_gb=0,
        extra_specs=dict(specs or {}))


def instance(specs=None):
    return objects.Instance(
        uuid=uuids.instance, flavor=flavor(specs), system_metadata={},
        numa_topology=None, vcpu_model=None, task_state=None)


class DriverTestCase(testtools.TestCase):
    """A driver on a host that can do mode host-passthrough and no other."""

    def setUp(self):
        super().setUp()
        self.driver = object.__new__(driver.NumaLibvirtDriver)
        self.driver._host = mock.Mock(spec=['get_connection'])
        self.facts = mock.create_autospec(
            host_facts.HostFacts, instance=True)
        self.facts.topology.return_value = host.HostTopology(
            'x86_64', (), {}, ())
        self.facts.domain_capabilities.return_value = (
            capabilities.DomainCapabilities(
                'kvm', 'x86_64', ('host-passthrough',), {}))
        self.driver._host_facts = self.facts
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.driver.libvirt', fakelibvirt))
        self.stub('_check_emulation_arch', return_value='x86_64')
        cpu = vconfig.LibvirtConfigGuestCPU()
        cpu.mode = 'host-model'
        self.stub('_get_guest_cpu_model_config', return_value=cpu)
        self.image_meta = objects.ImageMeta(
            properties=objects.ImageMetaProps())
        self.useFixture(fixtures.MockPatchObject(
            objects.Instance, 'image_meta', self.image_meta))

    def stub(self, name, **kwargs):
        """Put a mock in the place of a method of Nova's driver."""
        return self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, name, autospec=True, **kwargs)).mock

    def switch_off(self):
        CONF.set_override('guest_policy', False, group='numa_ext')
        self.addCleanup(
            CONF.clear_override, 'guest_policy', group='numa_ext')


class SignatureTest(testtools.TestCase):

    def test_public_methods_are_called_as_novas_are(self):
        own = {
            name: method
            for name, method in vars(driver.NumaLibvirtDriver).items()
            if inspect.isfunction(method) and not name.startswith('_')}
        self.assertIn('spawn', own)
        for name, method in own.items():
            self.assertEqual(
                inspect.getfullargspec(
                    getattr(nova_driver.LibvirtDriver, name)),
                inspect.getfullargspec(method), name)


class InitTest(testtools.TestCase):

    def test_an_untested_nova(self):
        self.useFixture(fixtures.MockPatch(
            'nova.version.version_string', return_value='35.0.0'))
        novas = self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, '__init__', return_value=None)).mock
        refused = self.assertRaises(
            release.UnsupportedRelease, driver.NumaLibvirtDriver, None)
        self.assertIn('this is Nova 35.0.0.', str(refused))
        novas.assert_not_called()

    @mock.patch.object(resource_tracker, 'install', autospec=True)
    @mock.patch.object(
        nova_driver.LibvirtDriver, 'init_host', autospec=True)
    def init_host(self, novas, install):
        ours = object.__new__(driver.NumaLibvirtDriver)
        ours.virtapi = mock.sentinel.virtapi
        ours.init_host('here')
        novas.assert_called_once_with(ours, 'here')
        return install.mock_calls

    def test_the_tracker_is_installed(self):
        self.assertEqual(
            [mock.call(mock.sentinel.virtapi)], self.init_host())


class RefusalTest(DriverTestCase):
    """Each way in is refused before Nova's own method does anything."""

    def test_spawn(self):
        novas = self.stub('spawn')
        refused = self.assertRaises(
            exception.BuildAbortException, self.driver.spawn, None,
            instance(WRONG), self.image_meta, [], None, {})
        self.assertIn(SENTENCE, str(refused))
        novas.assert_not_called()

    def test_rebuild(self):
        novas = self.stub('rebuild')
        refused = self.assertRaises(
            exception.InstanceFaultRollback, self.driver.rebuild, None,
            instance(WRONG), self.image_meta, [], None, {}, [], None, None)
        self.assertEqual(SENTENCE, str(refused.inner_exception))
        novas.assert_not_called()

    def test_hard_reboot(self):
        novas = self.stub('_hard_reboot')
        refused = self.assertRaises(
            exception.Invalid, self.driver._hard_reboot, None,
            instance(WRONG), [], [])
        self.assertEqual(SENTENCE, str(refused))
        novas.assert_not_called()

    def migrate(self, specs, dest='here'):
        self.useFixture(fixtures.MockPatchObject(
            self.driver, 'get_host_ip_addr', return_value='here'))
        return self.driver.migrate_disk_and_power_off(
            None, instance(RIGHT), dest, flavor(specs), [])

    def test_migrate(self):
        novas = self.stub('migrate_disk_and_power_off')
        for dest in ('here', 'there'):
            refused = self.assertRaises(
                exception.InstanceFaultRollback, self.migrate, WRONG, dest)
            self.assertIn(SENTENCE, str(refused.inner_exception))
        novas.assert_not_called()

    def test_migrate_to_what_only_another_host_can_do(self):
        novas = self.stub('migrate_disk_and_power_off', return_value='disks')
        maximum = {'numa_ext:cpu_mode': 'maximum'}
        refused = self.assertRaises(
            exception.InstanceFaultRollback, self.migrate, maximum)
        self.assertIn('kvm guests on this host cannot have it',
                      str(refused.inner_exception))
        novas.assert_not_called()
        self.assertEqual('disks', self.migrate(maximum, 'there'))


# Nova has these since it has shares.
SHARES = ['share'] if 'share_info' in inspect.signature(
    nova_driver.LibvirtDriver._hard_reboot).parameters else []


class PassedOnTest(DriverTestCase):
    """What is not refused is Nova's, with all that it was called with."""

    def assertPassedOn(self, name, *args, **kwargs):
        novas = self.stub(name, return_value='result')
        result = getattr(self.driver, name)(*args, **kwargs)
        novas.assert_called_once_with(self.driver, *args, **kwargs)
        return result

    def test_spawn(self):
        self.assertPassedOn(
            'spawn', 'context', instance(RIGHT), self.image_meta, 'files',
            'password', 'allocations', network_info='network',
            block_device_info='disks', power_on=False, accel_info='accel')

    def test_rebuild(self):
        self.assertPassedOn(
            'rebuild', 'context', instance(RIGHT), self.image_meta, 'files',
            'password', 'allocations', 'bdms', 'detach', 'attach',
            network_info='network', evacuate=True)

    def test_hard_reboot(self):
        self.assertPassedOn(
            '_hard_reboot', 'context', instance(RIGHT), 'network', *SHARES,
            block_device_info='disks')

    def test_migrate(self):
        self.stub('get_host_ip_addr', return_value='here')
        self.assertEqual('result', self.assertPassedOn(
            'migrate_disk_and_power_off', 'context', instance(), 'here',
            flavor(RIGHT), 'network', block_device_info='disks', timeout=3,
            retry_interval=4))

    def test_a_wrong_request_where_the_switch_is_off(self):
        self.switch_off()
        self.assertPassedOn(
            '_hard_reboot', 'context', instance(WRONG), 'network', *SHARES)

    def test_libvirt_is_not_asked_for_a_guest_that_asks_for_nothing(self):
        self.assertPassedOn(
            '_hard_reboot', 'context', instance(), 'network', *SHARES)
        self.driver._host.get_connection.assert_not_called()


class VerifiedTest(DriverTestCase):
    """A guest is looked at once Nova's own method has started it."""

    def assertVerified(self, name, *args):
        order = []
        self.stub(name, side_effect=lambda *_args, **_kwargs:
                  order.append(name))
        asked = instance()
        self.useFixture(fixtures.MockPatchObject(
            driver.verify, 'after_start',
            side_effect=lambda *passed: order.append(passed)))
        getattr(self.driver, name)(
            *(asked if arg is instance else arg for arg in args))
        self.assertEqual([name, (self.driver._host, asked)], order)

    def test_spawn(self):
        self.assertVerified('spawn', None, instance, self.image_meta, [],
                            None, {})

    def test_hard_reboot(self):
        self.assertVerified('_hard_reboot', None, instance, [], [])

    def test_finish_migration(self):
        self.assertVerified('finish_migration', None, None, instance, 'disks',
                            [], self.image_meta, True, {})

    def test_finish_revert_migration(self):
        self.assertVerified(
            'finish_revert_migration', None, instance, [], None)


class GuestConfigTest(DriverTestCase):

    def setUp(self):
        super().setUp()
        self.novas = vconfig.LibvirtConfigGuest()
        self.novas.virt_type = 'kvm'
        self.novas.cpu = vconfig.LibvirtConfigGuestCPU()
        self.novas.cpu.mode = 'host-model'
        self.stock = self.stub('_get_guest_config', return_value=self.novas)

    def config(self, instance):
        return self.driver._get_guest_config(
            instance, 'network', self.image_meta, 'disks', rescue='rescue')

    def test_novas_own_object_where_nothing_is_asked_for(self):
        asked = instance()
        self.assertIs(self.novas, self.config(asked))
        self.stock.assert_called_once_with(
            self.driver, asked, 'network', self.image_meta, 'disks',
            rescue='rescue')
        self.driver._host.get_connection.assert_not_called()

    def test_novas_own_object_where_the_switch_is_off(self):
        self.switch_off()
        for specs in (RIGHT, WRONG):
            self.assertIs(self.novas, self.config(instance(specs)))

    def test_what_is_asked_for(self):
        asked = instance(RIGHT)
        guest = self.config(asked)
        self.assertIsInstance(guest, apply.TunedGuest)
        self.assertIn('<cpu mode="host-passthrough"', guest.to_xml())
        self.assertEqual('host-passthrough', asked.vcpu_model.mode)

    def test_what_is_wrong(self):
        refused = self.assertRaises(
            exception.Invalid, self.config, instance(WRONG))
        self.assertEqual(SENTENCE, str(refused))

    def test_a_rescue_is_not_refused(self):
        asked = instance(WRONG)
        asked.task_state = task_states.RESCUING
        self.assertIs(self.novas, self.config(asked))
        asked = instance(RIGHT)
        asked.task_state = task_states.RESCUING
        self.assertIsInstance(self.config(asked), apply.TunedGuest)

    def test_a_place(self):
        place = affinity.Place(
            frozenset((1,)), (frozenset((4,)), frozenset((5,))),
            frozenset((4, 5, 6)), 'a test')
        self.driver._affinity = mock.create_autospec(
            affinity_ledger.Ledger, instance=True)
        self.driver._affinity.place.return_value = place
        for specs in ({'numa_ext:numa_affinity': 'strict', **RIGHT}, {}):
            CONF.set_override('numa_affinity', 'strict', group='numa_ext')
            self.addCleanup(
                CONF.clear_override, 'numa_affinity', group='numa_ext')
            xml = self.config(instance(specs)).to_xml()
            self.assertIn('<emulatorpin cpuset="4-6"/>', xml)
            self.assertIn('<memory mode="strict" nodeset="1"/>', xml)
            self.assertIn('name="numa_affinity" value="strict"', xml)
        self.driver._affinity.place.return_value = 'no room'
        xml = self.config(instance()).to_xml()
        self.assertNotIn('emulatorpin', xml)
        self.assertIn('name="numa_affinity" value="strict"', xml)
        # What the option alone asks for needs nothing of libvirt.
        self.driver._host.get_connection.assert_called_once_with()

    def test_one_connection_is_asked_for_per_guest(self):
        # Nova pings libvirtd each time.
        self.config(instance(RIGHT))
        self.driver._host.get_connection.assert_called_once_with()


class DomainCapabilitiesTest(DriverTestCase):

    def fail_with(self, **kwargs):
        self.facts.domain_capabilities.side_effect = (
            fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, 'no KVM here', **kwargs))

    def test_guests_that_cannot_be_here(self):
        self.fail_with(error_code=fakelibvirt.VIR_ERR_INVALID_ARG,
                       error_domain=fakelibvirt.VIR_FROM_QEMU)
        refusal = self.driver._refusal(instance(RIGHT), self.image_meta)
        self.assertIn('guests of x86_64 cannot run: ', refusal)
        self.assertIn('cannot run: no KVM here.', refusal)

    def test_a_libvirtd_that_is_gone(self):
        self.fail_with(error_code=fakelibvirt.VIR_ERR_INTERNAL_ERROR,
                       error_domain=fakelibvirt.VIR_FROM_RPC)
        self.assertRaises(
            fakelibvirt.libvirtError, self.driver._refusal, instance(RIGHT),
            self.image_meta)


class AttachTest(DriverTestCase):
    """A volume is served by an IO thread of the guest."""

    XML = '<domain><iothreads>1</iothreads><devices/></domain>'

    def setUp(self):
        super().setUp()
        self.checked = self.stub('_check_discard_for_attach_volume')

    def attach(self, specs, bus='virtio'):
        disk = vconfig.LibvirtConfigGuestDisk()
        disk.source_type = 'block'
        disk.source_path = '/dev/sdz'
        disk.target_dev = 'vdb'
        disk.target_bus = bus
        self.driver._host = mock.create_autospec(
            nova_host.Host, instance=True)
        guest = self.driver._host.get_guest.return_value
        guest.get_xml_desc.return_value = self.XML

        self.driver._check_discard_for_attach_volume(disk, instance(specs))

        self.checked.assert_called_with(self.driver, disk, mock.ANY)
        self.asked = self.driver._host.get_guest.called
        return 'iothread="1"' in disk.to_xml()

    def test_where_the_guest_asks_for_threads(self):
        for asked in ('1', 'per-node'):
            self.assertTrue(self.attach({'numa_ext:iothreads': asked}))

    def test_where_it_does_not(self):
        for specs in ({}, RIGHT, {'numa_ext:iothreads': 'off'}):
            self.assertFalse(self.attach(specs))
            self.assertFalse(self.asked)

    def test_a_disk_that_cannot_use_one(self):
        self.assertFalse(self.attach({'numa_ext:iothreads': '1'}, 'ide'))
        self.assertFalse(self.asked)

    def test_a_guest_that_would_be_refused_today(self):
        self.assertFalse(self.attach({**WRONG, 'numa_ext:iothreads': '1'}))
