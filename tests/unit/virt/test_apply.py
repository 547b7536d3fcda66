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

from lxml import etree
from nova.objects import fields
from nova.virt.libvirt import config as vconfig
import testtools

from nova_numa_ext.virt import apply


class Mark:
    """An element that leaves a mark and what it found."""

    def __init__(self, name):
        self.name = name

    def write(self, domain):
        domain.append(domain.makeelement(self.name, {
            'after': domain[-1].tag}))


def guest(mode='host-model', model=None):
    guest = vconfig.LibvirtConfigGuest()
    guest.virt_type = 'kvm'
    guest.name = 'one'
    guest.uuid = 'b38a3f43-4be2-4046-897f-b67c2f5e0147'
    guest.memory = 1024
    guest.vcpus = 2
    guest.cpu = vconfig.LibvirtConfigGuestCPU()
    guest.cpu.mode = mode
    guest.cpu.model = model
    return guest


class TunedGuestTest(testtools.TestCase):

    def test_without_elements_it_is_novas_to_the_byte(self):
        self.assertEqual(
            guest().to_xml(), apply.TunedGuest.of(guest(), ()).to_xml())

    def test_elements_are_written_in_order_and_last(self):
        novas = guest()
        tuned = apply.TunedGuest.of(novas, [Mark('first'), Mark('second')])
        # What Nova sets after its own method returned is there, too.
        tuned.vcpus = 3
        domain = etree.fromstring(tuned.to_xml())
        self.assertEqual('3', domain.findtext('vcpu'))
        self.assertEqual(
            ['first', 'second'], [node.tag for node in domain[-2:]])
        self.assertEqual('first', domain[-1].get('after'))

    def test_asking_twice_gives_the_same(self):
        tuned = apply.TunedGuest.of(guest(), [Mark('first')])
        self.assertEqual(tuned.to_xml(), tuned.to_xml())

    def test_it_is_a_guest_to_nova(self):
        tuned = apply.TunedGuest.of(guest(), ())
        self.assertIsInstance(tuned, vconfig.LibvirtConfigGuest)


def disk(bus='virtio'):
    disk = vconfig.LibvirtConfigGuestDisk()
    disk.source_type = 'block'
    disk.source_path = '/dev/sdz'
    disk.driver_name = 'qemu'
    disk.target_dev = 'vdb'
    disk.target_bus = bus
    return disk


class ServeTest(testtools.TestCase):

    WITH_TWO = (
        '<domain><iothreads>2</iothreads><devices><disk>'
        '<driver iothread="1"/><target bus="virtio"/></disk></devices>'
        '</domain>')

    def test_by_the_thread_with_the_fewest_disks(self):
        novas = disk()
        expected = novas.to_xml().replace(
            '<driver name="qemu"/>', '<driver name="qemu" iothread="2"/>')
        self.assertIn('iothread="2"', expected)

        apply.serve(novas, self.WITH_TWO)

        self.assertEqual(expected, novas.to_xml())
        self.assertIsInstance(novas, vconfig.LibvirtConfigGuestDisk)

    def test_a_disk_that_cannot_use_one(self):
        for bus in ('ide', 'scsi', 'sata', 'usb'):
            self.assertFalse(apply.can_be_served(disk(bus)))
        self.assertTrue(apply.can_be_served(disk()))

    def test_what_is_no_disk_of_novas(self):
        self.assertFalse(apply.can_be_served(
            vconfig.LibvirtConfigGuestInterface()))

    def test_a_guest_without_threads(self):
        novas = disk()
        apply.serve(novas, '<domain><devices/></domain>')
        self.assertEqual(disk().to_xml(), novas.to_xml())


class SetTopology:

    def __init__(self, **counts):
        self.counts = counts

    def write(self, domain):
        domain.find('cpu').append(
            domain.makeelement('topology', self.counts))


class SetCpu:

    def __init__(self, mode):
        self.mode = mode

    def write(self, domain):
        cpu = domain.find('cpu')
        cpu.set('mode', self.mode)
        for name, policy in (('erms', 'disable'), ('pdpe1gb', 'require')):
            cpu.append(cpu.makeelement(
                'feature', {'name': name, 'policy': policy}))


class CpuOfTest(testtools.TestCase):

    def test_a_guest_without(self):
        novas = guest()
        novas.cpu = None
        self.assertIsNone(apply.cpu_of(novas))

    def test_what_nova_wrote(self):
        cpu = apply.cpu_of(guest('custom', 'Nehalem'))
        self.assertEqual(('custom', 'Nehalem'), (cpu.mode, cpu.model))

    def test_what_the_elements_wrote(self):
        cpu = apply.cpu_of(apply.TunedGuest.of(
            guest(), [SetCpu('host-passthrough')]))
        self.assertEqual('host-passthrough', cpu.mode)
        self.assertEqual(
            {('erms', 'disable'), ('pdpe1gb', 'require')},
            {(feature.name, feature.policy) for feature in cpu.features})

    def test_cores_of_all_dies(self):
        """Nova's objects have none: its check multiplies what they have."""
        for group in ('dies', 'clusters'):
            cpu = apply.cpu_of(apply.TunedGuest.of(guest(), [SetTopology(
                sockets='2', cores='3', threads='2', **{group: '4'})]))
            self.assertEqual(
                (2, 12, 2), (cpu.sockets, cpu.cores, cpu.threads))

    def test_a_mode_that_novas_objects_do_not_know(self):
        self.assertNotIn('maximum', fields.CPUMode.ALL)
        cpu = apply.cpu_of(apply.TunedGuest.of(guest(), [SetCpu('maximum')]))
        self.assertIn(cpu.mode, fields.CPUMode.ALL)
