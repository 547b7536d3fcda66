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

from nova_numa_ext.host import cpu_items
from tests.unit.host import base

RT = 'realtime'
CPU = 'sys/devices/system/cpu'


class CpuItemsTest(base.TestCase):

    def test_governor(self):
        self.assertItem('performance', True, cpu_items.governor, RT)
        self.assertItem('schedutil', False, cpu_items.governor, 'debian')

    def test_governor_of_dedicated_cpus(self):
        path = '{}/cpu{}/cpufreq/scaling_governor'
        self.assertItem('performance', True, cpu_items.governor, RT,
                        {path.format(CPU, 0): 'powersave'})
        self.assertItem('performance, powersave', False, cpu_items.governor,
                        RT, {path.format(CPU, 7): 'powersave'})

    def test_governor_unknown(self):
        self.assertItem(
            'none of the kernel', None, cpu_items.governor, RT,
            {f'{CPU}/cpu{cpu}/cpufreq/scaling_governor': None
             for cpu in range(8)})

    def test_idle_states_held_by_tuned(self):
        self.assertItem('held to 2 us', True, cpu_items.idle_states, RT)
        self.assertItem('C6 133 us', False, cpu_items.idle_states, RT,
                        {'dev/cpu_dma_latency': None})

    def test_idle_states(self):
        self.assertItem('C6 133 us', False, cpu_items.idle_states, 'debian')
        # C2 is switched off.
        self.assertItem('fast ones', True, cpu_items.idle_states, 'epyc')
        self.assertItem(
            'C2 400 us', False, cpu_items.idle_states, 'epyc',
            {f'{CPU}/cpu15/cpuidle/state2/disable': '0'})

    def test_idle_states_held_for_each_cpu(self):
        self.assertItem(
            'held to 0 us', True, cpu_items.idle_states, RT,
            {'dev/cpu_dma_latency': None, **{
                f'{CPU}/cpu{cpu}/power/pm_qos_resume_latency_us': 'n/a'
                for cpu in range(2, 8)}})

    def test_idle_states_unknown(self):
        self.assertItem(
            'none of the kernel', None, cpu_items.idle_states, RT,
            {f'{CPU}/cpu{cpu}/cpuidle/state{state}/{name}': None
             for cpu in range(8) for state in range(3)
             for name in ('name', 'latency', 'disable')})

    def test_threads(self):
        self.assertItem('off', True, cpu_items.threads, RT)
        self.assertItem('on, siblings dedicated too', True,
                        cpu_items.threads, 'epyc')
        self.assertItem('on; siblings that are not dedicated: 12-13', False,
                        cpu_items.threads, 'epyc', dedicated={4, 5, 6, 14})
        self.assertItem('on', None, cpu_items.threads, 'debian')
        self.assertItem('unknown', None, cpu_items.threads, 'debian',
                        {f'{CPU}/smt/active': None})
