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

"""What systemd makes of the units and drop-ins of host isolation.

systemd reads them in its test mode, where it says all that it understood and
does nothing. Whether the kernel then holds tasks to the CPUs is for a host
with cgroup v2 (make numa-host).
"""

import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess

import testtools
from testtools import content

from nova_numa_ext.cmd import main
from tests.unit.host import tree

SYSTEMD = pathlib.Path('/lib/systemd/systemd')
SYSTEM = '/lib/systemd/system'
TARGET = 'isolation-test.target'
OVS = 'ovs-vswitchd.service'
FILES = {
    f'sys/fs/cgroup/system.slice/{OVS}/cgroup.events': 'populated 0',
    f'lib/systemd/system/{OVS}': '[Service]\nExecStart=/bin/true',
    'lib/systemd/system/irqbalance.service':
        '[Service]\nExecStart=/bin/true',
    # Somebody else's, which is read before ours: lists add up.
    'etc/systemd/system/system.slice.d/10-other.conf':
        '[Slice]\nAllowedCPUs=0-7\nMemoryHigh=1G',
    # All that is asked about is loaded.
    f'etc/systemd/system/{TARGET}':
        f'[Unit]\nWants=machine.slice user.slice irqbalance.service {OVS} '
        'multi-user.target',
}


def as_nobody(*command):
    """Return a command that is run without root, who may have no test."""
    if os.geteuid():
        return command
    return ('setpriv', '--reuid', 'nobody', '--clear-groups', *command)


class IsolationTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        missing = [name for name in ('systemd-analyze', 'setpriv')
                   if shutil.which(name) is None]
        if not SYSTEMD.exists():
            missing.append(str(SYSTEMD))
        if missing:
            self.skipTest(f'no {", ".join(missing)} here: what is written '
                          'was not read by systemd')
        self.root = pathlib.Path(self.useFixture(
            tree.Tree(tree.saved('systemd'), FILES)).root)
        # For those who are not root, too.
        self.root.chmod(0o755)

    def write(self, *arguments):
        self.tune(
            '--write', '--cpu-dedicated-set', '2-3,6-7', '--cpu-shared-set',
            '1,5', '--exempt', OVS, *arguments)

    def tune(self, *arguments):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(0, main.main([
                'tune', 'isolation', '--root', str(self.root), *arguments]))

    def run_systemd(self, *command):
        """Return what a command says on stdout and stderr."""
        units = [self.root / 'etc/systemd/system', self.root / SYSTEM[1:],
                 SYSTEM]
        done = subprocess.run(
            as_nobody(*command), capture_output=True, text=True,
            timeout=120, check=False, env={
                'PATH': os.environ['PATH'], 'LC_ALL': 'C',
                'SYSTEMD_UNIT_PATH': ':'.join(map(str, units))})
        self.addDetail('stderr', content.text_content(done.stderr))
        self.assertEqual(0, done.returncode)
        return done.stdout, done.stderr

    def understood(self):
        """Return the lines of what systemd has of each unit."""
        said, complained = self.run_systemd(
            str(SYSTEMD), '--test', '--system', f'--unit={TARGET}')
        self.assertNotIn(str(self.root), complained)
        found = {}
        for line in said.splitlines():
            unit = re.fullmatch(r'\s*-> Unit (\S+):', line)
            if unit:
                lines = found.setdefault(unit[1], [])
            elif found:
                lines.append(line.strip())
        return found

    def test_what_systemd_understands(self):
        self.write('--memory-high', '3G', '--memory-max', '4G')

        found = self.understood()

        for unit, lines in (
            ('system.slice', ('AllowedCPUs: 0 4', f'MemoryHigh: {3 << 30}',
                              f'MemoryMax: {4 << 30}')),
            ('user.slice', ('AllowedCPUs: 0 4', f'MemoryHigh: {3 << 30}',
                            f'MemoryMax: {4 << 30}')),
            ('init.scope', ('AllowedCPUs: 0 4',)),
            ('machine.slice', ('AllowedCPUs: 1-3 5-7',)),
            ('isolation_exempt.slice', ('Slice: -.slice', 'AllowedCPUs:')),
            (OVS, ('Slice: isolation_exempt.slice',)),
            ('irqbalance.service', (
                'Environment: IRQBALANCE_BANNED_CPULIST=1-3,5-7',)),
            ('nova-numa-ext-irqs.service', (
                'WantedBy: multi-user.target (destination-file)',
                'Slice: system.slice')),
        ):
            for line in lines:
                self.assertIn(line, found[unit], unit)

    def test_nothing_to_complain_of(self):
        self.write()

        said, complained = self.run_systemd(
            'systemd-analyze', 'verify', '--man=no', TARGET,
            'nova-numa-ext-irqs.service')

        self.assertEqual(('', ''), (said, complained))

    def test_nothing_is_left(self):
        self.write()
        self.tune('--revert')

        found = self.understood()

        self.assertIn('AllowedCPUs: 0-7', found['system.slice'])
        self.assertIn('AllowedCPUs:', found['user.slice'])
        self.assertIn('Slice: system.slice', found[OVS])
        self.assertNotIn('nova-numa-ext-irqs.service', found)
