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

"""What the functional tests have in common."""

import os
import sys

import fixtures
import libvirt  # noqa: F401 - Nova's fixtures refuse a later import.
from lxml import etree
from nova import context
from nova import objects
from nova import utils
import nova.conf
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.libvirt import base
from oslo_utils import uuidutils

import nova_numa_ext
from tests.functional import hypervisor
from tests.unit.host import tree

CONF = nova.conf.CONF

#: The last microversion in which the API takes any extra spec.
UNVALIDATED = '2.85'


class TestCase(base.ServersTestBase):
    """A cloud without compute hosts yet; start_host() adds one.

    Requests come from an ordinary user of a project. The driver comes as it
    does in production, by its name in nova.conf.
    """

    ADDITIONAL_FILTERS = ['NUMATopologyFilter']
    microversion = 'latest'

    def setUp(self):
        # Nova's own fixture looks in a source tree; a wheel puts it here.
        packaged = os.path.join(sys.prefix, 'etc/nova/api-paste.ini')
        if os.path.exists(packaged):
            self.useFixture(nova_fixtures.ConfPatcher(
                group='wsgi', api_paste_config=packaged))
        super().setUp()
        self.flags(cores=-1, ram=-1, group='quota')
        self.context = context.get_admin_context()
        self.connections = {}
        # This machine's own /sys and /proc are none of these hosts'.
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', self.useFixture(
                tree.Tree(tree.saved('realtime'))).reader))
        # Nova's base class has 16 CPUs.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.host.Host.get_online_cpus',
            lambda host: set(range(host.get_connection().host_info.cpus))))

    def _setup_compute_service(self):
        self.flags(compute_driver=nova_numa_ext.COMPUTE_DRIVER)

    def _get_connection(self, host_info=None, pci_info=None, mdev_info=None,
                        vdpa_info=None, libvirt_version=None,
                        qemu_version=None, hostname=None):
        connection = hypervisor.Connection(
            'qemu:///system', host_info=host_info or hypervisor.host(),
            pci_info=pci_info, hostname=hostname)
        for name, value in self._hypervisor.items():
            setattr(connection, name, value)
        self.connections[hostname] = connection
        return connection

    def start_host(self, name='compute1', host_info=None, pci_info=None,
                   **attributes):
        """Start nova-compute on a host.

        :param host_info: its CPUs, from hypervisor.host()
        :param pci_info: its PCI devices, a HostPCIDevicesInfo
        :param attributes: of its hypervisor.Connection
        """
        self._hypervisor = attributes
        self.start_compute(name, host_info, pci_info=pci_info)
        return self.computes[name]

    def flavor(self, specs=None, vcpus=4, **kwargs):
        """Create a flavor, by default of 4 vCPUs, and return its id.

        Unseen by the validators, as older clients do it, so that compute
        hosts are the ones to judge.
        """
        with utils.temporary_mutation(
                self.api_fixture.admin_api, microversion=UNVALIDATED):
            return self._create_flavor(
                vcpu=vcpus, disk=1, ephemeral=0,
                extra_spec=dict(specs or {}), **kwargs)

    def image(self, properties=None):
        """Create an image with these properties, and return its id."""
        image = dict(
            self.glance.image1, id=uuidutils.generate_uuid(), properties={
                **self.glance.image1['properties'], **(properties or {})})
        return self.glance.create(None, image)['id']

    def boot(self, specs=None, properties=None, vcpus=4,
             expected_state='ACTIVE', **kwargs):
        """Boot a server from these extra specs and image properties."""
        return self._create_server(
            flavor_id=self.flavor(specs, vcpus),
            image_uuid=self.image(properties) if properties else None,
            networks='none', expected_state=expected_state, **kwargs)

    def instance(self, server):
        return objects.Instance.get_by_uuid(self.context, server['id'])

    def xml(self, server, host='compute1'):
        """Return the XML that the server's domain was last defined with."""
        return self.connections[host].xml[server['id']]

    def cpu(self, server, host='compute1'):
        """Return the <cpu> of the server's domain."""
        return etree.fromstring(self.xml(server, host)).find('cpu')

    def assertCpu(self, expected, server, host='compute1'):
        """Assert that the <cpu> of the server's domain is this XML."""
        self.assertEqual(
            _canonical(etree.fromstring(expected)),
            _canonical(self.cpu(server, host)))

    def assertNothingLeft(self, server, host='compute1'):
        """Assert that a server is nowhere: not a domain, disk or claim."""
        self.assertEqual({}, self._get_allocations_by_server_uuid(
            server['id']))
        usages = self._get_provider_usages(self.compute_rp_uuids[host])
        self.assertEqual(0, sum(usages.values()), usages)
        self.assertNotIn(server['id'], self.connections[host].xml)
        self.assertEqual([], os.listdir(CONF.instances_path))
        node = self.computes[host].manager.rt.compute_nodes[host]
        self.assertEqual(
            (0, 0, CONF.reserved_host_memory_mb, 0),
            (node.vcpus_used, node.local_gb_used, node.memory_mb_used,
             node.running_vms))


def _canonical(element):
    """Return an element as a text that equal elements have in common."""
    element = etree.fromstring(
        etree.tostring(element), etree.XMLParser(remove_blank_text=True))
    element.tail = None
    text = etree.tostring(element, method='c14n').decode()
    return text.replace('><', '>\n<')
