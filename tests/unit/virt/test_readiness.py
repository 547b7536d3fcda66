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

import fixtures
from nova import objects
import nova.conf
from oslo_log import log as logging
from oslo_utils.fixture import uuidsentinel as uuids
import testtools

from nova_numa_ext import policy
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import readiness
from tests.unit.host import tree

CONF = nova.conf.CONF
opts.register_opts(CONF)

REALTIME = {'hw:cpu_realtime': 'yes', 'hw:cpu_policy': 'dedicated',
            'hw:cpu_realtime_mask': '^0'}
LOCKED = {'hw:locked_memory': 'true', 'hw:mem_page_size': 'large'}
NOT_READY = (
    "flavor hw:cpu_realtime='yes': host is not ready: kernel, nohz_full, "
    'rcu_nocbs, IRQ affinity, sched_rt_runtime_us. See nova-numa-ext host.')
NO_LOCK = (
    "flavor hw:cpu_realtime='yes': libvirtd may lock 8 MiB of its 512 MiB, "
    'and has no CAP_SYS_RESOURCE. Give it that, or LimitMEMLOCK=infinity in '
    'its unit.')


class JudgeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.set('realtime_host_check', 'enforce', 'numa_ext')

    def set(self, name, value, group):
        CONF.set_override(name, value, group=group)
        self.addCleanup(CONF.clear_override, name, group=group)

    def judge(self, host, specs, properties=None, comes=True, **files):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', self.useFixture(
                tree.Tree(tree.saved(host), files)).reader))
        flavor = objects.Flavor(memory_mb=512, extra_specs=specs)
        readiness.judge(
            policy.resolve(specs, properties or {}).nova, flavor,
            objects.Instance(uuid=uuids.instance), comes)

    def assertRefused(self, sentence, *args, **kwargs):
        refused = self.assertRaises(
            policy.HostCannot, self.judge, *args, **kwargs)
        self.assertEqual(sentence, str(refused))

    def can_lock(self):
        return {'proc/900/comm': 'bash'}

    def test_a_host_that_is_ready(self):
        self.judge('realtime', REALTIME)
        self.assertEqual('', self.log.output)

    def test_a_host_that_is_not(self):
        self.assertRefused(NOT_READY, 'epyc', REALTIME, **self.can_lock())

    def test_warn(self):
        self.set('realtime_host_check', 'warn', 'numa_ext')
        self.judge('epyc', REALTIME, **self.can_lock())
        self.assertEqual(NOT_READY, self.log.output.strip())

    def test_off(self):
        self.set('realtime_host_check', 'off', 'numa_ext')
        self.judge('epyc', REALTIME, **self.can_lock())
        self.assertEqual('', self.log.output)

    def test_warn_is_the_default(self):
        self.assertEqual('warn', CONF._get_opt_info(
            'realtime_host_check', 'numa_ext')['opt'].default)

    def test_the_cpus_of_novas_option(self):
        self.set('cpu_dedicated_set', '1-7', 'compute')
        self.assertRefused(
            "flavor hw:cpu_realtime='yes': host is not ready: isolcpus, "
            'nohz_full, rcu_nocbs, IRQ affinity. See nova-numa-ext host.',
            'realtime', REALTIME)

    def test_a_guest_that_stays(self):
        self.judge('epyc', REALTIME, comes=False, **self.can_lock())
        self.assertRefused(NO_LOCK, 'epyc', REALTIME, comes=False)

    def test_guests_that_are_not_realtime(self):
        self.judge('epyc', {'hw:cpu_policy': 'dedicated'})
        self.judge('epyc', {'hw:cpu_realtime': 'no'})

    def test_memory_that_cannot_be_locked(self):
        self.set('realtime_host_check', 'off', 'numa_ext')
        self.assertRefused(NO_LOCK, 'epyc', REALTIME)

    def test_locked_memory_of_the_flavor(self):
        self.assertRefused(
            NO_LOCK.replace("hw:cpu_realtime='yes'",
                            "hw:locked_memory='true'"), 'epyc', LOCKED)
        self.judge('debian', LOCKED)

    def test_locked_memory_of_the_image(self):
        self.assertRefused(
            NO_LOCK.replace("flavor hw:cpu_realtime='yes'",
                            "image hw_locked_memory='true'"), 'epyc', {},
            {'hw_locked_memory': 'true', 'hw_mem_page_size': 'large'})
