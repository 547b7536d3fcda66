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
import errno
import os
import pathlib

import fixtures
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
from oslo_concurrency import processutils

from nova_numa_ext.cmd import isolating
from nova_numa_ext.cmd import journal
from nova_numa_ext.host import reader
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import sets
from nova_numa_ext.tune import units
from tests.unit.cmd import kernel
from tests.unit.tune import base

OVS = 'ovs-vswitchd.service'
DROP_IN = 'etc/systemd/system/{}.d/50-nova-numa-ext.conf'
EVENTS = 'sys/fs/cgroup/{}/ovs-vswitchd.service/cgroup.events'


def tree(root):
    """Return all that is below a folder: modes, and texts of files."""
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else None)
        for path in pathlib.Path(root).rglob('*')}


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.start()

    def start(self, files=()):
        self.look = self.reader(files)
        self.kernel = kernel.Kernel(self.look.root)
        self.before = tree(self.look.root)

    def journal(self):
        return journal.Journal(self.look.root, isolating.NOTES)

    def plan(self, cpus=base.GUESTS, wishes=base.WISHES):
        return isolation.plan(
            facts.gather(self.look, wishes.exempt), cpus, wishes)

    def write(self, cpus=base.GUESTS, **wishes):
        wishes = isolation.Wishes(**wishes)
        return isolating.carry_out(
            self.plan(cpus, wishes), wishes, self.journal(), self.kernel)

    def revert(self):
        return isolating.revert(self.look, self.journal(), self.kernel)

    def assertReverted(self):
        self.assertEqual(self.before, tree(self.look.root))

    def path(self, *parts):
        return pathlib.Path(self.look.root, *parts)


class SystemdTest(TestCase):

    def test_written(self):
        self.assertEqual([], self.write())
        for file in self.plan().all_files:
            self.assertEqual(file.text, self.path(file.path).read_text())
        self.assertEqual(
            ['show --property=AllowedCPUs system.slice', 'daemon-reload',
             'try-restart irqbalance.service'], self.kernel.told)
        for path, text in (
            ('default_smp_affinity', '11\n'),
            ('24/smp_affinity_list', '0,4\n'),
            ('25/smp_affinity_list', '0,4\n'),
            ('26/smp_affinity_list', '0\n'),
            ('31/smp_affinity_list', '2-3\n'),
        ):
            self.assertEqual(text, self.path('proc/irq', path).read_text())

    def test_reverted(self):
        self.write(memory_high='3G')
        self.kernel.told = []
        self.assertEqual([], self.revert())
        self.assertReverted()
        self.assertEqual(['daemon-reload', 'try-restart irqbalance.service'],
                         self.kernel.told)

    def test_again(self):
        self.write()
        after = tree(self.look.root)
        self.kernel.told = []
        self.write()
        self.assertEqual(after, tree(self.look.root))
        self.assertNotIn('try-restart irqbalance.service', self.kernel.told)

    def test_other_cpus(self):
        self.write()
        self.write(sets.GuestCpus({sets.SHARED: frozenset({4, 5, 6, 7})}))
        self.assertIn('AllowedCPUs=0-3\n', self.path(
            DROP_IN.format('system.slice')).read_text())
        self.revert()
        self.assertReverted()

    def test_what_is_wanted_no_longer_is_removed(self):
        self.path(EVENTS.format('system.slice')).write_text('populated 0\n')
        self.before = tree(self.look.root)
        self.write(exempt=(OVS,))
        self.assertTrue(self.path(DROP_IN.format(OVS)).exists())
        self.write()
        self.assertFalse(self.path(DROP_IN.format(OVS)).parent.exists())
        self.assertFalse(self.path(units.FOLDER, units.EXEMPT).exists())
        self.revert()
        self.assertReverted()

    def test_an_exempt_service_that_runs_elsewhere(self):
        error = self.assertRaises(
            isolating.CannotChange, self.write, exempt=(OVS,))
        self.assertEqual(
            'Still in system.slice, which is to be held to CPUs 0,4: '
            f'{OVS}. The slice of exempt services is written: restart them, '
            'then repeat this.',
            str(error))
        # Its own slice is there; nothing is limited.
        self.assertTrue(self.path(DROP_IN.format(OVS)).exists())
        self.assertFalse(self.path(DROP_IN.format('system.slice')).exists())
        self.assertIn('daemon-reload', self.kernel.told)
        # It is restarted.
        old, new = (self.path(EVENTS.format(slice_))
                    for slice_ in ('system.slice', units.EXEMPT))
        new.parent.mkdir(parents=True)
        old.rename(new)
        self.write(exempt=(OVS,))
        self.assertTrue(self.path(DROP_IN.format('system.slice')).exists())
        new.rename(old)
        new.parent.rmdir()
        new.parent.parent.rmdir()
        self.assertIn('until the next restart: ovs-', self.revert()[0])
        self.assertReverted()

    def test_files_of_somebody_else(self):
        path = self.path(DROP_IN.format('user.slice'))
        path.parent.mkdir(parents=True)
        path.write_text('[Slice]\nCPUWeight=50\n')
        self.before = tree(self.look.root)
        error = self.assertRaises(isolating.CannotChange, self.write)
        self.assertIn(f'/{DROP_IN.format("user.slice")}: not written by',
                      str(error))
        self.assertReverted()

    def test_files_that_were_changed_since(self):
        self.write()
        path = self.path(DROP_IN.format('user.slice'))
        path.write_text(path.read_text() + 'CPUWeight=50\n')
        after = tree(self.look.root)
        for call in (self.write, self.revert):
            error = self.assertRaises(isolating.CannotChange, call)
            self.assertIn(str(path.relative_to(self.look.root)), str(error))
        self.assertEqual(after, tree(self.look.root))

    def test_interrupts_that_cannot_be_moved(self):
        for number in (errno.EIO, errno.EPERM, errno.ENOSPC):
            self.start()
            path = 'proc/irq/30/smp_affinity_list'
            self.kernel.refused = {path: number}
            said = self.write()
            self.assertEqual(
                [f'IRQ 30 (nvme0q1) on CPUs 0-1 cannot be moved: '
                 f'{os.strerror(number)}.'], said)
            self.assertEqual({'30': ['nvme0q1']}, self.journal().stuck)
            self.kernel.refused = {}
            self.assertEqual([], self.write())
            self.assertEqual({}, self.journal().stuck)
            self.revert()
            self.assertReverted()

    def test_interrupts_that_were_moved_since(self):
        self.write()
        path = self.path('proc/irq/24/smp_affinity_list')
        path.write_text('4\n')
        self.assertEqual(
            ['/proc/irq/24/smp_affinity_list was set by somebody else since, '
             'or is of another device, and is left.'], self.revert())
        self.assertEqual('4\n', path.read_text())

    def test_a_mask_with_zeros_before_it(self):
        """Kernels write as many digits as they have CPUs."""
        self.write()
        self.path('proc/irq/default_smp_affinity').write_text('00000011\n')
        self.assertEqual([], self.revert())
        self.assertReverted()

    def test_a_systemd_that_fails(self):
        self.kernel.failing = 'daemon-reload'
        self.assertRaises(isolating.CannotChange, self.write)
        self.assertRaises(isolating.CannotChange, self.revert)
        self.assertIs(True, self.journal().found)
        self.kernel.failing = None
        self.revert()
        self.assertReverted()

    def test_a_systemd_that_failed_is_told_again(self):
        self.kernel.failing = 'daemon-reload'
        self.assertRaises(isolating.CannotChange, self.write)
        self.kernel.failing = None
        self.write()
        self.assertEqual('0,4\n', self.path(
            'sys/fs/cgroup/system.slice/cpuset.cpus.effective').read_text())

    def test_a_systemd_that_is_too_old(self):
        self.kernel.systemctl = lambda *_words: ''
        error = self.assertRaises(isolating.CannotChange, self.write)
        self.assertIn('install 244 or newer', str(error))
        self.assertReverted()

    def test_each_write_may_fail(self):
        """Whatever was done until then is undone."""
        replace = os.replace
        for last in range(1, 40):
            self.start()
            count = 0

            def fail(source, target, last=last):
                nonlocal count
                count += 1
                if count == last:
                    raise OSError(errno.ENOSPC, 'No space', target)
                replace(source, target)

            with fixtures.MonkeyPatch('os.replace', fail):
                with contextlib.suppress(OSError):
                    self.write()
            if count < last:
                break
            if self.journal().found:
                self.revert()
            else:
                # The notes themselves: nothing came after them.
                self.path('var/lib/nova-numa-ext').rmdir()
                self.path('var/lib').rmdir()
                self.path('var').rmdir()
            self.assertReverted()
        self.assertGreater(last, 20)

    @settings(max_examples=15, deadline=None)
    @given(strategies.lists(
        strategies.frozensets(strategies.integers(0, 7), min_size=1,
                              max_size=7), min_size=1, max_size=3))
    def test_revert_is_exact(self, written):
        self.start()
        for guests in written:
            self.write(sets.GuestCpus({sets.DEDICATED: guests}))
        self.assertNotEqual(self.before, tree(self.look.root))
        self.assertEqual([], self.revert())
        self.assertReverted()


class WithoutSystemdTest(TestCase):

    def start(self, files=()):
        super().start({**base.WITHOUT_SYSTEMD, **dict(files)})

    def test_written(self):
        self.assertEqual([], self.write())
        group = self.path(facts.GROUP)
        self.assertEqual('0,4', (group / 'cpuset.cpus').read_text())
        self.assertEqual('0-1\n', (group / 'cpuset.mems').read_text())
        self.assertEqual(
            ['4:cpuset:/\n', '4:cpuset:/\n',
             '5:cpu:/x\n4:cpuset:/nova-numa-ext\n',
             '4:cpuset:/machine/qemu-1-instance.libvirt-qemu\n'],
            [self.path('proc', pid, 'cgroup').read_text()
             for pid in ('1', '2', '900', '950')])
        self.assertEqual([], self.kernel.told)

    def test_reverted(self):
        self.write()
        self.assertEqual([], self.revert())
        self.assertReverted()

    def test_again(self):
        self.write()
        after = tree(self.look.root)
        self.write()
        self.assertEqual(after, tree(self.look.root))

    def test_a_process_that_ends(self):
        plan = self.plan()
        self.path('proc/900/cgroup').unlink()
        self.assertEqual([], isolating.carry_out(
            plan, base.WISHES, self.journal(), self.kernel))

    def test_a_process_that_stays(self):
        path = f'{facts.GROUP}/cgroup.procs'
        self.kernel.refused = {path: errno.EINVAL}
        self.assertEqual(
            ['libvirtd (900) cannot be moved: Invalid argument.'],
            self.write())

    def test_a_group_that_is_gone(self):
        """The kernel forgets it at the next boot."""
        self.write()
        self.path('proc/900/cgroup').write_text('5:cpu:/x\n4:cpuset:/\n')
        self.kernel.remove_group(facts.GROUP)
        self.assertEqual([], self.revert())
        self.assertReverted()


class KernelTest(base.TestCase):

    def test_values_and_groups(self):
        root = self.reader().root
        kernel = isolating.Kernel(root)
        self.assertIs(False, kernel.here)
        kernel.write('proc/irq/24/smp_affinity_list', '0\n')
        self.assertEqual({0}, reader.HostReader(root).cpus(
            'proc/irq/24/smp_affinity_list'))
        kernel.make_group('sys/fs/cgroup/x')
        kernel.remove_group('sys/fs/cgroup/x')
        self.assertFalse(pathlib.Path(root, 'sys/fs/cgroup/x').exists())
        self.assertIs(True, isolating.Kernel().here)

    def test_a_value_that_is_refused_is_named(self):
        """As the kernel does it: the file opens, and the write fails."""
        error = self.assertRaises(
            OSError, isolating.Kernel().write, 'dev/full', '0\n')
        self.assertEqual(
            (errno.ENOSPC, '/dev/full'), (error.errno, error.filename))

    def test_systemctl(self):
        seen = []

        def execute(*words):
            seen.append(words)
            return 'said\n', ''
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_concurrency.processutils.execute', execute))
        self.assertEqual('said\n', isolating.Kernel().systemctl('x', 'y'))
        self.assertEqual([('systemctl', 'x', 'y')], seen)

    def test_a_systemctl_that_fails(self):
        for error, reason in (
            (processutils.ProcessExecutionError(stderr='no\nbus\n'),
             'no bus'),
            (FileNotFoundError(2, 'No such file', 'systemctl'),
             'No such file'),
        ):
            def fail(*_words, error=error):
                raise error
            self.useFixture(fixtures.MonkeyPatch(
                'oslo_concurrency.processutils.execute', fail))
            raised = self.assertRaises(
                isolating.CannotChange, isolating.Kernel().systemctl,
                'daemon-reload')
            self.assertIn('systemctl daemon-reload failed: ', str(raised))
            self.assertIn(reason, str(raised))
            self.assertIn('--revert', str(raised))


class WishesTest(base.TestCase):

    def test_there_and_back(self):
        for wishes in (
            isolation.Wishes(),
            isolation.Wishes((OVS,), frozenset({1, 5}), '4G', '10%'),
        ):
            self.assertEqual(
                wishes, isolating.of_notes(isolating.as_notes(wishes)))
        self.assertEqual(isolation.Wishes(), isolating.of_notes({}))
