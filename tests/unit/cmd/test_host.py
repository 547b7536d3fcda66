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

import json
import pathlib

import fixtures

from nova_numa_ext.cmd import connection
from tests.unit.cmd import guests
from tests.unit.domain import test_standing
from tests.unit.host import test_affine
from tests.unit.host import tree

INTEL = (pathlib.Path(__file__).parents[1] / 'domain' / 'hosts'
         / 'intel-2-sockets.xml')


class HostTest(guests.TestCase):
    """The guest of the verify tests, on a host of two nodes."""

    def setUp(self):
        super().setUp()
        self.files = {**tree.saved('realtime')}
        self.conf = self.useFixture(fixtures.TempDir()).join('nova.conf')
        self.write_conf('cpu_dedicated_set = 0-1,3-7,^3')

    def write_conf(self, line):
        pathlib.Path(self.conf).write_text(f'[compute]\n{line}\n')

    def host(self, *arguments):
        return self.run_command(
            'host', '--config-file', self.conf, '--width', '100', *arguments)

    def test_the_picture(self):
        status, said, complained = self.host('--ascii')
        self.assertEqual((0, ''), (status, complained))
        self.assertIn(': 2 NUMA nodes\n', said)
        # Two of its vCPUs stand on CPU 0, two on CPU 1; 2 and 3 are not for
        # guests.
        self.assertIn('| | a0+ | a1+ |   - |   - |', said)
        self.assertIn('free CPUs: none', said)
        self.assertIn('free CPUs: 4-7', said)
        self.assertIn('pages of 2 MiB: 64, 64 free', said)
        self.assertIn('549.7 MiB free', said)

    def test_the_items(self):
        status, said, _complained = self.host()
        self.assertEqual(0, status)
        self.assertRegex(said, r'\| kernel +\| PREEMPT_RT, .* \| ok ')
        self.assertRegex(said, r'\| isolcpus +\| 2-7 +\| 0-1,4-7 +'
                               r'\| MISSING \|')
        self.assertIn('Not ready for realtime guests: 4 of what they need is '
                      'missing.\n', said)
        self.assertIn('\nisolcpus: Boot with isolcpus=managed_irq,domain,'
                      '0-1,4-7.\n', said)

    def test_check(self):
        self.assertEqual(1, self.host('--check')[0])
        self.write_conf('cpu_dedicated_set = 2-7')
        status, said, _complained = self.host('--check')
        self.assertEqual(0, status)
        self.assertIn('Ready for realtime guests, as far as can be told.',
                      said)

    def test_isolation(self):
        _status, said, _complained = self.host()
        self.assertRegex(said, r'\| isolation +\| found ')
        self.assertRegex(said, r'\| isolation +\| no plan +\| a plan +'
                               r'\| unknown \|')
        files = tree.saved('systemd')
        self.files = {**self.files, **files}
        self.write_conf('cpu_dedicated_set = 2-7')
        _status, said, _complained = self.host()
        self.assertRegex(said, r'\| system.slice +\| CPUs 0-7, drop-in not '
                               r'there +\| CPUs 0-1 +\| advised \|')
        self.assertIn('IRQs: nova-numa-ext tune isolation --write.\n', said)
        found = json.loads(self.host('--json')[1])['isolation']
        self.assertEqual('CPUs 0-1', found[0]['wanted'])

    def test_isolation_that_was_written_is_checked(self):
        self.files.update(tree.saved('systemd'))
        for path in [*self.files]:
            if path.endswith('smp_affinity_list'):
                self.files[path] = '0'
        self.write_conf('cpu_dedicated_set = 2-7')
        self.files['sys/devices/system/cpu/isolated'] = '2-7'
        self.files['proc/irq/default_smp_affinity'] = '3'
        self.assertEqual(0, self.host('--check')[0])
        self.files['var/lib/nova-numa-ext/isolation.json'] = (
            '{"version": 1}')
        self.assertEqual(1, self.host('--check')[0])

    def test_an_option_over_the_configuration(self):
        status, said, _complained = self.host(
            '--cpu-dedicated-set', '2-7', '--check')
        self.assertEqual(0, status)

    def test_no_dedicated_cpus(self):
        self.write_conf('')
        _status, said, _complained = self.host()
        self.assertIn('No [compute] cpu_dedicated_set is known', said)
        self.assertIn('free CPUs: 2-3', said)

    def test_json(self):
        _status, said, _complained = self.host('--json')
        found = json.loads(said)
        self.assertEqual(
            [(0, '0-3', '', 726700, 562864,
              [{'size_kib': 2048, 'total': 64, 'free': 64}],
              [{'guest': 'a: instance-0000000a (edge-1)', 'kib': 65536}] * 2),
             (1, '4-7', '4-7', 772780, 628344,
              [{'size_kib': 2048, 'total': 64, 'free': 64}], [])],
            [(node['id'], node['cpus'], node['free_cpus'],
              node['memory_kib'], node['free_kib'], node['huge_pages'],
              node['guests']) for node in found['nodes']])
        self.assertEqual(['a: instance-0000000a (edge-1)'], found['guests'])
        self.assertEqual(
            {'use': 'realtime', 'label': 'a1+',
             'guest': 'a: instance-0000000a (edge-1)'}, found['cpus']['1'])
        self.assertIs(False, found['ready'])
        self.assertIn({
            'name': 'KSM', 'found': 'stopped', 'wanted': 'stopped',
            'ok': True, 'needed': False,
            'remedy': 'systemctl disable --now ksm ksmtuned; '
                      'echo 2 > /sys/kernel/mm/ksm/run'}, found['items'])

    def test_svg(self):
        path = self.useFixture(fixtures.TempDir()).join('host.svg')
        self.host('--svg', path)
        self.assertIn('a1+', pathlib.Path(path).read_text())

    def test_svg_that_cannot_be_written(self):
        status, said, complained = self.host('--svg', '/nowhere/host.svg')
        self.assertEqual((2, ''), (status, said))
        self.assertIn('/nowhere/host.svg cannot be written', complained)

    def test_without_libvirt(self):
        self.opened.side_effect = connection.Unreachable('No libvirt here.')
        status, said, complained = self.host()
        self.assertEqual((0, ''), (status, complained))
        self.assertIn('Guests are not shown: No libvirt here.', said)

    def test_a_libvirt_that_fails(self):
        self.asked.listAllDomains.side_effect = guests.LibvirtError('gone')
        self.assertIn('Guests are not shown: gone', self.host()[1])
        self.asked.close.assert_called_once_with()

    def test_guests_that_are_off_are_nowhere(self):
        self.domains = [(False, self.defined, None)]
        self.assertEqual([], json.loads(self.host('--json')[1])['guests'])

    def test_guests_with_affinity(self):
        live = test_standing.domain('strict')
        self.domains.append((True, live.replace("'0-3'", "'4-7'"), live))
        self.files.update(test_affine.files())
        _status, said, _complained = self.host()
        self.assertRegex(
            said, r'\| instance-00000001 \| strict +\| 2 +\| 0 +'
            r'\| 3.0 MiB on 0, 1.0 MiB on 1 +\| 25.0% +\|\n')
        self.assertIn('numa_affinity: 1 guest, 2 vCPUs', said)
        self.assertIn('numa_affinity: 0 guests, 0 vCPUs', said)
        self.assertIn('\ninstance-00000001 moves to NUMA node 1 at its next '
                      'start: ', said)
        found = json.loads(self.host('--json')[1])
        self.assertEqual(
            [['instance-00000001'], []],
            [node['affine_guests'] for node in found['nodes']])
        self.assertEqual(
            [(0.25, [1])], [(guest['remote'], guest['next_nodes'])
                            for guest in found['affinity']])

    def test_no_guests_with_affinity(self):
        self.assertNotIn('numa_affinity', self.host()[1])
        self.assertEqual([], json.loads(self.host('--json')[1])['affinity'])

    def saved(self, name, **files):
        return self.useFixture(tree.Tree(tree.saved(name), files)).root

    def test_a_saved_host(self):
        root = self.saved('epyc')
        status, said, _complained = self.run_command(
            'host', '--root', root, '--ascii')
        self.assertEqual(0, status)
        self.opened.assert_not_called()
        self.assertIn(f'{root}: 2 NUMA nodes', said)
        self.assertIn('Guests of a saved host are not shown.', said)
        self.assertIn('libvirtd without CAP_SYS_RESOURCE', said)

    def test_a_saved_host_with_its_capabilities(self):
        root = self.saved('epyc', **{'capabilities.xml': INTEL.read_text()})
        _status, beside, _complained = self.run_command(
            'host', '--root', root, '--json')
        _status, named, _complained = self.run_command(
            'host', '--root', self.saved('epyc'), '--host', str(INTEL),
            '--json')
        self.assertEqual(json.loads(named)['nodes'],
                         json.loads(beside)['nodes'])
        self.assertNotEqual('0-3,8-11', json.loads(named)['nodes'][0]['cpus'])

    def test_what_is_no_host(self):
        for arguments, sentence in (
            (('--root', '/nowhere'), '/nowhere has no sys/devices/system'),
            (('--host', '/nowhere.xml'), '/nowhere.xml: '),
            (('--host', self.conf), 'not a capabilities document'),
            (('--cpu-dedicated-set', '0-x'), 'cpu_dedicated_set = 0-x: '),
        ):
            status, said, complained = self.host(*arguments)
            self.assertEqual((2, ''), (status, said), arguments)
            self.assertIn(sentence, complained)
