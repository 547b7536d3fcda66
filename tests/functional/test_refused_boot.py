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

"""A boot that is refused: what the user is told, and what is left."""

import fixtures
from nova.virt.libvirt import driver as nova_driver

from nova_numa_ext.virt import driver
from tests.functional import base
from tests.functional import hypervisor

CUSTOM = {'numa_ext:cpu_mode': 'custom'}


class RefusedBootTest(base.TestCase):

    def refuse(self, specs, properties=None, **kwargs):
        """Boot, be refused, leave nothing, and return what the user sees."""
        server = self.boot(
            specs, properties, expected_state='ERROR', **kwargs)
        told = server['fault']['message']
        as_owner = self.api.get_server(server['id'])['fault']['message']
        as_admin = self.admin_api.get_server(server['id'])['fault']['message']
        self.assertEqual([told, told], [as_owner, as_admin])
        for host in self.computes:
            self.assertNothingLeft(server, host)
        prefix = f'Build of instance {server["id"]} aborted: '
        self.assertTrue(told.startswith(prefix), told)
        return told[len(prefix):]

    def test_wrong_requests(self):
        self.start_host()
        for specs, properties, sentence in (
            # The value, where it came from, and the right word.
            ({'numa_ext:cpu_mode': 'host-passtrough'}, None,
             "flavor numa_ext:cpu_mode='host-passtrough': no such value. Did "
             'you mean host-passthrough? Known: host-passthrough, '
             'host-model, maximum, custom.'),
            ({'numa_ext:cpu_cash': 'emulate'}, None,
             "flavor numa_ext:cpu_cash='emulate': no such name. Did you mean "
             'numa_ext:cpu_cache? Else remove it.'),
            ({}, {'numa_ext_cpu_topology': 'Auto'},
             "image numa_ext_cpu_topology='Auto': no such value. Did you "
             'mean auto? Known: auto.'),
            ({'numa_ext:cpu_cache': 'emulate'},
             {'numa_ext_cpu_cache': 'disable'},
             "flavor numa_ext:cpu_cache='emulate': differs from image "
             "numa_ext_cpu_cache='disable'. Set one of the two, or both "
             'alike.'),
            ({}, {'numa_ext_cpu_features': '+pdpe1gb'},
             "image numa_ext_cpu_features='+pdpe1gb': only the flavor may set "
             'this. Remove the property, or ask for a flavor with '
             'numa_ext:cpu_features.'),
        ):
            self.assertEqual(sentence, self.refuse(specs, properties))

    def test_a_property_that_nova_may_have_cut(self):
        self.start_host()
        models = ','.join(['Nehalem'] * 40)
        told = self.refuse({}, {
            'numa_ext_cpu_mode': 'custom', 'numa_ext_cpu_models': models})
        self.assertIn('image numa_ext_cpu_models=', told)
        self.assertIn('cut', told)
        self.assertTrue(told.endswith(
            'set numa_ext:cpu_models on the flavor.'), told)

    def test_what_the_host_cannot_do(self):
        self.start_host(unsupported_modes=('maximum',))
        self.flags(cpu_mode='custom', cpu_models=['Penryn'], group='libvirt')
        for specs, sentence in (
            ({'numa_ext:cpu_mode': 'maximum'},
             "flavor numa_ext:cpu_mode='maximum': kvm guests on this host "
             'cannot have it. Use one of host-passthrough, host-model, '
             'custom.'),
            ({**CUSTOM, 'numa_ext:cpu_models': 'Haswell'},
             "flavor numa_ext:cpu_models='Haswell': unusable for kvm guests "
             'on this host. Usable: qemu64, qemu32, pentium3, pentium2, '
             '....'),
            ({**CUSTOM, 'numa_ext:cpu_models': 'Nehalm'},
             "flavor numa_ext:cpu_models='Nehalm': libvirt on this host does "
             'not know Nehalm. Did you mean Nehalem? See '
             '`virsh domcapabilities`.'),
            ({'numa_ext:cpu_features': '+avx512f'},
             "flavor numa_ext:cpu_features='+avx512f': Host CPU does not "
             'provide required features: avx512f. Take it out, or see '
             '`virsh domcapabilities`.'),
            ({'numa_ext:cpu_features': '-pmmu'},
             "flavor numa_ext:cpu_features='-pmmu': Unknown CPU feature "
             'pmmu. Take it out, or see `virsh domcapabilities`.'),
            ({'numa_ext:cpu_cache': 'passthrough'},
             "flavor numa_ext:cpu_cache='passthrough': guests here get CPU "
             'mode custom. Set numa_ext:cpu_mode to host-passthrough too, or '
             'use emulate.'),
            ({'numa_ext:cpu_migratable': 'off'},
             "flavor numa_ext:cpu_migratable='off': guests here get CPU mode "
             'custom, which has no migratable=. Set numa_ext:cpu_mode to '
             'host-passthrough or maximum.'),
            ({'numa_ext:cpu_topology': 'auto', 'hw:cpu_max_sockets': '1',
              'hw:cpu_max_cores': '3', 'hw:cpu_max_threads': '2'},
             "flavor numa_ext:cpu_topology='auto': no topology of 4 vCPUs is "
             'within hw:cpu_max_sockets, _cores and _threads. Raise one of '
             'them.'),
        ):
            self.assertEqual(sentence, self.refuse(specs))

    def test_host_passthrough_under_tcg(self):
        self.flags(virt_type='qemu', group='libvirt')
        self.start_host(
            virt_type='qemu', unsupported_modes=('host-passthrough',))
        self.assertEqual(
            "flavor numa_ext:cpu_mode='host-passthrough': qemu guests on this "
            'host cannot have it. Use one of host-model, custom, maximum, or '
            'a host with [libvirt] virt_type = kvm.',
            self.refuse({'numa_ext:cpu_mode': 'host-passthrough'}))

    def test_guests_of_a_kind_that_libvirt_cannot_run(self):
        self.start_host(virt_type='qemu')
        told = self.refuse({'numa_ext:cpu_cache': 'disable'})
        self.assertIn("flavor numa_ext:cpu_cache='disable': kvm guests of "
                      'x86_64 cannot run: ', told)

    def test_no_other_host_is_tried(self):
        for name in ('compute1', 'compute2'):
            self.start_host(name, host_info=hypervisor.host(
                nodes=2, cores=2))
        tried = []

        def spawn(self, *args, **kwargs):
            tried.append(self)
            return stock(self, *args, **kwargs)

        stock = driver.NumaLibvirtDriver.spawn
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.virt.driver.NumaLibvirtDriver.spawn', spawn))
        self.refuse({'numa_ext:cpu_mode': 'host'})
        self.assertEqual(1, len(tried))

    def test_it_is_refused_before_nova_makes_anything(self):
        self.start_host()
        made = self.useFixture(fixtures.MockPatchObject(
            nova_driver.LibvirtDriver, 'spawn')).mock
        self.refuse({'numa_ext:cpu_mode': 'host'})
        made.assert_not_called()

    def test_what_the_log_says(self):
        self.start_host()
        told = self.refuse({'numa_ext:cpu_mode': 'host'})
        self.assertIn(told, self.stdlog.logger.output)

    def test_a_libvirtd_that_is_gone_refuses_nothing_for_good(self):
        libvirt = hypervisor.fakelibvirt
        for name in ('compute1', 'compute2'):
            self.start_host(name, host_info=hypervisor.host(
                nodes=2, cores=2))
        gone = libvirt.make_libvirtError(
            libvirt.libvirtError, 'Cannot recv data: Connection reset by peer',
            error_code=libvirt.VIR_ERR_SYSTEM_ERROR,
            error_domain=libvirt.VIR_FROM_RPC)
        answers = [gone]

        def once(connection, *args):
            if answers:
                raise answers.pop()
            return libvirt.VIR_CPU_COMPARE_IDENTICAL

        self.useFixture(fixtures.MonkeyPatch(
            'tests.functional.hypervisor.Connection.compareHypervisorCPU',
            once))
        self.boot({'numa_ext:cpu_features': '-erms'})
        self.assertEqual([], answers)
