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

"""Traits of hosts, from nova-compute by way of placement to the scheduler."""

from nova_numa_ext import policy
from nova_numa_ext import traits
from tests.functional import base

#: Each is somebody else's.
OTHERS = {'CUSTOM_MINE', 'CUSTOM_NUMA', 'STORAGE_DISK_SSD'}
STALE = 'CUSTOM_NUMA_EXT_NUMA_NODES_64'
PASSTHROUGH = {'numa_ext:cpu_mode': 'host-passthrough'}


class TraitsTest(base.TestCase):

    def there(self, host='compute1'):
        return set(self._get_provider_traits(self.compute_rp_uuids[host]))

    def ours(self, host='compute1'):
        return {name[len(traits.PREFIX):] for name in self.there(host)
                if name.startswith(traits.PREFIX)}

    def audit(self, host='compute1'):
        """Run an audit that knows of placement only what it asks it."""
        manager = self.computes[host].manager
        manager.reportclient.clear_provider_cache()
        manager.rt.update_available_resource(self.context, host)

    def required(self, specs):
        """Return a flavor's specs with the lines of the command."""
        return {**specs, **traits.required(policy.resolve(specs, {}))}

    def test_placement_has_them(self):
        self.flags(cpu_dedicated_set='2-7', group='compute')
        self.start_host(l3=('0-15', '16-31'), allocates=True, far=20)
        self.assertEqual(
            {'GUEST_POLICY', 'CPU_MODE_HOST_PASSTHROUGH',
             'CPU_MODE_HOST_MODEL', 'CPU_MODE_CUSTOM', 'CPU_MODE_MAXIMUM',
             'CPU_CACHE', 'CPU_DIES', 'NUMA_NODES_4', 'NUMA_NODES_MIN_2',
             'NUMA_NODES_MIN_3', 'NUMA_NODES_MIN_4', 'NUMA_DISTANCES',
             'HUGEPAGES', 'HUGEPAGES_2MB', 'IOTHREADS', 'L3_ALLOCATION',
             'REALTIME_KERNEL', 'ISOLATED_CPUS', 'REALTIME_READY',
             'MEMORY_LOCK'},
            # The fake libvirt of older releases is too old for this one.
            self.ours() - {'MEMPOLICY_RESTRICTIVE'})

    def test_stale_ones_go_and_others_stay(self):
        self.start_host()
        before = self.there()
        for name in {STALE, *OTHERS} - set(self._get_all_traits()):
            self._create_trait(name)
        self._set_provider_traits(
            self.compute_rp_uuids['compute1'], [*before, STALE, *OTHERS])
        self.audit()
        self.assertEqual({*before, *OTHERS}, self.there())

        self.flags(group='numa_ext', report_traits=False)
        self.audit()
        self.assertEqual(set(), self.ours())
        self.assertLessEqual(OTHERS, self.there())

    def test_guests_go_where_the_host_has_what_they_need(self):
        self.start_host('without', unsupported_modes=('host-passthrough',))
        flavor = self.flavor(self.required(PASSTHROUGH))
        server = self._create_server(
            flavor_id=flavor, networks='none', expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])

        self.start_host('with')
        for _ in range(2):
            server = self._create_server(flavor_id=flavor, networks='none')
            self.assertEqual('with', self.instance(server).host)

    def test_hosts_without_this_driver_are_passed_over(self):
        self.flags(compute_driver='libvirt.LibvirtDriver')
        self.start_host('novas')
        self.assertEqual(set(), self.ours('novas'))
        server = self.boot(
            self.required({'numa_ext:memballoon': 'off'}),
            expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
