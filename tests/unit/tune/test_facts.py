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

from nova_numa_ext.host import reader
from nova_numa_ext.tune import facts
from tests.unit.host import tree
from tests.unit.tune import base

OVS = ('ovs-vswitchd.service',)


class FactsTest(base.TestCase):

    def gather(self, files=(), *args):
        return facts.gather(self.reader(files), *args)

    def test_systemd(self):
        found = self.gather()
        self.assertIs(True, found.systemd)
        self.assertIn('cpuset', found.controllers)
        self.assertEqual(
            {'system.slice', 'user.slice', 'init.scope', 'machine.slice'},
            set(found.groups))
        self.assertEqual(
            facts.Group(frozenset(range(8)), 2 << 30),
            found.groups['system.slice'])

    def test_without_systemd(self):
        found = self.gather(base.WITHOUT_SYSTEMD)
        self.assertIs(False, found.systemd)
        self.assertIsNone(found.controllers)
        self.assertIs(True, found.cpuset)
        self.assertEqual(
            [('libvirtd', '/'),
             ('qemu-system-x86', '/machine/qemu-1-instance.libvirt-qemu')],
            [(process.name, process.group) for process in found.processes])

    def test_cpus_that_are_offline_are_there(self):
        found = self.gather({'sys/devices/system/cpu/online': '0-5'})
        self.assertEqual(set(range(8)), found.present)
        self.assertEqual(set(range(6)), found.online)

    def test_interrupts(self):
        found = self.gather()
        self.assertEqual(
            ['24 (eth0-0) on CPUs 0-7', '25 (eth0-1) on CPUs 2-3,6-7',
             '26 (ahci) on CPUs 0', '30 (nvme0q1) on CPUs 0-1',
             '31 (nvme0q1) on CPUs 2-3'], [str(irq) for irq in found.irqs])
        self.assertEqual(
            [31], [irq.number for irq in found.irqs if not irq.movable])
        self.assertEqual(set(range(8)), found.default)

    def test_interrupts_that_the_kernel_refused_before(self):
        def stuck(number, devices):
            return [irq.number for irq in self.gather(
                {'proc/irq/0/smp_affinity_list': '0-7'}, (),
                {number: devices}).irqs if not irq.movable]
        self.assertEqual([24, 31], stuck('24', ['eth0-0']))
        # The number is another device's since the last boot.
        self.assertEqual([25, 31], stuck('24', ['eth0-1']))
        self.assertEqual([31], stuck('24', ['eth1-0']))
        # One of the machine's own, which has no device.
        self.assertEqual([0, 31], stuck('0', []))
        self.assertEqual([31], stuck('1', []))

    def test_processes(self):
        found = self.gather().processes
        # Neither the first one nor kernel threads.
        self.assertEqual(
            ['libvirtd (900)', 'qemu-system-x86 (950)'],
            [str(process) for process in found])
        self.assertEqual([False, True], [p.guest for p in found])
        self.assertEqual('/system.slice/libvirtd.service', found[0].group)

    def test_names_with_anything_in_them(self):
        found = self.gather({
            'proc/901/stat': '901 (a) R (b) S 1 1 1 0 -1 4194560 1',
            'proc/901/cgroup': '0::/',
            # A zombie, and one that ends just now.
            'proc/902/stat': '902 (c) Z 1 1 1 0 -1 4194560 1',
            'proc/903/x': ''}).processes
        self.assertEqual(
            ['libvirtd', 'a) R (b', 'qemu-system-x86'],
            [process.name for process in found])

    def test_exempt_services(self):
        self.assertEqual({OVS[0]: 'system.slice'},
                         self.gather((), OVS).exempt)
        here = 'sys/fs/cgroup/{}/ovs-vswitchd.service/cgroup.events'
        found = self.gather({
            here.format('system.slice'): None,
            here.format('isolation_exempt.slice'): 'populated 1\nfrozen 0',
        }, OVS)
        self.assertEqual({OVS[0]: 'isolation_exempt.slice'}, found.exempt)
        self.assertEqual((), found.lacking)

    def test_a_service_that_is_stopped(self):
        found = self.gather({
            'sys/fs/cgroup/system.slice/ovs-vswitchd.service/cgroup.events':
            'populated 0\nfrozen 0'}, OVS)
        self.assertEqual({}, found.exempt)

    def test_a_service_that_is_not_there(self):
        self.assertEqual(
            ('nothing.service',),
            self.gather((), (*OVS, 'nothing.service')).lacking)
        self.assertEqual((), self.gather(
            {'etc/systemd/system/x@.service': ''}, ('x@1.service',)).lacking)

    def test_irqbalance(self):
        self.assertIs(True, self.gather().irqbalance)
        self.assertEqual('', self.gather(
            {'etc/default/irqbalance': '#IRQBALANCE_BANNED_CPULIST='}
        ).banned_in)
        self.assertEqual('etc/default/irqbalance', self.gather(
            {'etc/default/irqbalance': 'X=1\nIRQBALANCE_BANNED_CPUS=2'}
        ).banned_in)
        self.assertIs(False, self.gather(
            {'lib/systemd/system/irqbalance.service': None}).irqbalance)

    def test_nothing_at_all(self):
        found = facts.gather(self.useFixture(tree.Tree()).reader)
        self.assertEqual((frozenset(), (), ()),
                         (found.online, found.irqs, found.processes))

    def test_this_machine(self):
        self.assertTrue(facts.gather(reader.THIS).online)
