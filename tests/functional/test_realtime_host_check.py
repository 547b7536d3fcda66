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

"""Realtime guests on hosts that are not for them."""

import fixtures

from tests.functional import base
from tests.functional import hypervisor
from tests.unit.host import tree

REALTIME = {
    'hw:cpu_policy': 'dedicated',
    'hw:cpu_realtime': 'yes',
    'hw:cpu_realtime_mask': '^0',
}
NOT_READY = (
    "flavor hw:cpu_realtime='yes': host is not ready: kernel, nohz_full, "
    'rcu_nocbs, IRQ affinity, sched_rt_runtime_us. See nova-numa-ext host.')
NO_LOCK = (
    "flavor hw:cpu_realtime='yes': libvirtd may lock 8 MiB of its 2048 MiB, "
    'and has no CAP_SYS_RESOURCE. Give it that, or LimitMEMLOCK=infinity in '
    'its unit.')


class HostTestCase(base.TestCase):

    microversion = '2.93'
    # As in production: the API does not wait for the compute host.
    CAST_AS_CALL = False

    def be(self, name, *files):
        """Have the host's /sys and /proc be those of a saved one."""
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', self.useFixture(
                tree.Tree(tree.saved(name), *files)).reader))

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='4-7,12-15', group='compute')
        self.flags(realtime_host_check='enforce', group='numa_ext')
        self.start_host(host_info=hypervisor.host(
            nodes=2, cores=4, threads=2))

    def refuse(self, **kwargs):
        server = self.boot(REALTIME, expected_state='ERROR', **kwargs)
        self.assertNothingLeft(server)
        return server['fault']['message'].partition(' aborted: ')[2]


class RealtimeHostCheckTest(HostTestCase):

    def setUp(self):
        super().setUp()
        self.be('epyc', {'proc/900/comm': 'bash'})

    def test_enforce(self):
        self.assertEqual(NOT_READY, self.refuse())

    def test_other_guests(self):
        self.boot({'hw:cpu_policy': 'dedicated'})

    def test_warn(self):
        self.flags(realtime_host_check='warn', group='numa_ext')
        self.boot(REALTIME)
        self.assertIn(NOT_READY, self.stdlog.logger.output)

    def test_off(self):
        self.flags(realtime_host_check='off', group='numa_ext')
        self.boot(REALTIME)
        self.assertNotIn('is not ready', self.stdlog.logger.output)

    def test_no_guest_policy(self):
        self.flags(guest_policy=False, group='numa_ext')
        self.boot(REALTIME)

    def test_a_guest_that_is_here_is_started_again(self):
        self.flags(realtime_host_check='off', group='numa_ext')
        server = self.boot(REALTIME)
        self.flags(realtime_host_check='enforce', group='numa_ext')
        self._reboot_server(server, hard=True)
        self._stop_server(server)
        self._start_server(server)

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot({'hw:cpu_policy': 'dedicated'})
        self.api.post_server_action(server['id'], {
            'resize': {'flavorRef': self.flavor(REALTIME)}})
        message = self._wait_for_action_fail_completion(
            server, 'resize', 'compute_resize_instance')['details']
        self.assertIn(NOT_READY, message)


class MemoryLockTest(HostTestCase):

    def setUp(self):
        super().setUp()
        self.flags(realtime_host_check='off', group='numa_ext')

    def test_a_libvirtd_that_cannot_lock(self):
        self.be('epyc')
        self.assertEqual(NO_LOCK, self.refuse())

    def test_one_that_can(self):
        self.be('debian')
        self.boot(REALTIME)

    def test_one_that_cannot_be_seen(self):
        self.be('epyc', {'proc/900/comm': None})
        self.boot(REALTIME)

    def test_a_guest_that_runs_is_not_stopped_for_it(self):
        self.be('debian')
        server = self.boot(REALTIME)
        running = self.xml(server)
        self.be('epyc')
        self.api.post_server_action(
            server['id'], {'reboot': {'type': 'HARD'}})
        self._wait_for_instance_action_event(
            server, 'reboot', 'compute_reboot_instance', 'success')
        self.assertIn(NO_LOCK, self.stdlog.logger.output)
        domain = self.connections['compute1'].lookupByUUIDString(server['id'])
        self.assertTrue(domain.isActive())
        self.assertEqual(running, self.xml(server))
