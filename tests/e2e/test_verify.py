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

"""What guests got, of a real libvirt and a real QEMU, kept and broken.

The test reads /proc by itself, too, so that a fault of the product's reader
cannot hide one of its own.
"""

import contextlib
import io
import json
import os
import pathlib
import subprocess

import fixtures
import libvirt
from lxml import etree
import testtools
from testtools import content

from nova_numa_ext.cmd import main
from nova_numa_ext.domain import metadata
from tests import golden
from tests.e2e import libvirt_fixture

UUID = '7d0a4c2e-9f4e-4bb0-9d5b-0a6f3a0c8f11'
NAME = 'instance-000000e2'

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:name>edge 1</nova:name>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>128</memory>
  <memoryBacking><nosharepages/></memoryBacking>
  <vcpu>4</vcpu>
  <iothreads>2</iothreads>
  <cputune>
    <vcpupin vcpu='0' cpuset='0'/>
    <vcpupin vcpu='1' cpuset='1'/>
    <vcpupin vcpu='2' cpuset='0'/>
    <vcpupin vcpu='3' cpuset='1'/>
    <emulatorpin cpuset='0'/>
    <iothreadpin iothread='1' cpuset='0'/>
    <iothreadpin iothread='2' cpuset='1'/>
    <emulatorsched scheduler='rr' priority='1'/>
    <vcpusched vcpus='1' scheduler='fifo' priority='3'/>
    <vcpusched vcpus='2-3' scheduler='rr' priority='7'/>
    <iothreadsched iothreads='1' scheduler='fifo' priority='2'/>
  </cputune>
  <numatune>
    <memory mode='strict' nodeset='0'/>
    <memnode cellid='0' mode='strict' nodeset='0'/>
    <memnode cellid='1' mode='strict' nodeset='0'/>
  </numatune>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <cpu mode='maximum'>
    <topology sockets='2' cores='2' threads='1'/>
    <cache mode='{cache}'{level}/>
    <numa>
      <cell id='0' cpus='0-1' memory='64' unit='MiB'/>
      <cell id='1' cpus='2-3' memory='64' unit='MiB'/>
    </numa>
  </cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' iothread='1'/>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='scsi' model='virtio-scsi' index='0'>
      <driver iothread='2'/>
    </controller>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def domain(name, uuid, disk, cache='passthrough'):
    level = " level='3'" if cache == 'emulate' else ''
    return DOMAIN.format(
        name=name, uuid=uuid, disk=disk, cache=cache, level=level)


class Libvirtd(libvirt_fixture.Libvirtd):
    """One whose guests are in no cpuset, which keeps taskset from them."""

    def _configure(self):
        super()._configure()
        path = self._state / 'etc' / 'libvirt' / 'qemu.conf'
        lines = [line for line in path.read_text().splitlines()
                 if not line.startswith('cgroup_controllers')]
        path.write_text('\n'.join([*lines, 'cgroup_controllers = []', '']))


class VerifyTestCase(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.cpu_count() < 2:
            raise cls.skipException('needs two CPUs to pin to')
        libvirtd = Libvirtd()
        libvirtd.setUp()
        cls.addClassCleanup(libvirtd.cleanUp)
        cls.connection = libvirtd.connection

    def disk(self):
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        # QEMU runs as another user.
        folder.chmod(0o755)
        path = folder / 'disk'
        path.write_bytes(b'')
        os.truncate(path, 1 << 20)
        return path

    def start(self, xml):
        domain = self.connection.defineXML(xml)
        self.addCleanup(domain.undefine)
        domain.create()
        self.addCleanup(self.stop, domain)
        self.pid = self.process(domain.UUIDString())
        return domain

    def stop(self, domain):
        if domain.isActive():
            domain.destroy()

    def process(self, uuid):
        found = [
            int(path.parent.name)
            for path in pathlib.Path('/proc').glob('[0-9]*/cmdline')
            if f'\0-uuid\0{uuid}\0'.encode() in path.read_bytes()]
        (pid,) = found
        return pid

    def thread(self, name):
        """Return the number of a thread, None for the process itself."""
        for path in pathlib.Path(f'/proc/{self.pid}/task').iterdir():
            if (path / 'comm').read_text().strip() == name:
                return int(path.name)
        raise KeyError(name)

    def verify(self, *arguments):
        """Run the command; return its status, what it says, and how."""
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(complained):
                status = main.main([
                    'verify', '--connect', self.connection.getURI(),
                    *arguments])
        self.addDetail(
            f'verify {" ".join(arguments)}',
            content.text_content(said.getvalue() + complained.getvalue()))
        return status, said.getvalue(), complained.getvalue()

    def broken(self, status=1):
        """Return the promises that the command calls broken."""
        got, said, complained = self.verify(UUID, '--json')
        self.assertEqual((status, ''), (got, complained))
        (report,) = json.loads(said)
        return [
            (row['subject'], row['promise'], row['asked'], row['got'])
            for row in report['promises'] if row['kept'] is False]


class KeptAndBrokenTest(VerifyTestCase):

    def setUp(self):
        super().setUp()
        self.domain = self.start(
            domain(NAME, UUID, self.disk()))

    def run_command(self, *argv):
        subprocess.run(
            [str(word) for word in argv], check=True, capture_output=True)

    def test_what_the_kernel_says_is_what_was_promised(self):
        schedulers = {
            number: (os.sched_getscheduler(tid),
                     os.sched_getparam(tid).sched_priority,
                     os.sched_getaffinity(tid))
            for number, tid in (
                (number, self.thread(f'CPU {number}/TCG'))
                for number in range(4))}
        self.assertEqual({
            0: (os.SCHED_OTHER, 0, {0}),
            1: (os.SCHED_FIFO, 3, {1}),
            2: (os.SCHED_RR, 7, {0}),
            3: (os.SCHED_RR, 7, {1}),
        }, schedulers)
        self.assertEqual(
            (os.SCHED_FIFO, {0}, os.SCHED_OTHER, {1}, os.SCHED_RR, {0}),
            (os.sched_getscheduler(self.thread('IO iothread1')),
             os.sched_getaffinity(self.thread('IO iothread1')),
             os.sched_getscheduler(self.thread('IO iothread2')),
             os.sched_getaffinity(self.thread('IO iothread2')),
             os.sched_getscheduler(self.pid),
             os.sched_getaffinity(self.pid)))

        self.assertEqual([], self.broken(status=0))

    def test_by_any_name(self):
        for name in (UUID, NAME, 'edge 1'):
            status, said, complained = self.verify(name)
            self.assertEqual((0, ''), (status, complained))
            self.assertIn(f'{NAME} (edge 1), {UUID}: ', said)
            self.assertIn(' promises, 0 broken', said)
            self.assertIn('| vCPUs 2-3 ', said)
            self.assertNotIn('BROKEN', said)

    def test_all_guests(self):
        status, said, _complained = self.verify()
        self.assertEqual(0, status)
        self.assertIn(UUID, said)

    def test_an_unknown_guest(self):
        self.assertEqual(
            (2, '', 'There is no guest nobody on this host. See virsh list '
                    '--all.\n'), self.verify('nobody'))

    def test_a_guest_that_is_off(self):
        self.domain.destroy()
        self.assertEqual((2, '', f'{NAME} does not run.\n'),
                         self.verify(NAME))

    def test_in_the_table(self):
        self.run_command('chrt', '-f', '-p', 9, self.thread('CPU 3/TCG'))
        status, said, _complained = self.verify(UUID)
        self.assertEqual(1, status)
        (row,) = [line for line in said.splitlines() if 'BROKEN' in line]
        self.assertEqual(
            ['vCPU 3', 'scheduler', 'rr:7', 'fifo:9', 'BROKEN'],
            [cell.strip() for cell in row.strip('|').split('|')])

    def test_taskset_of_a_vcpu(self):
        self.run_command(
            'taskset', '-pc', '0-1', self.thread('CPU 2/TCG'))
        self.assertEqual([('vCPU 2', 'CPUs', '0', '0-1')], self.broken())

    def test_taskset_of_the_emulator(self):
        self.run_command('taskset', '-pc', '1', self.pid)
        self.assertEqual(
            [('emulator', 'CPUs', '0',
              f'qemu-system-x86 ({self.pid}) on 1')], self.broken())

    def test_taskset_of_an_io_thread(self):
        self.run_command('taskset', '-pc', '0', self.thread('IO iothread2'))
        self.assertEqual([('IO thread 2', 'CPUs', '1', '0')], self.broken())

    def test_chrt_to_another_priority(self):
        self.run_command('chrt', '-f', '-p', 4, self.thread('CPU 1/TCG'))
        self.assertEqual(
            [('vCPU 1', 'scheduler', 'fifo:3', 'fifo:4')], self.broken())

    def test_chrt_to_another_scheduler(self):
        self.run_command('chrt', '-o', '-p', 0, self.thread('CPU 3/TCG'))
        self.assertEqual(
            [('vCPU 3', 'scheduler', 'rr:7', 'other')], self.broken())

    def test_chrt_of_an_ordinary_vcpu(self):
        self.run_command('chrt', '-f', '-p', 1, self.thread('CPU 0/TCG'))
        self.assertEqual(
            [('vCPU 0', 'scheduler', 'other', 'fifo:1')], self.broken())

    def test_chrt_of_the_emulator(self):
        self.run_command('chrt', '-o', '-p', 0, self.pid)
        self.assertEqual(
            [('emulator', 'scheduler', 'rr:1', 'other')], self.broken())

    def test_chrt_of_an_io_thread(self):
        self.run_command(
            'chrt', '-r', '-p', 2, self.thread('IO iothread1'))
        self.assertEqual(
            [('IO thread 1', 'scheduler', 'fifo:2', 'rr:2')], self.broken())

    def virsh(self, *arguments):
        self.run_command(
            'virsh', '--connect', self.connection.getURI(), *arguments)

    def test_virsh_vcpupin(self):
        self.virsh('vcpupin', NAME, 1, '0', '--live')
        self.assertEqual([('vCPU 1', 'CPUs', '1', '0')], self.broken())

    def test_virsh_iothreadpin(self):
        self.virsh('iothreadpin', NAME, 1, '1', '--live')
        self.assertEqual([('IO thread 1', 'CPUs', '0', '1')], self.broken())

    def test_virsh_emulatorpin(self):
        self.virsh('emulatorpin', NAME, '0-1', '--live')
        ((subject, promise, asked, got),) = self.broken()
        self.assertEqual(('emulator', 'CPUs', '0'), (subject, promise, asked))
        self.assertIn(f'qemu-system-x86 ({self.pid}) on 0-1', got)

    def test_a_disk_without_its_io_thread(self):
        xml = f"""
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='{self.disk()}'/>
              <target dev='vdb' bus='virtio'/>
            </disk>"""
        self.domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self.assertEqual([], self.broken(status=0))
        self.domain.attachDeviceFlags(
            xml.replace("type='raw'", "type='raw' iothread='2'"),
            libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        self.assertEqual(
            [('disk vdb', 'IO thread', '2', 'none')], self.broken())

    def test_a_domain_that_is_defined_anew(self):
        """What Nova has defined since is what counts."""
        xml = self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        self.connection.defineXML(xml.replace(
            "vcpus='1' scheduler='fifo' priority='3'",
            "vcpus='1' scheduler='fifo' priority='8'"))
        self.assertEqual(
            [('vCPU 1', 'scheduler', 'fifo:8', 'fifo:3')], self.broken())

    def test_as_another_user(self):
        """Who is not root may read all but the memory's nodes."""
        nobody = 65534
        script = (
            'import sys; from nova_numa_ext.host import reader; '
            'from nova_numa_ext.verify import report; '
            'found = report.of_guest(reader.THIS, *sys.argv[1:]); '
            'print(sorted({row.promise for row in found.unread}), '
            'found.broken, reader.THIS.refused)')
        done = subprocess.run(
            ['setpriv', f'--reuid={nobody}', f'--regid={nobody}',
             '--clear-groups', '/usr/bin/python3', '-c', script,
             self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE),
             self.domain.XMLDesc()],
            capture_output=True, text=True, check=True,
            cwd=self.package_for_all())
        self.assertEqual("['host nodes'] () True\n", done.stdout)

    def package_for_all(self):
        """Return a folder with the package that every user may read."""
        folder = self.useFixture(fixtures.TempDir()).path
        os.chmod(folder, 0o755)
        root = pathlib.Path(main.__file__).parents[2]
        subprocess.run(
            ['cp', '-r', root / 'nova_numa_ext', folder], check=True)
        subprocess.run(['chmod', '-R', 'a+rX', folder], check=True)
        return folder


class CacheTest(VerifyTestCase):

    def test_caches(self):
        for number, cache in enumerate(('passthrough', 'emulate', 'disable')):
            uuid = f'{UUID[:-1]}{number + 2}'
            self.start(domain(f'cache-{cache}', uuid, self.disk(), cache))
            status, said, _complained = self.verify(uuid)
            self.assertEqual(0, status)
            self.assertRegex(said, rf'L3 cache +\| {cache} +\| {cache} ')


class GoldenGuestTest(VerifyTestCase):
    """Domains as this project writes them, with what was asked for."""

    def domain_of(self, name, **changes):
        (case,) = [case for case in golden.CASES if case.name == name]
        tree = etree.fromstring(golden.domain_of(case))
        tree.set('type', 'qemu')
        metadata.of_policy(golden.guest_of(case).policy).write(tree)
        for node in tree.iterfind('devices/disk/source'):
            node.set('file', str(self.disk()))
        # To what this machine has.
        for tag in ('vcpupin', 'emulatorpin', 'iothreadpin'):
            for node in tree.iterfind(f'cputune/{tag}'):
                node.set('cpuset', '0-1')
        return tree

    def rows(self, tree):
        domain = self.start(etree.tostring(tree, encoding='unicode'))
        _status, said, _complained = self.verify(
            domain.UUIDString(), '--json')
        (report,) = json.loads(said)
        return report['promises']

    def test_what_was_asked_for_is_in_the_domain(self):
        rows = self.rows(self.domain_of('all-schedulers'))
        self.assertEqual(
            [], [row for row in rows if row['kept'] is not True])
        self.assertLess(
            {'numa_ext:realtime_priority', 'numa_ext:emulator_scheduler'},
            {row['promise'] for row in rows})

    def test_a_priority_that_never_reached_the_domain(self):
        tree = self.domain_of('all-schedulers')
        for node in tree.iterfind('cputune/vcpusched'):
            node.set('priority', '1')
        rows = self.rows(tree)
        self.assertEqual(
            [('flavor', 'numa_ext:realtime_priority', '1')],
            [(row['subject'], row['promise'], row['got']) for row in rows
             if row['kept'] is False])
