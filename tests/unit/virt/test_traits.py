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

import fixtures
from nova.compute import provider_tree
import nova.conf
from nova.tests.fixtures import libvirt as fakelibvirt
from oslo_utils.fixture import uuidsentinel as uuids
import testtools

from nova_numa_ext.domain import capabilities
from nova_numa_ext.host import reader
from nova_numa_ext.topology import host
from nova_numa_ext.virt import host_facts
from nova_numa_ext.virt import traits
from tests.unit.host import tree

CONF = nova.conf.CONF

#: Traits that are none of this project's.
OTHERS = {'HW_CPU_X86_AVX', 'CUSTOM_MINE', 'CUSTOM_NUMA'}


class Novas:
    """What the audits and the tracker call of Nova's driver."""

    def get_available_resource(self, nodename):
        return {'hypervisor_hostname': nodename}

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        provider_tree.add_traits(nodename, 'COMPUTE_NODE')


class Driver(traits.Traits, Novas):
    """Nova's driver with this part of ours."""


class TraitsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        for module in 'host', 'driver':
            self.useFixture(fixtures.MonkeyPatch(
                f'nova.virt.libvirt.{module}.libvirt', fakelibvirt))
        self.see('debian')
        self.driver = Driver()
        self.driver._host = mock.Mock(
            spec=['get_connection'], _wrapped_conn='first')
        self.driver._host_facts = self.facts = mock.create_autospec(
            host_facts.HostFacts, instance=True)
        self.facts.topology.return_value = host.HostTopology(
            'x86_64', (host.HostCell(0, frozenset({0}), 1),), {}, ())
        self.facts.domain_capabilities.return_value = (
            capabilities.DomainCapabilities(
                'kvm', 'x86_64', ('host-passthrough',), {}))
        self.driver._init_traits()
        self.tree = provider_tree.ProviderTree()
        self.tree.new_root('node', uuids.node)
        self.tree.add_traits('node', *OTHERS, 'CUSTOM_NUMA_EXT_STALE')

    def see(self, saved, *files):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', self.useFixture(
                tree.Tree(tree.saved(saved), *files)).reader))

    def flag(self, name, value, group='numa_ext'):
        CONF.set_override(name, value, group)
        self.addCleanup(CONF.clear_override, name, group)

    def traits(self):
        """Return this project's of the node, as Nova reports them."""
        self.driver.update_provider_tree(self.tree, 'node')
        found = self.tree.data('node').traits
        others = {*OTHERS, 'COMPUTE_NODE'}
        self.assertLessEqual(others, found)
        return {name[len('CUSTOM_NUMA_EXT_'):] for name in found - others}

    def audit(self):
        self.assertEqual(
            {'hypervisor_hostname': 'node'},
            self.driver.get_available_resource('node'))
        return self.traits()

    def test_an_audit_reads_them(self):
        self.assertEqual(
            {'GUEST_POLICY', 'CPU_MODE_HOST_PASSTHROUGH', 'CPU_CACHE',
             'CPU_DIES', 'MEMPOLICY_RESTRICTIVE', 'NUMA_NODES_1',
             'MEMORY_LOCK'}, self.audit())

    def test_before_the_first_audit_they_stay(self):
        self.assertEqual({'STALE'}, self.traits())

    def test_between_audits_nothing_is_read(self):
        before = self.audit()
        self.see('realtime')
        self.useFixture(fixtures.MockPatchObject(
            reader.HostReader, 'text', side_effect=AssertionError))
        for _ in range(3):
            self.assertEqual(before, self.traits())
        self.assertEqual(1, self.driver._host.get_connection.call_count)

    def test_what_changed_is_seen_by_the_next_audit(self):
        self.audit()
        self.see('realtime')
        self.assertIn('REALTIME_READY', self.audit())
        self.assertIn('CUSTOM_NUMA_EXT_REALTIME_READY', self.log.output)
        self.see('debian')
        self.assertNotIn('REALTIME_READY', self.audit())
        self.assertIn('no longer: CUSTOM_NUMA_EXT_HUGEPAGES, ',
                      self.log.output)

    def test_libvirt_is_asked_once_for_each_connection(self):
        for _ in range(3):
            self.audit()
        self.assertEqual(1, self.driver._host.get_connection.call_count)

        self.driver._host._wrapped_conn = 'second'
        self.facts.domain_capabilities.return_value = (
            capabilities.DomainCapabilities('kvm', 'x86_64', (), {}))
        for _ in range(2):
            self.assertNotIn('CPU_MODE_HOST_PASSTHROUGH', self.audit())
        self.assertEqual(2, self.driver._host.get_connection.call_count)

    def test_without_a_connection_they_stay(self):
        before = self.audit()
        self.driver._host._wrapped_conn = None
        self.driver._host.get_connection.side_effect = (
            fakelibvirt.libvirtError('gone'))
        self.assertEqual(before, self.audit())
        self.assertIn('Traits of this host stay as they are', self.log.output)

    def test_guests_that_there_cannot_be(self):
        self.facts.domain_capabilities.side_effect = (
            fakelibvirt.libvirtError('no KVM'))
        self.assertEqual(
            {'GUEST_POLICY', 'NUMA_NODES_1', 'MEMORY_LOCK'}, self.audit())
        self.assertIn('kvm guests of x86_64 cannot run here: no KVM',
                      self.log.output)

    def test_a_connection_that_is_lost_meanwhile(self):
        self.facts.domain_capabilities.side_effect = [
            fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, 'gone',
                error_code=fakelibvirt.VIR_ERR_SYSTEM_ERROR,
                error_domain=fakelibvirt.VIR_FROM_RPC),
            self.facts.domain_capabilities.return_value]
        self.assertEqual({'STALE'}, self.audit())
        self.assertIn('CPU_MODE_HOST_PASSTHROUGH', self.audit())

    def test_switched_off(self):
        self.flag('report_traits', False)
        self.assertEqual(set(), self.audit())
        self.driver._host.get_connection.assert_not_called()

    def test_without_guest_policies(self):
        self.flag('guest_policy', False)
        self.assertNotIn('GUEST_POLICY', self.audit())
