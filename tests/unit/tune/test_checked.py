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

from nova_numa_ext.tune import checked
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from tests.unit.tune import base

OVS = ('ovs-vswitchd.service',)


class CheckedTest(base.TestCase):

    def check(self, files=(), exempt=(), needed=False):
        reader = self.reader(files)
        host = facts.gather(reader, exempt)
        plan = isolation.plan(host, base.GUESTS, isolation.Wishes(exempt))
        return {item.name: item for item in checked.items(
            reader, host, plan, needed)}

    def planned(self, **wishes):
        """Return the files of a host that is as planned."""
        files = {file.path: file.text for file in
                 self.plan(**wishes).all_files}
        for unit in ('system.slice', 'user.slice', 'init.scope'):
            files[f'sys/fs/cgroup/{unit}/cpuset.cpus.effective'] = '0,4'
        files['sys/fs/cgroup/machine.slice/cpuset.cpus.effective'] = (
            '1-3,5-7')
        files['proc/irq/default_smp_affinity'] = '11'
        for irq in (24, 25, 30):
            files[f'proc/irq/{irq}/smp_affinity_list'] = '0,4'
        return files

    def test_a_host_as_it_was_installed(self):
        items = self.check()
        self.assertEqual({False}, {item.ok for item in items.values()})
        self.assertEqual(
            ('CPUs 0-7, drop-in not there', 'CPUs 0,4'),
            (items['system.slice'].found, items['system.slice'].wanted))
        self.assertEqual('CPUs 1-3,5-7', items['machine.slice'].wanted)
        self.assertEqual('CPUs 0-7', items['new IRQs'].found)
        self.assertEqual(
            '24 (eth0-0) on CPUs 0-7, 25 (eth0-1) on CPUs 2-3,6-7, 30 '
            '(nvme0q1) on CPUs 0-1; 31 (nvme0q1) on CPUs 2-3 cannot be moved',
            items['IRQs'].found)
        self.assertEqual({'nova-numa-ext tune isolation --write'},
                         {item.remedy for item in items.values()})

    def test_a_host_as_planned(self):
        items = self.check(self.planned())
        self.assertEqual(
            [], [item for item in items.values() if not item.ok])
        self.assertEqual('CPUs 0,4', items['user.slice'].found)

    def test_needed(self):
        self.assertEqual(
            {True}, {item.missing for item in self.check(needed=True).values()
                     })
        self.assertEqual(
            {False}, {item.missing for item in self.check().values()})

    def test_each_thing_that_is_not_as_planned(self):
        drop_in = 'etc/systemd/system/{}.d/50-nova-numa-ext.conf'
        group = 'sys/fs/cgroup/{}/cpuset.cpus.effective'
        for path, text, name, found in (
            (drop_in.format('system.slice'), 'x', 'system.slice',
             'CPUs 0,4, drop-in another'),
            (drop_in.format('init.scope'), None, 'init.scope',
             'CPUs 0,4, drop-in not there'),
            (group.format('user.slice'), '0-1,4', 'user.slice',
             'CPUs 0-1,4'),
            (group.format('machine.slice'), '0-7', 'machine.slice',
             'CPUs 0-7'),
            (drop_in.format('irqbalance.service'), None,
             'irqbalance.service', 'not there'),
            ('proc/irq/default_smp_affinity', '13', 'new IRQs', 'CPUs 0-1,4'),
            ('proc/irq/24/smp_affinity_list', '1', 'IRQs',
             '24 (eth0-0) on CPUs 1; 31 (nvme0q1) on CPUs 2-3 cannot be '
             'moved'),
        ):
            wrong = [item for item in self.check(
                {**self.planned(), path: text}).values() if not item.ok]
            self.assertEqual(
                [(name, found)], [(item.name, item.found) for item in wrong])

    def test_a_slice_that_does_not_run(self):
        """libvirt's is there from the first guest on."""
        group = 'sys/fs/cgroup/machine.slice/cpuset.cpus.effective'
        items = self.check({**self.planned(), group: None})
        self.assertEqual(('not running', True), (
            items['machine.slice'].found, items['machine.slice'].ok))

    def test_a_slice_without_limits(self):
        items = self.check({
            **self.planned(),
            'sys/fs/cgroup/system.slice/cpuset.cpus.effective': None})
        self.assertEqual(('all CPUs', False), (
            items['system.slice'].found, items['system.slice'].ok))

    def test_exempt_services(self):
        item = self.check(self.planned(exempt=OVS), OVS)[OVS[0]]
        self.assertEqual(
            ('system.slice', 'isolation_exempt.slice', False),
            (item.found, item.wanted, item.ok))
        self.assertIn(f'systemctl restart {OVS[0]}', item.remedy)
        here = 'sys/fs/cgroup/{}/ovs-vswitchd.service/cgroup.events'
        item = self.check({
            **self.planned(exempt=OVS), here.format('system.slice'): None,
            here.format('isolation_exempt.slice'): 'populated 1'},
            OVS)[OVS[0]]
        self.assertIs(True, item.ok)

    def test_without_systemd(self):
        items = self.check(base.WITHOUT_SYSTEMD)
        self.assertEqual(
            [('all CPUs', False), ('libvirtd (900) outside', False)],
            [(items[name].found, items[name].ok)
             for name in ('daemons', 'processes')])
        items = self.check({
            **base.WITHOUT_SYSTEMD,
            'sys/fs/cgroup/cpuset/nova-numa-ext/cpuset.cpus': '0,4',
            'proc/900/cgroup': '4:cpuset:/nova-numa-ext'})
        self.assertEqual(
            [('CPUs 0,4', True), ('all inside', True)],
            [(items[name].found, items[name].ok)
             for name in ('daemons', 'processes')])

    def test_many_processes(self):
        files = dict(base.WITHOUT_SYSTEMD)
        for pid in range(901, 906):
            files[f'proc/{pid}/stat'] = f'{pid} (a) S 1 1 1 0 -1 4194560 1'
            files[f'proc/{pid}/cgroup'] = '4:cpuset:/'
        self.assertEqual(
            'libvirtd (900), a (901), a (902) and 3 more outside',
            self.check(files)['processes'].found)

    def test_no_plan(self):
        item = checked.refused('Set something.')
        self.assertEqual(
            ('isolation', None, False, 'Set something'),
            (item.name, item.ok, item.missing, item.remedy))
        self.assertIs(True, checked.refused('Set.', needed=True).missing)
