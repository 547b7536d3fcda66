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

"""What a host cannot do for a guest, or no guest of this kind can have."""

import fixtures
from nova.virt.libvirt import driver as nova_driver

from tests.functional import base
from tests.functional import hypervisor

DEDICATED = {'hw:cpu_policy': 'dedicated'}
REALTIME = {**DEDICATED, 'hw:cpu_realtime': 'yes',
            'hw:cpu_realtime_mask': '^0'}


class RefusedTestCase(base.TestCase):

    def refuse(self, specs, properties=None, **kwargs):
        """Boot, be refused, leave nothing, and return what the user sees."""
        server = self.boot(
            specs, properties, expected_state='ERROR', **kwargs)
        self.assertNothingLeft(server)
        told = server['fault']['message']
        prefix = f'Build of instance {server["id"]} aborted: '
        self.assertTrue(told.startswith(prefix), told)
        return told[len(prefix):]

    def assertRefused(self, *cases):
        for specs, sentence in cases:
            self.assertEqual(sentence, self.refuse(specs))


class WithoutTest(RefusedTestCase):
    """A host that tells of no distances and allocates no caches."""

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='0-31', group='compute')
        self.start_host()

    def test_what_needs_a_host_that_has_it(self):
        self.assertRefused(
            ({**DEDICATED, 'hw:numa_nodes': '2',
              'numa_ext:numa_distances': 'host'},
             "flavor numa_ext:numa_distances='host': libvirt does not tell "
             "this host's from node 0 to 0. See `virsh capabilities`, or set "
             'it to off.'),
            ({**DEDICATED, 'numa_ext:l3_allocation': '0:4MiB'},
             "flavor numa_ext:l3_allocation='0:4MiB': libvirt can allocate "
             'no L3 on this host. Mount resctrl on a host with CAT, or '
             'remove it.'),
        )

    def test_what_the_operator_capped(self):
        self.flags(max_realtime_priority=50, group='numa_ext')
        reason = ('above [numa_ext] max_realtime_priority of this host, 50. '
                  'Ask for 50 or less, or raise the option.')
        self.assertRefused(
            ({**REALTIME, 'numa_ext:realtime_priority': '51'},
             f"flavor numa_ext:realtime_priority='51': {reason}"),
            ({**DEDICATED, 'numa_ext:emulator_scheduler': 'rr:51'},
             f"flavor numa_ext:emulator_scheduler='rr:51': {reason}"),
            ({**DEDICATED, 'numa_ext:iothreads': '1',
              'numa_ext:iothread_scheduler': 'fifo:99'},
             f"flavor numa_ext:iothread_scheduler='fifo:99': {reason}"),
        )
        server = self.boot({**REALTIME, 'numa_ext:realtime_priority': '50'})
        self.assertIn('priority="50"', self.xml(server))


class OtherwiseTest(RefusedTestCase):
    """A host that can all of it: what is wrong is in the request."""

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='0-7,16-23',
                   cpu_shared_set='8-15,24-31', group='compute')

    def start_host(self, *l3):
        super().start_host(
            host_info=hypervisor.host(nodes=2, cores=8), far=20, l3=l3,
            allocates=True)

    def test_what_the_guest_is_not_made_for(self):
        self.start_host('0-15', '16-31')
        self.assertRefused(
            ({'numa_ext:numa_mempolicy': 'interleave'},
             "flavor numa_ext:numa_mempolicy='interleave': the guest has no "
             'NUMA nodes to have it. Set hw:numa_nodes.'),
            ({'numa_ext:cpu_dies': '3', 'numa_ext:cpu_topology': 'auto'},
             "flavor numa_ext:cpu_dies='3': no divisor of the cores in a "
             'socket, 4. Use a divisor, set numa_ext:cpu_topology=auto or '
             'hw:cpu_cores.'),
            ({**DEDICATED, 'numa_ext:l3_allocation': '1:4MiB'},
             "flavor numa_ext:l3_allocation='1:4MiB': the guest has no node "
             '1, but 1 from 0. Set hw:numa_nodes, or take the node out.'),
        )

    def test_sizes_of_caches(self):
        self.start_host('0-15', '16-31')
        for size, reason in (
            ('5MiB', '5120 KiB of node 0 are no multiple of 2048 KiB, as L3 '
             '0 here wants. Use a multiple.'),
            ('2MiB', '2048 KiB of node 0 are less than L3 0 here gives, 4096 '
             'KiB. Ask for more.'),
            ('34MiB', '34816 KiB are more than L3 0 here has, 32768 KiB. Ask '
             'for less.'),
        ):
            asked = f'0:{size}'
            self.assertEqual(
                f"flavor numa_ext:l3_allocation='{asked}': {reason}",
                self.refuse({**DEDICATED, 'numa_ext:l3_allocation': asked}))

    def test_a_node_on_more_than_one_cache(self):
        self.start_host('0-3', '4-7', '16-19', '20-23')
        self.assertEqual(
            "flavor numa_ext:l3_allocation='0:4MiB': node 0 is not within "
            'one L3 of this host, but on 0, 1. Use smaller guest nodes, or '
            'another host.',
            self.refuse({**DEDICATED, 'numa_ext:l3_allocation': '0:4MiB'},
                        vcpus=8))

    def test_a_resize_to_what_needs_nodes(self):
        """Where they will stand is not known, but that there are some is."""
        for name, value in (('migrate_disk_and_power_off', '[]'),
                            ('destroy', None), ('cleanup', None)):
            self.useFixture(fixtures.MockPatchObject(
                nova_driver.LibvirtDriver, name, autospec=True,
                return_value=value))
        self.flags(allow_resize_to_same_host=True)
        self.start_host('0-15', '16-31')
        server = self.boot({})
        nodes = {**DEDICATED, 'hw:numa_nodes': '2',
                 'numa_ext:numa_mempolicy': 'preferred',
                 'numa_ext:numa_distances': 'host',
                 'numa_ext:l3_allocation': '1:4MiB'}
        resized = self._resize_server(server, self.flavor(nodes))
        self.assertEqual('VERIFY_RESIZE', resized['status'])
        self.assertIn('mode="preferred"', self.xml(server))
        self.assertIn('<cachetune vcpus="2-3">', self.xml(server))
