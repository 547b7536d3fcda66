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

"""What Nova is told of guests that change behind its back, by a libvirtd."""

import collections
import os
import signal
import subprocess
import types
from unittest import mock

import fixtures
import libvirt
from nova import exception
from nova import objects
from nova.compute import power_state
import nova.conf
from nova.virt import fake
from nova.virt.libvirt import guest as nova_guest
from oslo_config import fixture as config_fixture
from oslo_utils import units

from nova_numa_ext import figures
from nova_numa_ext.virt import domains
from nova_numa_ext.virt import driver
from tests.e2e import test_libvirt_calls
from tools.demo import processes

CONF = nova.conf.CONF


class TestCase(test_libvirt_calls.TestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.trouble = self.count_trouble()
        self.addCleanup(self.assert_no_trouble)
        self.config = self.useFixture(config_fixture.Config(CONF)).config
        self.config(group='libvirt', virt_type='qemu',
                    connection_uri=self.libvirtd.uri)
        self.folder = self.useFixture(fixtures.TempDir()).path
        os.chmod(self.folder, 0o755)
        self.useFixture(fixtures.MockPatch(
            'nova.objects.InstanceList.get_by_filters', return_value=[]))
        self.useFixture(fixtures.MockPatch(
            'nova.objects.BlockDeviceMappingList.bdms_by_instance_uuid',
            return_value={}))
        self.connect()

    def count_trouble(self):
        return [
            sample for metric in figures.REGISTRY.collect()
            for sample in metric.samples if sample.name.endswith(
                ('fast_path_errors_total', 'shadow_mismatches_total'))
            and sample.value]

    def assert_no_trouble(self):
        """Assert that no fast path failed or was found out in shadow mode."""
        self.assertEqual(self.trouble, self.count_trouble())

    def connect(self):
        self.driver = driver.NumaLibvirtDriver(fake.FakeVirtAPI())
        self.host = self.driver._host
        self.host._delayed_executor = mock.create_autospec(
            test_libvirt_calls.DelayedExecutor, instance=True)
        self.host.get_connection()
        self.assertTrue(self.host.domains.is_followed)

    def virsh(self, *command):
        subprocess.run(
            ['virsh', '--connect', self.libvirtd.uri, *command], check=True,
            timeout=test_libvirt_calls.LONG, capture_output=True)

    def boot(self, name, vcpus=2):
        """Have Nova start a guest with a disk of 1 MiB, and return it."""
        uuid, xml = test_libvirt_calls.guest(name)
        disk = os.path.join(self.folder, name)
        self._make_disk(disk, 1)
        xml = xml.replace(
            '<os>', f'<vcpu current="{vcpus}">8</vcpu>'
            '<features><acpi/></features><os>').replace(
            '<devices>', f'<devices>{_disk(disk, "vda")}')
        guest = nova_guest.Guest.create(xml, self.host)
        guest.launch()
        return types.SimpleNamespace(
            uuid=uuid, name=name, power_state=power_state.RUNNING)

    @staticmethod
    def _make_disk(path, size_mb):
        with open(path, 'wb') as disk:
            disk.truncate(size_mb * units.Mi)
        os.chmod(path, 0o666)

    def attach(self, instance, size_mb):
        disk = os.path.join(self.folder, f'{instance.name}.more')
        self._make_disk(disk, size_mb)
        self.virsh('attach-disk', instance.name, disk, 'vdb', '--live',
                   '--subdriver', 'raw')

    def state(self, instance, **kwargs):
        """Return the state of an instance, None where it is not found."""
        try:
            return self.driver.get_info(instance, **kwargs).state
        except exception.InstanceNotFound:
            return None

    def synced(self, *instances):
        """Return the states of instances that a power sync finds."""
        self.driver.get_num_instances()
        return [self.state(instance) for instance in instances]

    def audited(self):
        """Return vCPUs in use and MiB of disks that an audit finds."""
        with self.host.audit():
            return (
                self.driver._get_vcpu_used(),
                round(self.driver._get_disk_over_committed_size_total()
                      / units.Mi))

    def calls(self):
        return collections.Counter({
            sample.labels['call']: sample.value
            for metric in figures.REGISTRY.collect()
            for sample in metric.samples
            if sample.name.endswith('libvirt_call_seconds_count')})


def _disk(path, target):
    return (f'<disk type="file" device="disk"><driver name="qemu" type="raw"/>'
            f'<source file="{path}"/><target dev="{target}" bus="virtio"/>'
            '</disk>')


class FreshnessTest(TestCase):
    def change_power(self):
        """Change a guest's state in all ways; each read after it is right."""
        instance = self.boot('one')
        for command, state in (
                ('destroy', power_state.SHUTDOWN),
                ('start', power_state.RUNNING),
                ('suspend', power_state.PAUSED),
                ('resume', power_state.RUNNING),
                ('destroy', power_state.SHUTDOWN),
                ('undefine', None)):
            self.assertEqual(
                self.driver.get_info(instance).state, self.synced(
                    instance)[0])
            self.virsh(command, 'one')
            self.assertEqual(
                state, self.state(instance, use_cache=False), command)
            self.assertEqual([state], self.synced(instance), command)
            self.assertEqual(state is not None,
                             self.driver.instance_exists(instance))

    def change_devices(self):
        instance = self.boot('one')
        self.boot('two', vcpus=1)
        self.assertEqual((3, 2), self.audited())
        self.virsh('setvcpus', 'one', '5', '--live')
        self.assertEqual((6, 2), self.audited())
        self.attach(instance, 10)
        self.assertEqual((6, 12), self.audited())
        self.virsh('destroy', 'one')
        self.virsh('start', 'one')
        self.assertEqual((3, 2), self.audited())
        self.virsh('destroy', 'one')
        self.assertEqual((1, 2), self.audited())
        self.virsh('undefine', 'one')
        self.assertEqual((1, 1), self.audited())

    def test_power(self):
        self.change_power()

    def test_devices(self):
        self.change_devices()

    def test_power_in_shadow_mode(self):
        self.config(group='numa_ext', shadow=True)
        self.connect()
        self.change_power()

    def test_devices_in_shadow_mode(self):
        self.config(group='numa_ext', shadow=True)
        self.connect()
        self.change_devices()

    def test_power_while_events_are_lost(self):
        with mock.patch.object(
                domains.Domains, 'note', autospec=True):
            self.change_power()

    def test_devices_while_events_are_lost(self):
        with mock.patch.object(
                domains.Domains, 'note', autospec=True):
            self.change_devices()

    def test_libvirtd_is_started_anew(self):
        instance = self.boot('one')
        other = self.boot('two', vcpus=1)
        self.assertEqual((3, 2), self.audited())
        running = power_state.RUNNING
        self.assertEqual([running, running], self.synced(instance, other))
        pid = self.qemu('one')
        self.libvirtd.kill()
        os.kill(pid, signal.SIGKILL)
        self.libvirtd.start()
        self.wait_for('libvirtd to see its end', lambda: not (
            self.libvirtd.connection.lookupByName('one').isActive()))

        self.assertEqual(
            power_state.SHUTDOWN, self.state(instance, use_cache=False))
        self.assertEqual(
            [power_state.SHUTDOWN, running], self.synced(instance, other))
        self.assertEqual((1, 2), self.audited())
        self.virsh('destroy', 'two')
        self.assertEqual(
            power_state.SHUTDOWN, self.state(other, use_cache=False))

    def qemu(self, name):
        """Return the process of a guest."""
        found = subprocess.run(
            ['pgrep', '--full', f'guest={name},'], check=True,
            stdout=subprocess.PIPE)
        return int(found.stdout.split()[0])

    def pause(self, instance):
        try:
            self.host.get_guest(instance).pause()
        except libvirt.libvirtError as error:
            # libvirtd ends it at the end of the test.
            self.assertIn('monitor', str(error))

    def test_a_domain_that_hangs(self):
        self.config(group='numa_ext', slow_call_seconds=1.0)
        self.connect()
        stuck = self.boot('stuck')
        other = self.boot('two', vcpus=1)
        stopped = self.qemu('stuck')
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        self.in_thread(lambda: self.pause(stuck))
        waiting = self.libvirtd.connection.lookupByName('stuck')
        # VIR_DOMAIN_CONTROL_OCCUPIED
        self.wait_for('a call that hangs', lambda: (
            waiting.controlInfo()[0] == 2
            and waiting.controlInfo()[2] > 1000))
        self.virsh('suspend', 'two')

        self.assertEqual(
            [power_state.RUNNING, power_state.PAUSED],
            self.synced(stuck, other))
        self.assertEqual((3, 2), self.audited())
        self.assertIn(
            f'suspend of stuck ({stuck.uuid}), called by', self.log.output)


class RealCountsTest(TestCase):
    """Calls that a libvirtd was asked; not all of Nova's operations are."""

    def settle(self):
        """Have all events seen that libvirtd has sent."""
        seen = []
        self.host.on_lifecycle(lambda *event: seen.append(event))
        self.boot('last')
        self.wait_for('events', lambda: any(
            event == domains.STARTED for _, event, _ in seen))
        processes.wait_for('nothing', lambda: True, 1)

    def test_an_idle_host(self):
        instances = [self.boot(f'guest-{number}') for number in range(6)]
        self.settle()
        self.audited()
        before = self.calls()
        self.assertEqual((14, 7), self.audited())
        self.assertEqual(
            {'getAllDomainStats': 1, 'XMLDesc': domains.REREAD},
            self.calls() - before)
        before = self.calls()
        self.assertEqual(
            6 * [power_state.RUNNING], self.synced(*instances))
        self.assertEqual({'getAllDomainStats': 1}, self.calls() - before)
