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

"""IO threads of QEMU processes: which there are, who uses them, where.

What libvirt says of them proves nothing: Nova's own thread is in the domain,
and no disk is served by it. The command line and the threads of the process
do, and what QEMU says of a disk that came later.
"""

import json
import os
import pathlib
import re

import libvirt
import libvirt_qemu
from lxml import etree
from nova.virt.libvirt import config as vconfig
import testtools
from testtools import content

from tests import golden
from tests.e2e import disks
from tests.e2e import libvirt_fixture

SERVED = ('virtio-blk-pci', 'virtio-scsi-pci')


def disk(path, name, bus='virtio'):
    """Return a volume as Nova's classes attach it."""
    volume = vconfig.LibvirtConfigGuestDisk()
    volume.source_type = 'file'
    volume.source_path = str(path)
    volume.driver_name = 'qemu'
    volume.driver_format = 'raw'
    volume.target_dev = name
    volume.target_bus = bus
    return volume


class IoThreadsTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        libvirtd = libvirt_fixture.Libvirtd()
        libvirtd.setUp()
        cls.addClassCleanup(libvirtd.cleanUp)
        cls.connection = libvirtd.connection

    def setUp(self):
        super().setUp()
        self.disks = self.useFixture(disks.Disks())

    def start(self, name, plain=False):
        """Start a golden domain under TCG, or what Nova makes of it."""
        (case,) = (case for case in golden.CASES if case.name == name)
        tree = (golden.nova_domain(case) if plain else
                etree.fromstring(golden.domain_of(case)))
        tree.set('type', 'qemu')
        self.disks.put_under(tree)
        domain = self.connection.defineXML(
            etree.tostring(tree, encoding='unicode'))
        self.addCleanup(domain.undefine)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        self.addCleanup(domain.destroy)
        self.process = self.process_of(domain)
        return domain

    def process_of(self, domain):
        """Return the folder of a domain's QEMU in /proc."""
        wanted = f'guest={domain.name()},'.encode()
        found = [
            path.parent for path in pathlib.Path('/proc').glob('*/cmdline')
            if path.parent.name.isdigit() and wanted in self.read(path)]
        self.assertEqual(1, len(found), found)
        return found[0]

    @staticmethod
    def read(path):
        try:
            return path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            # It has ended meanwhile: not the one that is looked for.
            return b''

    def command_line(self):
        """Return the IO threads, and the one of each device that has any."""
        words = (self.process / 'cmdline').read_bytes().decode().split('\0')
        self.addDetail('command', content.text_content('\n'.join(words)))
        options = [json.loads(word) for word in words if word[:1] == '{']
        threads = [option['id'] for option in options
                   if option.get('qom-type') == 'iothread']
        users = [option.get('iothread') for option in options
                 if option.get('driver') in SERVED]
        others = [option for option in options if 'iothread' in option
                  and option.get('driver') not in SERVED]
        self.assertEqual([], others)
        return threads, users

    def affinity(self):
        """Return where the kernel lets each IO thread run."""
        found = {}
        for task in (self.process / 'task').iterdir():
            name = re.fullmatch(
                'IO (iothread[0-9]+)\n', (task / 'comm').read_text())
            if name is not None:
                found[name[1]] = os.sched_getaffinity(int(task.name))
        return found

    def monitor(self, domain, **command):
        return json.loads(libvirt_qemu.qemuMonitorCommand(
            domain, json.dumps(command), 0))['return']

    def test_disks_and_controllers_over_two(self):
        self.start('iothreads-round-robin')

        threads, users = self.command_line()

        self.assertEqual(['iothread1', 'iothread2'], threads)
        self.assertEqual(
            ['iothread1', 'iothread1', 'iothread2', 'iothread2'],
            sorted(users))

    def test_a_thread_per_node_on_its_cpus(self):
        self.start('iothreads-per-node')

        threads, users = self.command_line()

        self.assertEqual(['iothread1', 'iothread2'], threads)
        self.assertEqual(set(threads), set(users))
        self.assertEqual(
            {'iothread1': {0}, 'iothread2': {1}}, self.affinity())

    def test_no_thread_on_a_realtime_cpu(self):
        self.start('iothreads-per-node-realtime')

        self.assertEqual(
            {'iothread1': {0}, 'iothread2': {0}}, self.affinity())

    def test_a_controller_alone(self):
        self.start('iothreads-scsi')

        self.assertEqual(
            (['iothread1'], ['iothread1']), self.command_line())

    def test_novas_own_is_idle(self):
        self.start('iothreads-off', plain=True)

        self.assertEqual((['iothread1'], [None]), self.command_line())
        self.assertEqual({'iothread1'}, set(self.affinity()))

    def test_novas_own_is_gone(self):
        self.start('iothreads-off')

        self.assertEqual(([], [None]), self.command_line())
        self.assertEqual({}, self.affinity())

    def test_no_thread_that_nothing_can_use(self):
        self.start('iothreads-without-disks')

        self.assertEqual(([], []), self.command_line())

    def test_a_volume_that_comes_later(self):
        # Late: Nova's package of tests wants to be the first.
        from nova_numa_ext.virt import apply

        domain = self.start('iothreads-round-robin')
        found = []
        for name in ('vdx', 'vdy'):
            volume = disk(self.disks.make(name), name)
            apply.serve(volume, domain.XMLDesc())
            domain.attachDeviceFlags(
                volume.to_xml(), libvirt.VIR_DOMAIN_AFFECT_LIVE
                | libvirt.VIR_DOMAIN_AFFECT_CONFIG)
            (alias,) = etree.fromstring(domain.XMLDesc()).xpath(
                f"devices/disk[target/@dev='{name}']/alias/@name")
            found.append(self.monitor(
                domain, execute='qom-get', arguments={
                    'path': f'/machine/peripheral/{alias}',
                    'property': 'iothread'}))
        self.assertEqual(
            ['/objects/iothread1', '/objects/iothread2'], found)

        # As Nova detaches it: from a description without the thread.
        domain.detachDeviceFlags(
            disk(self.disks.path / 'vdy', 'vdy').to_xml(),
            libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        kept = etree.fromstring(
            domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        self.assertEqual(
            ['1'], kept.xpath(
                "devices/disk[target/@dev='vdx']/driver/@iothread"))
        self.assertEqual([], kept.xpath("devices/disk[target/@dev='vdy']"))
