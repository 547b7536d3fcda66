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

import pathlib
import re
import subprocess

from hypothesis import given
from hypothesis import strategies
import testtools

from nova_numa_ext.tune import units
from tests.unit.host import tree

HEADER = """\
# Written by "nova-numa-ext tune isolation --write", removed by
# "nova-numa-ext tune isolation --revert".

"""


class UnitsTest(testtools.TestCase):

    def assertFile(self, path, text, file):
        self.assertEqual(f'etc/systemd/system/{path}', file.path)
        self.assertEqual(HEADER + text, file.text)

    def test_a_slice(self):
        self.assertFile(
            'system.slice.d/50-nova-numa-ext.conf',
            '[Slice]\nAllowedCPUs=\nAllowedCPUs=0-1,8\n',
            units.limited('system.slice', frozenset({0, 1, 8})))

    def test_a_scope(self):
        self.assertFile(
            'init.scope.d/50-nova-numa-ext.conf',
            '[Scope]\nAllowedCPUs=\nAllowedCPUs=0\n',
            units.limited('init.scope', frozenset({0})))

    def test_memory(self):
        self.assertFile(
            'user.slice.d/50-nova-numa-ext.conf',
            '[Slice]\nAllowedCPUs=\nAllowedCPUs=0\nMemoryHigh=6G\n'
            'MemoryMax=10%\n',
            units.limited('user.slice', frozenset({0}), '6G', '10%'))

    def test_exempt_services(self):
        slice_, service = units.exempt(
            ('ovs-vswitchd.service',), frozenset({0, 1}))
        self.assertFile(
            'isolation_exempt.slice',
            '[Unit]\nDescription=Services that host isolation leaves out\n\n'
            '[Slice]\nAllowedCPUs=0-1\n', slice_)
        self.assertFile(
            'ovs-vswitchd.service.d/50-nova-numa-ext.conf',
            '[Service]\nSlice=isolation_exempt.slice\n', service)

    def test_exempt_services_on_all_cpus(self):
        self.assertFile(
            'isolation_exempt.slice',
            '[Unit]\nDescription=Services that host isolation leaves out\n',
            units.exempt(('a.service',), None)[0])

    def test_interrupts(self):
        service, wanted = units.irqs(frozenset({0, 33}))
        self.assertFile(
            'nova-numa-ext-irqs.service',
            "[Unit]\n"
            "Description=Interrupts are kept off the CPUs of guests\n"
            "After=network.target\n"
            "\n"
            "[Service]\n"
            "Type=oneshot\n"
            "RemainAfterExit=yes\n"
            "ExecStart=/bin/sh -c 'echo 2,00000001 > "
            "/proc/irq/default_smp_affinity; for list in "
            "/proc/irq/[0-9]*/smp_affinity_list; do echo 0,33 > \"$$list\"; "
            "done 2> /dev/null; exit 0'\n", service)
        self.assertFile(
            'multi-user.target.d/50-nova-numa-ext.conf',
            '[Unit]\nWants=nova-numa-ext-irqs.service\n', wanted)

    def test_what_is_run_at_boot(self):
        root = self.useFixture(tree.Tree({
            'default_smp_affinity': 'ff',
            '24/smp_affinity_list': '0-7',
            '250/smp_affinity_list': '2',
            # A folder stands for what cannot be written.
            '240/smp_affinity_list/x': ''})).root
        line = re.search('^ExecStart=/bin/sh -c \'(.*)\'$', units.irqs(
            frozenset({0, 4}))[0].text, re.MULTILINE)
        done = subprocess.run(
            ['sh', '-c', line[1].replace('/proc/irq', root).replace(
                '$$', '$')], check=True, capture_output=True)
        self.assertEqual((b'', b''), (done.stdout, done.stderr))
        self.assertEqual(
            ['11\n', '0,4\n', '0,4\n'],
            [pathlib.Path(root, path).read_text() for path in (
                'default_smp_affinity', '24/smp_affinity_list',
                '250/smp_affinity_list')])

    def test_irqbalance(self):
        self.assertFile(
            'irqbalance.service.d/50-nova-numa-ext.conf',
            '[Service]\nEnvironment=IRQBALANCE_BANNED_CPULIST=2-3\n',
            units.irqbalance(frozenset({2, 3})))

    @given(strategies.frozensets(strategies.integers(0, 300), min_size=1))
    def test_masks(self, cpus):
        self.assertEqual(cpus, units.of_mask(units.mask(cpus)))
        for word in units.mask(cpus).split(',')[1:]:
            self.assertEqual(8, len(word))

    def test_no_mask(self):
        self.assertIsNone(units.of_mask(''))
        self.assertEqual({0, 1, 32}, units.of_mask('00000001,00000003'))
