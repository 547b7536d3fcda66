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

"""What explain says beforehand is what nova-compute then does."""

import json
import os
import pathlib
import subprocess
import sys

import fixtures
from lxml import etree

from tests.functional import base
from tests.functional import hypervisor

ROOT = pathlib.Path(__file__).parents[2]
COMMAND = (sys.executable, '-c',
           'import sys; from nova_numa_ext.cmd import main; '
           'sys.exit(main.main())', 'explain')
#: The parts of a domain that CPUs and memory depend on.
COMPARED = ('memory', 'vcpu', 'memoryBacking', 'cputune', 'numatune', 'cpu',
            'features', 'iothreads', 'iothreadids')

DEDICATED = {'hw:cpu_policy': 'dedicated'}
NODES = {'hw:numa_nodes': '2'}
HIGH = {'numa_ext:profile': 'high-performance'}


class TestExplain(base.TestCase):
    """The same flavors on the same host: explained first, then booted."""

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='2-31', cpu_shared_set='0-1',
                   group='compute')
        self.start_host(host_info=hypervisor.host())
        self.folder = self.useFixture(fixtures.TempDir()).path
        connection = self.connections['compute1']
        self.capabilities = self.save(
            'caps.xml', connection.getCapabilities())
        self.domain_capabilities = self.save(
            'domain.xml', connection.getDomainCapabilities(
                None, 'x86_64', None, 'kvm', 0))

    def save(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def explain(self, specs=None, properties=None, vcpus=4):
        """Return the exit status of the command, and its data."""
        words = [f'{key}={value}' for key, value in (specs or {}).items()]
        image = [f'{key}={value}' for key, value in (properties or {}).items()]
        done = subprocess.run(
            [*COMMAND, '--json', '--host', self.capabilities,
             '--domain-capabilities', self.domain_capabilities,
             '--cpu-dedicated-set', '2-31', '--cpu-shared-set', '0-1',
             '--flavor', f'vcpus={vcpus}', 'ram=2048', *words,
             *(['--image', *image] if image else [])],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    def parts(self, xml):
        domain = etree.fromstring(xml)
        return {
            tag: etree.canonicalize(node, strip_text=True)
            for tag in COMPARED for node in domain.findall(tag)}

    def assertAsExplained(self, specs=None, properties=None, vcpus=4):
        status, explained = self.explain(specs, properties, vcpus)
        server = self.boot(specs, properties, vcpus)

        self.assertEqual((0, None), (status, explained['refused']))
        self.assertEqual(self.parts(self.xml(server)),
                         self.parts(explained['domain']))
        return explained

    def test_unpinned(self):
        self.assertAsExplained(vcpus=2)

    def test_more_vcpus_than_shared_cpus(self):
        """Whatever the allocation ratio."""
        status, explained = self.explain(vcpus=3)

        self.assertEqual(1, status)
        self.assertEqual(['shared CPUs of the host: 3 wanted, 2 there'],
                         explained['lacks'])
        self.boot(vcpus=3, expected_state='ERROR')

    def test_unpinned_with_nodes(self):
        """Nova needs a shared CPU on each node for that."""
        status, explained = self.explain(NODES)

        self.assertEqual(1, status)
        self.assertIn('guest node 0 on host node 1: shared CPUs: 2 wanted, 0 '
                      'there', explained['lacks'])
        self.boot(NODES, expected_state='ERROR')

    def test_pinned(self):
        explained = self.assertAsExplained(dict(DEDICATED, **NODES))

        self.assertEqual(2, len(explained['guest']['nodes']))

    def test_profile(self):
        explained = self.assertAsExplained(
            dict(DEDICATED, **NODES, **HIGH), vcpus=8)

        self.assertEqual('high-performance', explained['profile']['name'])
        self.assertIn('cpu', explained['changed'])

    def test_image(self):
        self.assertAsExplained(
            HIGH, {'hw_cpu_policy': 'dedicated', 'hw_cpu_thread_policy':
                   'require', 'numa_ext_cpu_cache': 'disable'})

    def test_realtime(self):
        self.assertAsExplained(dict(DEDICATED, **{
            'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '^0',
            'numa_ext:profile': 'realtime',
            'numa_ext:realtime_priority': '7'}))

    def test_affinity(self):
        for word in ('soft', 'strict'):
            explained = self.assertAsExplained(
                {'numa_ext:numa_affinity': word}, vcpus=2)
            self.assertIn('cputune', explained['changed'])
        self.assertIn('numatune', explained['changed'])

    def test_emulator_threads(self):
        for policy in ('isolate', 'share'):
            self.assertAsExplained(dict(
                DEDICATED, **{'hw:emulator_threads_policy': policy}))
            for server in self.api.get_servers(detail=False):
                self._delete_server(server)

    def test_does_not_fit(self):
        specs = dict(DEDICATED, **{'hw:numa_nodes': '1'})

        status, explained = self.explain(specs, vcpus=9)

        self.assertEqual(1, status)
        self.assertIn('guest node 0 on host node 1: dedicated CPUs: 9 wanted,'
                      ' 8 there', explained['lacks'])
        self.boot(specs, vcpus=9, expected_state='ERROR')

    def test_refused(self):
        specs = {'numa_ext:cpu_mode': 'host-passtrough'}

        status, explained = self.explain(specs, vcpus=2)

        self.assertEqual(1, status)
        server = self.boot(specs, vcpus=2, expected_state='ERROR')
        self.assertIn(explained['refused'], server['fault']['message'])
