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

"""The saved host with systemd, and what can be changed of it."""

import pathlib

import testtools

from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import sets
from tests.unit.host import tree

#: Leaves one core, CPUs 0 and 4, to the host.
GUESTS = sets.GuestCpus({
    sets.DEDICATED: frozenset({2, 3, 6, 7}),
    sets.SHARED: frozenset({1, 5})})
WISHES = isolation.Wishes()

#: The same host without systemd, as with cgroup v1.
WITHOUT_SYSTEMD = {
    'run/systemd/system/x': None,
    'sys/fs/cgroup/cgroup.controllers': None,
    'sys/fs/cgroup/cpuset/cpuset.cpus': '0-7',
    'sys/fs/cgroup/cpuset/cpuset.mems': '0-1',
    'sys/fs/cgroup/cpuset/cgroup.procs': '1\n2\n900',
    'proc/1/cgroup': '4:cpuset:/',
    'proc/2/cgroup': '4:cpuset:/',
    'proc/900/cgroup': '5:cpu:/x\n4:cpuset:/',
    'proc/950/cgroup': '4:cpuset:/machine/qemu-1-instance.libvirt-qemu',
}


class TestCase(testtools.TestCase):

    def reader(self, files=()):
        """Return a reader of the host.

        :param files: what else is there, or None for what is not
        """
        reader = self.useFixture(
            tree.Tree(tree.saved('systemd'), files)).reader
        # As the kernel has it for an interrupt that only it can move.
        pathlib.Path(reader.root, 'proc/irq/31/smp_affinity_list').chmod(0o444)
        return reader

    def plan(self, files=(), cpus=GUESTS, **wishes):
        wishes = isolation.Wishes(**wishes)
        host = facts.gather(self.reader(files), wishes.exempt)
        return isolation.plan(host, cpus, wishes)

    def assertRefused(self, sentence, *args, **kwargs):
        error = self.assertRaises(
            isolation.CannotIsolate, self.plan, *args, **kwargs)
        self.assertIn(sentence, str(error))
        self.assertTrue(str(error).endswith('.'))
        self.assertNotIn('\n', str(error))
