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

import re

from hypothesis import given
from hypothesis import strategies

from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import sets
from nova_numa_ext.tune import units
from tests.unit.tune import base

OVS = ('ovs-vswitchd.service',)
CPUS = strategies.frozensets(strategies.integers(0, 15))


def host(online, present):
    """Return a host with these CPUs and little else."""
    return facts.Facts(
        present=present, online=online,
        siblings={cpu: frozenset({cpu, cpu ^ 1}) & present
                  for cpu in online},
        systemd=True, controllers=frozenset({'cpuset', 'memory'}),
        cpuset=False, groups={}, exempt={}, lacking=(), default=present,
        irqs=(facts.Irq(1, ('a',), present, True),), irqbalance=True,
        banned_in='', processes=())


class PlanTest(base.TestCase):

    def texts(self, plan):
        return {file.path.replace('etc/systemd/system/', '').replace(
            '/50-nova-numa-ext.conf', ''): file.text for file in
            plan.all_files}

    def test_units(self):
        plan = self.plan()
        self.assertEqual(isolation.SYSTEMD, plan.way)
        self.assertEqual(({0, 4}, {1, 2, 3, 5, 6, 7}),
                         (plan.daemons, plan.guests))
        self.assertEqual(
            [units.limited('system.slice', frozenset({0, 4})),
             units.limited('user.slice', frozenset({0, 4})),
             units.limited('init.scope', frozenset({0, 4})),
             units.limited('machine.slice', base.GUESTS.all),
             *units.irqs(frozenset({0, 4})),
             units.irqbalance(base.GUESTS.all)], list(plan.all_files))
        self.assertEqual((), plan.notes)

    def test_interrupts(self):
        plan = self.plan()
        self.assertEqual([24, 25, 30], [irq.number for irq in plan.irqs])
        self.assertEqual([31], [irq.number for irq in plan.stuck])
        self.assertIs(True, plan.default)

    def test_interrupts_elsewhere_are_left(self):
        plan = self.plan({'proc/irq/default_smp_affinity': '10',
                          'proc/irq/24/smp_affinity_list': '4'})
        self.assertEqual([25, 30], [irq.number for irq in plan.irqs])
        self.assertIs(False, plan.default)

    def test_no_irqbalance(self):
        plan = self.plan({'lib/systemd/system/irqbalance.service': None})
        self.assertNotIn('irqbalance.service.d', self.texts(plan))

    def test_irqbalance_with_a_file_of_its_own(self):
        plan = self.plan({
            'etc/default/irqbalance': 'IRQBALANCE_BANNED_CPULIST=1'})
        self.assertIn('/etc/default/irqbalance says which CPUs',
                      plan.notes[0])

    def test_memory_of_the_slices(self):
        texts = self.texts(self.plan(memory_high='3G', memory_max='4G'))
        for unit in ('system.slice.d', 'user.slice.d'):
            self.assertIn('\nMemoryHigh=3G\nMemoryMax=4G\n', texts[unit])
        for unit in ('init.scope.d', 'machine.slice.d'):
            self.assertNotIn('Memory', texts[unit])

    def test_exempt_services(self):
        plan = self.plan(exempt=OVS)
        self.assertEqual(units.exempt(OVS, None), plan.first)
        self.assertEqual(OVS, plan.restart)
        self.assertIn('those of guests too', plan.notes[0])

    def test_exempt_services_with_cpus(self):
        plan = self.plan(
            exempt=OVS, exempt_cpus=frozenset({1}),
            cpus=sets.GuestCpus({sets.DEDICATED: frozenset({2, 3})}))
        self.assertEqual({0, 4, 5, 6, 7}, plan.daemons)
        self.assertEqual(
            units.exempt(OVS, frozenset({0, 1, 4, 5, 6, 7})), plan.first)

    def test_exempt_services_where_they_belong(self):
        here = 'sys/fs/cgroup/{}/ovs-vswitchd.service/cgroup.events'
        self.assertEqual((), self.plan(
            {here.format('system.slice'): None,
             here.format(units.EXEMPT): 'populated 1'}, exempt=OVS).restart)
        # Stopped: it starts there.
        self.assertEqual((), self.plan(
            {here.format('system.slice'): 'populated 0'}, exempt=OVS).restart)

    def test_guests_on_offline_cpus(self):
        """Nova takes unused dedicated CPUs offline, if it is told to."""
        plan = self.plan({'sys/devices/system/cpu/online': '0-2,4-6'})
        self.assertEqual({1, 2, 3, 5, 6, 7}, plan.guests)
        self.assertEqual({0, 4}, plan.daemons)

    def test_a_core_for_host_and_guests(self):
        plan = self.plan(cpus=sets.GuestCpus(
            {sets.DEDICATED: frozenset({1, 4, 5})}))
        self.assertEqual((
            'CPUs 0 of the host share cores with CPUs 4 of guests, and slow '
            'them down: leave whole cores to the host.',), plan.notes)

    def test_daemons_among_the_guests(self):
        plan = self.plan({
            'proc/900/cgroup': '0::/machine.slice/libpod-x.scope'})
        self.assertIn('libvirtd (900) of machine.slice may use', plan.notes[0])

    def test_without_systemd(self):
        plan = self.plan({
            **base.WITHOUT_SYSTEMD,
            'proc/960/stat': '960 (ovs-vswitchd) S 1 1 1 0 -1 4194560 1',
            'proc/960/cgroup': '4:cpuset:/',
        }, exempt=OVS)
        self.assertEqual((isolation.CPUSET, ()), (plan.way, plan.all_files))
        self.assertEqual([900], [process.pid for process in plan.move])
        self.assertEqual([24, 25, 30], [irq.number for irq in plan.irqs])

    def test_a_guest_that_no_group_has_is_not_moved(self):
        plan = self.plan({**base.WITHOUT_SYSTEMD,
                          'proc/950/cgroup': '4:cpuset:/'})
        self.assertEqual([900], [process.pid for process in plan.move])


class RefusedTest(base.TestCase):

    def test_sets(self):
        for cpus, sentence in (
            ({}, 'Neither [compute] cpu_dedicated_set nor cpu_shared_set '
                 'has a CPU: set them'),
            ({sets.DEDICATED: frozenset({7, 8, 9})},
             '[compute] cpu_dedicated_set names 8-9, which this host does '
             'not have: it has 0-7.'),
            ({sets.SHARED: frozenset(range(8))},
             'With [compute] cpu_shared_set no CPU is left for the host: take '
             'out at least a core, such as 0,4.'),
        ):
            self.assertRefused(sentence, cpus=sets.GuestCpus(cpus))

    def test_no_host(self):
        self.assertRefused(
            'name a folder that has etc, proc and sys',
            {'sys/devices/system/cpu/online': None})

    def test_what_is_left_is_offline(self):
        self.assertRefused(
            'no CPU is left for the host',
            {'sys/devices/system/cpu/online': '1-3,5-7'})

    def test_exempt_cpus(self):
        for wishes, sentence in (
            ({'exempt_cpus': frozenset({0})}, 'name these with --exempt.'),
            ({'exempt': OVS, 'exempt_cpus': frozenset({3})},
             '--exempt-cpus names 3, which nova.conf gives to guests'),
            ({'exempt': OVS, 'exempt_cpus': frozenset({9})},
             '--exempt-cpus names 9, which are not online'),
            ({'exempt': OVS, 'exempt_cpus': frozenset({0, 4})},
             'cpu_shared_set and --exempt-cpus no CPU is left'),
        ):
            self.assertRefused(sentence, **wishes)

    def test_exempt_services(self):
        for service, sentence in (
            ('ovs-vswitchd', 'is no service: write it as'),
            ('../../x.service', 'is no service'),
            ('nothing.service', 'this host has no such service'),
        ):
            self.assertRefused(sentence, exempt=(service,))

    def test_cgroup_v1_with_systemd(self):
        self.assertRefused(
            'boot with systemd.unified_cgroup_hierarchy=1.',
            {'sys/fs/cgroup/cgroup.controllers': None})

    def test_no_cpuset_controller(self):
        self.assertRefused(
            'no cpuset controller here',
            {'sys/fs/cgroup/cgroup.controllers': 'cpu memory'})
        self.assertRefused(
            'neither systemd nor cgroup v1 with cpuset',
            {**base.WITHOUT_SYSTEMD,
             'sys/fs/cgroup/cpuset/cpuset.cpus': None})

    def test_memory(self):
        for wishes, sentence in (
            ({'memory_high': '4 G'}, "--memory-high '4 G' is no size"),
            ({'memory_max': '0'}, "--memory-max '0' is no size"),
            ({'memory_max': '101%'}, "--memory-max '101%' is no size"),
            ({'memory_high': '4G', 'memory_max': '3000M'},
             '--memory-high 4G is more than --memory-max 3000M'),
            ({'memory_max': '2047M'}, 'system.slice uses 2048 MiB now'),
        ):
            self.assertRefused(sentence, **wishes)
        self.plan(memory_high='1G', memory_max='2G')
        self.plan(memory_high='100%')

    def test_memory_that_nobody_limits(self):
        self.assertRefused(
            'no memory controller here: leave --memory-high out',
            {'sys/fs/cgroup/cgroup.controllers': 'cpuset'}, memory_high='3G')
        self.assertRefused(
            'leave out --memory-high and --memory-max', base.WITHOUT_SYSTEMD,
            memory_max='3G')

    def test_guests_among_the_daemons(self):
        self.assertRefused(
            'The guest qemu-system-x86 (950) is in system.slice rather than '
            'machine.slice',
            {'proc/950/cgroup': '0::/system.slice/docker-1.scope'})


class PropertiesTest(base.TestCase):

    @given(CPUS, CPUS, CPUS, CPUS, CPUS)
    def test_nobody_shares_and_nobody_is_without(
            self, online, offline, dedicated, shared, exempt):
        there = host(online, online | offline)
        wishes = isolation.Wishes(OVS if exempt else (), exempt)
        cpus = sets.GuestCpus({
            sets.DEDICATED: dedicated, sets.SHARED: shared})
        try:
            plan = isolation.plan(there, cpus, wishes)
        except isolation.CannotIsolate as error:
            self.assertTrue(str(error))
            # There was a reason.
            self.assertTrue(
                not online or not cpus.all or cpus.all - there.present
                or exempt - online or exempt & cpus.all
                or not online - cpus.all - exempt)
            return
        self.assertEqual(set(), plan.daemons & (dedicated | shared | exempt))
        self.assertEqual(online, (plan.daemons | cpus.all | exempt) & online)
        self.assertLessEqual(plan.daemons, online)
        for file in plan.all_files:
            lists = re.findall('^AllowedCPUs=(.+)$', file.text, re.MULTILINE)
            for text in lists:
                some = cpuset.parse(text)
                self.assertTrue(some, file.path)
                if units.GUESTS in file.path:
                    self.assertEqual(cpus.all, some)
                else:
                    self.assertEqual(set(), some & cpus.all)
                    self.assertLessEqual(some, online)
