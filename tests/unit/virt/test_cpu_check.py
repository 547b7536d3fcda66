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

from unittest import mock

import libvirt
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as nova_driver
import testtools

from nova_numa_ext import policy
from nova_numa_ext.virt import cpu_check

REFUSED = (
    ('internal error: Unknown CPU feature pmmu', 'Unknown CPU feature pmmu'),
    ('the CPU is incompatible with host CPU: Host CPU does not provide '
     'required features: avx512f, vmx',
     'Host CPU does not provide required features: avx512f, vmx'),
)


class WriteTopologyAndFeature:

    def write(self, domain):
        cpu = domain.find('cpu')
        if cpu is None:
            cpu = etree.SubElement(domain, 'cpu')
        for tag in ('topology', 'cache', 'numa'):
            etree.SubElement(cpu, tag)
        etree.SubElement(cpu, 'feature', policy='disable', name='pmu')


class CheckFeaturesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(nova_driver, 'libvirt', fakelibvirt)
        patch.start()
        self.addCleanup(patch.stop)
        # Nova's fake one does not have all of it in older releases.
        self.connection = mock.create_autospec(
            libvirt.virConnect, instance=True)
        self.nova_cpu = vconfig.LibvirtConfigGuestCPU()
        self.nova_cpu.mode = 'host-model'

    def check(self, specs, nova_cpu=None):
        cpu_check.check_features(
            self.connection, policy.resolve(specs, {}), 'x86_64', 'kvm',
            nova_cpu, [WriteTopologyAndFeature()])

    def fail_with(self, message, code, domain):
        self.connection.compareHypervisorCPU.side_effect = (
            fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, message, error_code=code,
                error_domain=domain))

    def test_without_features_libvirt_is_not_asked(self):
        self.check({'numa_ext:cpu_mode': 'maximum'}, self.nova_cpu)
        self.connection.compareHypervisorCPU.assert_not_called()

    def test_what_libvirt_is_asked(self):
        self.check({'numa_ext:cpu_features': '-pmu'}, self.nova_cpu)
        self.connection.compareHypervisorCPU.assert_called_once_with(
            None, 'x86_64', None, 'kvm',
            '<cpu mode="host-model" match="exact">'
            '<feature policy="disable" name="pmu"/></cpu>',
            cpu_check.FAIL_INCOMPATIBLE)

    def test_a_guest_to_which_nova_gives_no_cpu(self):
        self.check({'numa_ext:cpu_features': '-pmu'})
        (_, _, _, _, xml, _), _ = (
            self.connection.compareHypervisorCPU.call_args)
        self.assertEqual(
            '<cpu><feature policy="disable" name="pmu"/></cpu>', xml)

    def test_more_than_host_model_has_is_left_to_the_host(self):
        self.check({
            'numa_ext:cpu_features': '+invtsc',
            'numa_ext:cpu_mode': 'host-passthrough',
            'numa_ext:cpu_migratable': 'off'}, self.nova_cpu)
        (*_, flags), _ = self.connection.compareHypervisorCPU.call_args
        self.assertEqual(0, flags)

    def test_what_libvirt_says_is_what_the_user_is_told(self):
        for message, reason in REFUSED:
            self.fail_with(
                message, fakelibvirt.VIR_ERR_CONFIG_UNSUPPORTED,
                fakelibvirt.VIR_FROM_QEMU)
            refused = self.assertRaises(
                policy.HostCannot, self.check,
                {'numa_ext:cpu_features': '-pmu'}, self.nova_cpu)
            self.assertEqual(reason, refused.reason)
            self.assertEqual('numa_ext:cpu_features', refused.origin.key)

    def test_a_libvirtd_that_is_gone_refuses_nothing(self):
        for code in (fakelibvirt.VIR_ERR_SYSTEM_ERROR,
                     fakelibvirt.VIR_ERR_INTERNAL_ERROR):
            for domain in (fakelibvirt.VIR_FROM_REMOTE,
                           fakelibvirt.VIR_FROM_RPC):
                self.fail_with('gone', code, domain)
                self.assertRaises(
                    fakelibvirt.libvirtError, self.check,
                    {'numa_ext:cpu_features': '-pmu'}, self.nova_cpu)
