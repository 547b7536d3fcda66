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

from nova_numa_ext.host import kernel_items
from tests.unit.host import base

RT = 'realtime'
CPU = 'sys/devices/system/cpu'


class KernelItemsTest(base.TestCase):

    def test_kernel(self):
        self.assertItem('PREEMPT_RT, 6.1.0-50-rt-amd64', True,
                        kernel_items.kernel, RT)
        self.assertItem('ordinary, 6.1.0-50-amd64', False,
                        kernel_items.kernel, 'debian')

    def test_kernel_that_says_so_in_one_place(self):
        version = 'Linux version 6.12.0 (x) #1 SMP {}PREEMPT_RT'
        self.assertItem(
            'PREEMPT_RT, 6.12.0', True, kernel_items.kernel, 'debian',
            {'proc/version': version.format('')})
        self.assertItem(
            'PREEMPT_RT, 6.1.0-50-amd64', True, kernel_items.kernel,
            'debian', {'sys/kernel/realtime': '1'})

    def test_kernel_unknown(self):
        self.assertItem('unknown', None, kernel_items.kernel, 'debian',
                        {'proc/version': None})

    def test_isolcpus(self):
        self.assertItem('2-7', True, kernel_items.isolcpus, RT)
        judged = self.assertItem(
            '2-7', False, kernel_items.isolcpus, RT, dedicated={1, 2})
        self.assertIn('isolcpus=managed_irq,domain,1-2', judged.remedy)
        self.assertItem('none', False, kernel_items.isolcpus, 'debian')

    def test_isolcpus_of_an_older_kernel(self):
        self.assertItem('2-7', True, kernel_items.isolcpus, RT,
                        {f'{CPU}/isolated': None}, dedicated={2})

    def test_nohz_full(self):
        self.assertItem('2-7', True, kernel_items.nohz_full, RT)
        # It writes "(null)".
        judged = self.assertItem('none', False, kernel_items.nohz_full,
                                 'epyc')
        self.assertEqual('Boot with nohz=on nohz_full=4-7,12-15',
                         judged.remedy)

    def test_a_kernel_without_nohz_full(self):
        judged = self.assertItem(
            'none', False, kernel_items.nohz_full, RT,
            {f'{CPU}/nohz_full': None})
        self.assertIn('CONFIG_NO_HZ_FULL', judged.remedy)

    def test_rcu_nocbs(self):
        self.assertItem('2-7', True, kernel_items.rcu_nocbs, RT)
        self.assertItem('none', False, kernel_items.rcu_nocbs, 'epyc')

    def test_rcu_nocbs_that_nohz_full_implies(self):
        self.assertItem('2-7', True, kernel_items.rcu_nocbs, RT,
                        {'proc/cmdline': 'ro nohz_full=2-7'})

    def test_irqs(self):
        self.assertItem('none there', True, kernel_items.irqs, RT)
        judged = self.assertItem(
            '4,8 on CPUs 4-5; new ones may go to 4-7,12-15', False,
            kernel_items.irqs, 'epyc')
        self.assertIn('irqaffinity=0-3,8-11', judged.remedy)

    def test_irqs_of_a_kernel_that_tells_less(self):
        files = {
            f'proc/irq/{number}/effective_affinity_list': None
            for number in range(16)}
        files['proc/irq/5/smp_affinity_list'] = '0-2'
        self.assertItem('5 on CPUs 2', False, kernel_items.irqs, RT, files)

    def test_irqs_that_may_be_elsewhere_and_are_not(self):
        # Managed ones, as of NVMe, cannot be moved by anyone.
        self.assertItem('none there', True, kernel_items.irqs, RT,
                        {'proc/irq/5/smp_affinity_list': '0-7'})

    def test_irqs_of_disks_queues_for_these_cpus_only(self):
        queue = {
            'proc/irq/5/effective_affinity_list': '3',
            'proc/irq/5/smp_affinity_list': '3',
            'proc/cmdline': 'ro isolcpus=managed_irq,domain,2-7',
        }
        for name in ('nvme0q4', 'virtio4-req.3', 'megasas0-msix3'):
            self.assertItem(
                'none there', True, kernel_items.irqs, RT,
                {**queue, f'proc/irq/5/{name}/x': ''})
        for files in (
            {'proc/irq/5/eth0-TxRx-3/x': ''},
            # The kernel was not told to keep them away.
            {'proc/irq/5/nvme0q4/x': '', 'proc/cmdline': 'isolcpus=2-7'},
            # It could be elsewhere.
            {'proc/irq/5/nvme0q4/x': '',
             'proc/irq/5/smp_affinity_list': '0-7'},
        ):
            self.assertItem('5 on CPUs 3', False, kernel_items.irqs, RT,
                            {**queue, **files})

    def test_irqs_of_many_cpus(self):
        self.assertItem(
            'new ones may go to 4', False, kernel_items.irqs, RT,
            {'proc/irq/default_smp_affinity': '00000000,00000010'})

    def test_irqs_unknown(self):
        self.assertItem('unknown', None, kernel_items.irqs, 'debian')

    def test_throttling(self):
        self.assertItem('-1', True, kernel_items.throttling, RT)
        self.assertItem('950000', False, kernel_items.throttling, 'debian')
        self.assertItem('unknown', None, kernel_items.throttling, 'debian', {
            'proc/sys/kernel/sched_rt_runtime_us': None})

    def test_groups(self):
        self.assertItem('none', True, kernel_items.groups, RT)

    def test_groups_of_version_1(self):
        group = 'sys/fs/cgroup/cpu,cpuacct'
        files = {f'{group}/cpu.rt_runtime_us': '950000'}
        self.assertItem('RT_GROUP_SCHED', None, kernel_items.groups,
                        'debian', files)
        files[f'{group}/machine.slice/cpu.rt_runtime_us'] = '0'
        self.assertItem('RT_GROUP_SCHED', False, kernel_items.groups,
                        'debian', files)
        files[f'{group}/machine.slice/cpu.rt_runtime_us'] = '400000'
        self.assertItem('RT_GROUP_SCHED', None, kernel_items.groups,
                        'debian', files)

    def test_groups_of_version_2(self):
        files = {'boot/config-6.1.0-50-amd64':
                 'CONFIG_NUMA=y\nCONFIG_RT_GROUP_SCHED=y'}
        self.assertItem('RT_GROUP_SCHED', False, kernel_items.groups,
                        'debian', files)
        files['proc/cmdline'] = 'ro rt_group_sched=0'
        self.assertItem('none', True, kernel_items.groups, 'debian', files)

    def test_clocksource(self):
        path = ('sys/devices/system/clocksource/clocksource0/'
                'current_clocksource')
        self.assertItem('tsc', True, kernel_items.clocksource, RT)
        for found, ok in (('hpet', False), ('arch_sys_counter', True)):
            self.assertItem(found, ok, kernel_items.clocksource, RT,
                            {path: found})
        self.assertItem('unknown', None, kernel_items.clocksource, RT,
                        {path: None})
