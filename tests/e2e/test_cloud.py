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

"""Good flavors and wrong ones on a real cloud, as their users see them."""

import re
import resource
from xml.etree import ElementTree

import testtools
from testtools import content

from tests.e2e import cloud as cloud_fixture
from tools.demo import processes

AUDIT_SECONDS = 180
SHOW = ('-f', 'json')
CAP_SYS_RESOURCE = 24  # capabilities(7); linux/capability.h has the number
# From 2.86 on Nova's API validates extra specs. Older clients still send what
# is wrong as far as the compute host.
UNVALIDATED = ('--os-compute-api-version', '2.85')


class CloudTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(cloud_fixture.Cloud())
        self.name = 'e2e-' + re.sub(r'[^a-z]+', '-', self.id().split('.')[-1])

    def flavor(self, *specs):
        """Make a flavor of 2 vCPUs with these extra specs."""
        command = [*UNVALIDATED, 'flavor', 'create', self.name,
                   '--vcpus', '2', '--ram', '128', '--disk', '1']
        for spec in specs:
            command += ['--property', spec]
        self.cloud.openstack(*command)
        self.addCleanup(self.cloud.openstack, 'flavor', 'delete', self.name)

    def boot(self, image='guest'):
        """Boot a server and wait for what becomes of it.

        :returns: the server as `openstack server show` has it
        """
        self.addCleanup(
            self.cloud.openstack, 'server', 'delete', '--wait', self.name)
        self.cloud.openstack(
            'server', 'create', self.name, '--flavor', self.name,
            '--image', image, '--nic', 'none', '--wait')
        return self.cloud.openstack('server', 'show', self.name, *SHOW)

    def refused(self, *sentence, image='guest'):
        """A boot is refused with a sentence, and leaves nothing behind."""
        before = self.cloud.disks()
        # `--wait` makes the command itself fail on ERROR.
        self.assertRaises(RuntimeError, self.boot, image)
        server = self.cloud.openstack('server', 'show', self.name, *SHOW)
        self.assertEqual('ERROR', server['status'])
        message = server['fault']['message']
        self.addDetail('fault', content.text_content(message))
        for part in sentence:
            self.assertIn(part, message)
        self.assertTrue(message.endswith('.'), message)
        log = self.cloud.nova_compute_log()
        for part in sentence:
            self.assertIn(part, log)

        self.assertEqual([], self.cloud.openstack(
            'resource', 'provider', 'allocation', 'show', server['id'],
            *SHOW))
        self.assertNotIn(
            server['id'], self.cloud.virsh('list', '--all', '--uuid'))
        self.assertEqual(before, self.cloud.disks())

    def domain(self, server):
        return ElementTree.fromstring(
            self.cloud.virsh('dumpxml', server['id']))

    def skip_unless_tcg(self, what):
        if self.cloud.virt_type() != 'qemu':
            self.skipTest(f'{what}: guests of this machine run under KVM')


class TestGoodFlavor(CloudTestCase):

    def test_guest_gets_what_its_flavor_asks_for(self):
        self.flavor('numa_ext:cpu_mode=maximum',
                    'numa_ext:cpu_topology=auto',
                    'numa_ext:cpu_cache=emulate',
                    'numa_ext:cpu_features=-pku',
                    'numa_ext:cpu_migratable=off',
                    'numa_ext:iothreads=2',
                    'numa_ext:memballoon=off',
                    'numa_ext:ksm=off')
        explained = self.cloud.run(
            'nova-numa-ext', 'explain', '--flavor', self.name,
            '--image', 'guest', '--host', 'intel-4-sockets', '--virt-type',
            'qemu')
        self.assertIn('1 socket x 2 cores x 1 thread', explained)
        self.assertIn('+ <iothreads>2</iothreads>', explained)
        # The demo's nova-compute verifies its guests (verify_guests = fail).
        server = self.boot()
        # It fails where a promise is broken.
        verified = self.cloud.run(
            'nova-numa-ext', 'verify', '--connect', self.cloud.uri, self.name)
        self.addDetail('verified', content.text_content(verified))
        self.assertIn(server['id'], verified)
        self.assertEqual('ACTIVE', server['status'])
        self._has_what_it_asked_for(self.domain(server))

        # A hard reboot makes the domain anew.
        self.cloud.openstack('server', 'reboot', '--hard', '--wait',
                             self.name)
        self._has_what_it_asked_for(self.domain(server))

    def _has_what_it_asked_for(self, domain):
        cpu = domain.find('cpu')
        self.assertEqual('maximum', cpu.get('mode'))
        self.assertEqual('off', cpu.get('migratable'))
        topology = cpu.find('topology')
        self.assertEqual(
            ('1', '2', '1'),
            tuple(topology.get(key) for key in ('sockets', 'cores',
                                                'threads')))
        self.assertEqual({'level': '3', 'mode': 'emulate'},
                         cpu.find('cache').attrib)
        self.assertEqual(
            'disable', cpu.find("feature[@name='pku']").get('policy'))


class TestLockedMemory(CloudTestCase):

    def test_host_that_cannot_lock_it_refuses_before_anything_is_made(self):
        with open('/proc/self/status') as status:
            found = re.search(r'^CapEff:\s+([0-9a-f]+)', status.read(), re.M)
        capable = int(found[1], 16) >> CAP_SYS_RESOURCE & 1
        most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        if capable or most == resource.RLIM_INFINITY:
            self.skipTest('libvirtd can lock memory where the demo runs here')
        self.flavor('hw:locked_memory=true', 'hw:mem_page_size=small')
        self.refused("flavor hw:locked_memory='true'",
                     'MiB of its 128 MiB, and has no CAP_SYS_RESOURCE',
                     'LimitMEMLOCK=infinity in its unit.')


class TestShadow(CloudTestCase):

    def audits(self):
        """Return the lines that nova-compute wrote after its audits."""
        return [line for line in self.cloud.nova_compute_log().splitlines()
                if 'Since the last audit: ' in line]

    def next_audit(self):
        """Wait for an audit that begins from now on."""
        # The one that may be running now is not counted.
        wanted = len(self.audits()) + 2
        return processes.wait_for(
            'an audit', lambda: self.audits()[wanted - 1:], AUDIT_SECONDS)

    def act(self, action, status):
        """Do something with the server, and wait for what it becomes."""
        self.cloud.openstack('server', action, self.name)
        processes.wait_for(status, lambda: status == self.cloud.openstack(
            'server', 'show', self.name, *SHOW)['status'], AUDIT_SECONDS)

    def test_what_is_shortened_is_what_nova_does(self):
        # Other tests break what Nova compares with.
        before = len(self.cloud.nova_compute_log())
        self.flavor()
        self.boot()
        [audit, *_more] = self.next_audit()
        self.act('pause', 'PAUSED')
        self.next_audit()
        self.act('unpause', 'ACTIVE')
        self.act('stop', 'SHUTOFF')
        self.next_audit()
        self.act('start', 'ACTIVE')
        self.next_audit()

        self.addDetail('audit', content.text_content(audit))
        self.assertNotIn(' 0 libvirt calls', audit)
        log = self.cloud.nova_compute_log()
        self.assertNotIn('is without effect', log)
        for sign in ('shadow: ', 'in its own way'):
            self.assertEqual([], [
                line for line in log[before:].splitlines() if sign in line])


class TestWrongFlavor(CloudTestCase):

    def test_api_refuses_it_where_it_is_made(self):
        self.flavor()
        refused = self.assertRaises(
            RuntimeError, self.cloud.openstack, 'flavor', 'set', self.name,
            '--property', 'numa_ext:cpu_mode=host-passtrough')
        self.assertIn('Did you mean host-passthrough?', str(refused))

    def test_misspelt_value(self):
        self.flavor('numa_ext:cpu_mode=host-passtrough')
        self.refused("flavor numa_ext:cpu_mode='host-passtrough'",
                     'Did you mean host-passthrough?')

    def test_misspelt_name(self):
        self.flavor('numa_ext:cpu_caches=emulate')
        self.refused("flavor numa_ext:cpu_caches='emulate'",
                     'Did you mean numa_ext:cpu_cache?')

    def test_mode_that_the_hypervisor_does_not_have(self):
        self.skip_unless_tcg('host-passthrough can be had')
        self.flavor('numa_ext:cpu_mode=host-passthrough')
        self.refused("flavor numa_ext:cpu_mode='host-passthrough'",
                     'qemu guests on this host cannot have it',
                     'maximum')

    def test_model_that_the_host_cannot_run(self):
        self.skip_unless_tcg('Skylake-Server may be usable')
        self.flavor('numa_ext:cpu_mode=custom',
                    'numa_ext:cpu_models=Skylake-Server')
        self.refused("flavor numa_ext:cpu_models='Skylake-Server'",
                     'unusable for qemu guests', 'Usable: ')

    def test_feature_that_libvirt_does_not_know(self):
        self.flavor('numa_ext:cpu_mode=maximum',
                    'numa_ext:cpu_features=+nosuch')
        self.refused("flavor numa_ext:cpu_features='+nosuch'",
                     'Unknown CPU feature nosuch')

    def test_image_that_sets_what_is_the_operators(self):
        self.flavor()
        self.cloud.openstack('image', 'set', 'guest', '--property',
                             'numa_ext_cpu_features=+avx')
        self.addCleanup(self.cloud.openstack, 'image', 'unset', 'guest',
                        '--property', 'numa_ext_cpu_features')
        self.refused("image numa_ext_cpu_features='+avx'",
                     'only the flavor may set this')
