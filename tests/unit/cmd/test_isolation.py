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

import contextlib
import io
import json
import pathlib

import fixtures

from nova_numa_ext.cmd import isolating
from nova_numa_ext.cmd import isolation
from nova_numa_ext.cmd import main
from nova_numa_ext.host import reader
from nova_numa_ext.tune import sets
from tests.unit.cmd import kernel
from tests.unit.tune import base

SETS = ('--cpu-dedicated-set', '2-3,6-7', '--cpu-shared-set', '1,5')
SLICE = 'etc/systemd/system/system.slice.d/50-nova-numa-ext.conf'
PLAN = """\
Daemons, users and interrupts: CPUs 0,4.
Guests: CPUs 1-3,5-7.
/etc/systemd/system/system.slice.d/50-nova-numa-ext.conf: not there, wanted:
    # Written by "nova-numa-ext tune isolation --write", removed by
    # "nova-numa-ext tune isolation --revert".

    [Slice]
    AllowedCPUs=
    AllowedCPUs=0,4
"""


class IsolationTest(base.TestCase):
    """The command on a saved host, as if it were this one.

    :ivar kernel: what is told to its kernel and its systemd
    """

    def setUp(self):
        super().setUp()
        self.start()

    def start(self, files=()):
        self.root = pathlib.Path(self.reader(files).root)
        self.kernel = kernel.Kernel(str(self.root))

    def run_command(self, *arguments, here=True):
        """Return the status, what it says, and what it complains of."""
        if here:
            conf = self.root / 'nova.conf'
            conf.write_text('')
            arguments = ('--config-file', str(conf), *arguments)
            for name, value in (
                ('nova_numa_ext.host.reader.THIS',
                 reader.HostReader(str(self.root))),
                ('nova_numa_ext.cmd.isolating.Kernel',
                 lambda _root: self.kernel),
            ):
                self.useFixture(fixtures.MonkeyPatch(name, value))
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(complained):
                status = main.main(['tune', 'isolation', *arguments])
        return status, said.getvalue(), complained.getvalue()

    def test_the_plan(self):
        status, said, complained = self.run_command(*SETS)
        self.assertEqual((0, ''), (status, complained))
        self.assertEqual(PLAN, said[:len(PLAN)])
        self.assertIn('\n/proc/irq/default_smp_affinity: ff, wanted 11\n'
                      '/proc/irq/24/smp_affinity_list: 0-7, wanted 0,4\n',
                      said)
        self.assertIn('\nIRQ 31 (nvme0q1) on CPUs 2-3 cannot be moved.\n',
                      said)
        self.assertTrue(said.endswith(
            '\nNothing was written: --write does it.\n'))
        self.assertFalse((self.root / 'etc/systemd').exists())
        self.assertEqual([], self.kernel.told)

    def test_the_plan_of_a_host_without_systemd(self):
        self.start(base.WITHOUT_SYSTEMD)
        _status, said, _complained = self.run_command(*SETS)
        self.assertIn(
            '\n/sys/fs/cgroup/cpuset/nova-numa-ext/cpuset.cpus: not there, '
            'wanted 0,4\n'
            '/sys/fs/cgroup/cpuset/nova-numa-ext/cgroup.procs: libvirtd '
            '(900) is in /, wanted 900\n', said)

    def test_written(self):
        status, said, complained = self.run_command(*SETS, '--write')
        self.assertEqual((
            0, 'Daemons, users and interrupts are held to CPUs 0,4, guests '
            'to 1-3,5-7.\n', ''), (status, said, complained))
        _status, said, _complained = self.run_command(*SETS)
        self.assertIn(f'\n/{SLICE}: as planned\n', said)
        self.assertTrue(said.endswith('\nAll is as planned.\n'))

    def test_written_but_not_in_effect(self):
        self.kernel.systemctl = lambda *_words: 'AllowedCPUs=\n'
        status, said, _complained = self.run_command(*SETS, '--write')
        self.assertEqual(1, status)
        self.assertIn('\nsystem.slice is not in effect yet: CPUs 0-7, wanted '
                      'CPUs 0,4.\n', said)

    def test_checked(self):
        status, said, complained = self.run_command(*SETS, '--check')
        self.assertEqual((1, ''), (status, complained))
        self.assertRegex(said, r'\| system.slice +\| CPUs 0-7, drop-in not '
                               r'there +\| CPUs 0,4 +\| advised \|')
        self.assertIn('\nThe host is not as planned.\n', said)
        self.assertIn('machine.slice, ', said)
        self.assertIn(': nova-numa-ext tune isolation --write.\n', said)
        self.run_command(*SETS, '--write')
        status, said, _complained = self.run_command(*SETS, '--check')
        self.assertEqual(0, status)
        self.assertTrue(said.endswith('\nThe host is as planned.\n'))
        (self.root / SLICE).unlink()
        status, said, _complained = self.run_command(*SETS, '--check')
        self.assertEqual(1, status)
        self.assertRegex(said, r'\| system.slice .* MISSING \|')

    def test_checked_with_the_options_of_the_last_time(self):
        self.run_command(*SETS, '--write', '--memory-high', '3G')
        self.assertEqual(0, self.run_command(*SETS, '--check')[0])
        self.assertEqual(1, self.run_command(
            *SETS, '--check', '--memory-high', '4G')[0])

    def test_interrupts_that_were_refused_are_no_fault(self):
        self.kernel.refused = {'proc/irq/24/smp_affinity_list': 5}
        status, said, _complained = self.run_command(*SETS, '--write')
        self.assertEqual(0, status)
        self.assertIn('IRQ 24 (eth0-0) on CPUs 0-7 cannot be moved: '
                      'Input/output error.', said)
        self.assertEqual(0, self.run_command(*SETS, '--check')[0])
        # Another try may succeed.
        self.kernel.refused = {}
        self.run_command(*SETS, '--write')
        self.assertEqual('0,4\n', (
            self.root / 'proc/irq/24/smp_affinity_list').read_text())

    def test_reverted(self):
        self.run_command(*SETS, '--write')
        # nova.conf need not be there any more.
        status, said, complained = self.run_command('--revert')
        self.assertEqual((0, 'All is put back as it was.\n', ''),
                         (status, said, complained))
        self.assertEqual(
            (0, 'There is nothing to put back: this command has written '
                'nothing here.\n', ''), self.run_command('--revert'))

    def test_json(self):
        _status, said, _complained = self.run_command(*SETS, '--json')
        found = json.loads(said)
        self.assertEqual(
            ('systemd', '0,4', '1-3,5-7', [], False, []),
            tuple(found[name] for name in (
                'way', 'daemons', 'guests', 'restart', 'as_planned',
                'notes')))
        self.assertEqual(
            [f'/{SLICE}', None],
            [found['changes'][0]['path'], found['changes'][0]['found']])
        self.assertEqual(
            {'path': '/proc/irq/24/smp_affinity_list', 'found': '0-7',
             'wanted': '0,4'}, found['changes'][-3])
        self.assertEqual(
            [{'irq': 31, 'devices': ['nvme0q1'], 'cpus': '2-3'}],
            found['unmovable_irqs'])
        self.assertEqual('system.slice', found['items'][0]['name'])

    def test_refused(self):
        for arguments, sentence in (
            ((), 'Neither [compute] cpu_dedicated_set nor cpu_shared_set'),
            (('--cpu-shared-set', '0-x'), 'cpu_shared_set = 0-x: '),
            ((*SETS, '--exempt', 'x'), "--exempt 'x' is no service"),
            ((*SETS, '--exempt-cpus', 'x'), '--exempt-cpus x: '),
            ((*SETS, '--memory-max', '1G'), 'system.slice uses 2048 MiB'),
        ):
            for what in ((), ('--write',), ('--check',)):
                status, said, complained = self.run_command(
                    *arguments, *what)
                self.assertEqual((2, ''), (status, said), arguments)
                self.assertIn(sentence, complained)
                self.assertEqual(1, complained.count('\n'))
        self.assertFalse((self.root / 'etc/systemd').exists())

    def test_an_exempt_service_that_has_to_be_restarted(self):
        arguments = (*SETS, '--exempt', 'ovs-vswitchd.service')
        _status, said, _complained = self.run_command(*arguments)
        self.assertIn('\novs-vswitchd.service has to be restarted before the '
                      'rest is written.\n', said)
        status, said, complained = self.run_command(*arguments, '--write')
        self.assertEqual((2, ''), (status, said))
        self.assertIn('restart them, then repeat this.', complained)

    def test_what_cannot_be_written(self):
        (self.root / 'var').write_text('')
        status, _said, complained = self.run_command(*SETS, '--write')
        self.assertEqual(2, status)
        self.assertIn('/var: File exists. Run this as root', complained)

    def test_notes_that_cannot_be_read(self):
        path = self.root / isolating.NOTES
        path.parent.mkdir(parents=True)
        path.write_text('{')
        status, _said, complained = self.run_command(*SETS, '--check')
        self.assertEqual(2, status)
        self.assertIn(f'/{isolating.NOTES} cannot be used', complained)

    def test_another_host(self):
        arguments = ('--root', str(self.root), *SETS)
        status, said, _complained = self.run_command(
            *arguments, '--write', here=False)
        self.assertEqual((
            0, 'The files are written. The systemd of that host was told '
            'nothing.\n'), (status, said))
        self.assertTrue((self.root / SLICE).exists())
        self.assertEqual(
            (0, 'All is put back as it was.\n', ''),
            self.run_command('--root', str(self.root), '--revert',
                             here=False))
        self.assertFalse((self.root / SLICE).exists())

    def test_one_thing_at_a_time(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertRaises(
                SystemExit, self.run_command, '--write', '--revert')


class ItemsTest(base.TestCase):
    """What ``nova-numa-ext host`` says."""

    def items(self, look, cpus=base.GUESTS):
        return {item.name: item for item in isolation.items_of(look, cpus)}

    def test_advice_where_nothing_was_written(self):
        items = self.items(self.reader())
        self.assertEqual(
            ('CPUs 0-7, drop-in not there', False, False),
            (items['system.slice'].found, items['system.slice'].ok,
             items['system.slice'].missing))

    def test_a_fault_where_something_was(self):
        look = self.reader()
        with contextlib.redirect_stdout(io.StringIO()):
            main.main(['tune', 'isolation', '--root', look.root, '--write',
                       '--cpu-dedicated-set', '2-3', '--memory-high', '3G'])
        items = self.items(look, sets.GuestCpus(
            {sets.DEDICATED: frozenset({2, 3})}))
        # Nobody has told its systemd.
        self.assertEqual(('CPUs 0-7', True), (
            items['system.slice'].found, items['system.slice'].missing))
        self.assertIs(True, items['irqbalance.service'].ok)
        # nova.conf was changed, and the host was not.
        items = self.items(look)
        self.assertEqual('CPUs 0-7, drop-in another',
                         items['system.slice'].found)
        items = self.items(look, sets.GuestCpus({}))
        self.assertIs(True, items['isolation'].missing)

    def test_no_plan(self):
        item = self.items(self.reader(), sets.GuestCpus({}))['isolation']
        self.assertEqual((None, False), (item.ok, item.missing))
        self.assertIn('set them to those', item.remedy)

    def test_notes_that_cannot_be_read(self):
        look = self.reader({isolating.NOTES: '{'})
        self.assertIn('cannot be used', self.items(look)['isolation'].remedy)
