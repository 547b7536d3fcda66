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


from unittest import mock

import fixtures
from nova import objects
import nova.conf
from nova.virt.libvirt import driver as nova_driver

from nova_numa_ext import figures
from nova_numa_ext.virt import disk_total
from tests.unit.virt import test_disks
from tests.unit.virt import test_qcow2

CONF = nova.conf.CONF

UUIDS = (test_disks.UUID, 'b9c3d4b4-0bd5-4b0c-9c8e-3b5ee2d1a7f5')
DISK = """
<disk type='file' device='disk'>
  <driver name='qemu' type='qcow2'/>
  <source file='{path}'/>
  <target dev='{target}' bus='virtio'/>
</disk>"""


class Domain:
    """As much of libvirt's as is asked for in an audit."""

    def __init__(self, uuid, path):
        self.uuid = uuid
        self.disks = [(path, 'vda')]

    def UUIDString(self):
        return self.uuid

    def name(self):
        return f'instance-{self.uuid[:4]}'

    def XMLDesc(self, flags):
        disks = ''.join(DISK.format(path=path, target=target)
                        for path, target in self.disks)
        return (f"<domain type='kvm'><name>instance-{self.uuid[:4]}</name>"
                f'<uuid>{self.uuid}</uuid><memory>1024</memory>'
                f'<devices>{disks}</devices></domain>')


class Nova(test_disks.Nova):

    _get_disk_over_committed_size_total = (
        nova_driver.LibvirtDriver._get_disk_over_committed_size_total)

    def get_available_resource(self, nodename):
        return self._get_disk_over_committed_size_total()


class Driver(disk_total.DiskTotal, Nova):

    def __init__(self, domains):
        super().__init__()
        self._host = mock.Mock()
        self._host.domains.is_followed = True
        self._host.list_instance_domains.side_effect = (
            lambda only_running: list(domains))
        self._init_disks()


class DiskTotalTest(test_disks.TestCase):

    def setUp(self):
        super().setUp()
        self.volumes = []
        self.lists = self.patch(
            'nova.objects.InstanceList.get_by_filters', lambda *a, **k: [
                objects.Instance(uuid=uuid) for uuid in UUIDS])
        self.patch('nova.objects.BlockDeviceMappingList.bdms_by_instance_uuid',
                   lambda context, uuids: dict.fromkeys(uuids, ['bdm']))
        self.patch('nova.virt.driver.get_block_device_info',
                   lambda *args: {'block_device_mapping': [
                       {'mount_device': name} for name in self.volumes]})
        self.domains = [
            Domain(uuid, self.disk(f'file-{uuid}')) for uuid in UUIDS]

    def patch(self, name, function):
        return self.useFixture(
            fixtures.MockPatch(name, side_effect=function)).mock

    def disk(self, name, size=test_disks.GIB):
        path = self.folder / name
        path.write_bytes(test_qcow2.image(size=size))
        return path

    def audit(self, driver):
        """Return what an audit finds, and how often it lists instances."""
        before = self.lists.call_count
        total = driver.get_available_resource('node')
        return total, self.lists.call_count - before

    def free(self, *disks):
        return sum(size - path.stat().st_blocks * 512 for path, size in disks)

    def both(self):
        return self.free(*(
            (domain.disks[0][0], test_disks.GIB) for domain in self.domains))

    def own(self):
        """Have the guests' disks be where Nova makes them."""
        for domain in self.domains:
            (self.folder / domain.uuid).mkdir()
            domain.disks = [(self.disk(f'{domain.uuid}/disk'), 'vda')]

    def test_instances_with_disks_of_their_own_are_not_listed(self):
        self.own()
        driver = Driver(self.domains)

        for _ in range(2):
            self.assertEqual((self.both(), 0), self.audit(driver))

    def test_an_audit_that_finds_all_as_it_was_lists_no_instances(self):
        driver = Driver(self.domains)

        self.assertEqual((self.both(), 1), self.audit(driver))
        self.assertEqual((self.both(), 0), self.audit(driver))

    def test_disks_that_grew_are_seen(self):
        driver = Driver(self.domains)
        self.audit(driver)
        path = self.domains[0].disks[0][0]
        path.write_bytes(path.read_bytes() + b'x' * (1 << 20))

        total, lists = self.audit(driver)
        self.assertEqual((self.both(), 0), (total, lists))

    def attach(self):
        """Audit before and after a volume is attached."""
        driver = Driver(self.domains)
        self.audit(driver)
        self.volumes = ['/dev/vdb']
        self.domains[0].disks.append((self.disk('volume'), 'vdb'))
        for lists in (1, 0):
            self.assertEqual((self.both(), lists), self.audit(driver))

    def test_a_volume_that_is_attached_is_left_out(self):
        self.attach()

    def test_a_volume_beside_disks_of_their_own(self):
        self.own()
        self.attach()

    def test_a_connection_that_is_lost_meanwhile_loses_no_answer(self):
        driver = Driver(self.domains)
        driver._host.list_instance_domains.side_effect = [
            self.domains, self.domains, ValueError('lost')]

        self.assertEqual((self.both(), 1), self.audit(driver))

    def test_a_guest_that_comes_and_one_that_goes(self):
        last = self.domains.pop()
        driver = Driver(self.domains)
        self.assertEqual((self.both(), 1), self.audit(driver))
        self.domains.append(last)
        self.assertEqual((self.both(), 1), self.audit(driver))
        del self.domains[0]

        self.assertEqual((self.both(), 0), self.audit(driver))

    def test_a_disk_that_is_gone_is_novas_to_say(self):
        driver = Driver(self.domains)
        self.audit(driver)
        self.domains[0].disks[0][0].unlink()
        self.info.side_effect = OSError(2, 'No such file')
        self.useFixture(fixtures.FakeLogger())

        self.assertEqual(
            (self.free((self.domains[1].disks[0][0], test_disks.GIB)), 1),
            self.audit(driver))

    def test_without_events_nothing_is_known(self):
        driver = Driver(self.domains)
        driver._host.domains.is_followed = False

        for _ in range(2):
            self.assertEqual((self.both(), 1), self.audit(driver))

    def test_off(self):
        self.set('reduce_libvirt_calls', False, 'numa_ext')
        driver = Driver(self.domains)

        for _ in range(2):
            self.assertEqual(1, self.audit(driver)[1])

    def test_shadow_asks_each_time_and_compares(self):
        self.set('shadow', True, 'numa_ext')
        log = self.useFixture(fixtures.FakeLogger())
        driver = Driver(self.domains)
        mismatches = self.mismatches()
        self.assertEqual([1, 1], [self.audit(driver)[1] for _ in range(2)])
        self.assertEqual(mismatches, self.mismatches())
        # As if attaching one had not changed the XML.
        self.volumes = ['/dev/vda']
        self.audit(driver)

        self.assertEqual(mismatches + 2, self.mismatches())
        self.assertIn('shadow: disk_total', log.output)

    @staticmethod
    def mismatches():
        return figures.value(
            'shadow_mismatches_total', fast_path='disk_total')
