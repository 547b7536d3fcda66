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

"""The first story: a large guest sees where it runs."""

from tests.functional import base
from tests.functional import hypervisor

SPECS = {
    'hw:numa_nodes': '4',
    'numa_ext:cpu_mode': 'host-passthrough',
    'numa_ext:cpu_topology': 'auto',
    'numa_ext:cpu_cache': 'emulate',
}

TUNED = """
<cpu mode="host-passthrough" match="exact">
  <topology sockets="4" cores="8" threads="1"/>
  <cache mode="emulate" level="3"/>
  <numa>
    <cell id="0" cpus="0-7" memory="524288"/>
    <cell id="1" cpus="8-15" memory="524288"/>
    <cell id="2" cpus="16-23" memory="524288"/>
    <cell id="3" cpus="24-31" memory="524288"/>
  </numa>
</cpu>
"""

PLAIN = """
<cpu mode="host-model" match="exact">
  <topology sockets="32" cores="1" threads="1"/>
  <numa>
    <cell id="0" cpus="0-7" memory="524288"/>
    <cell id="1" cpus="8-15" memory="524288"/>
    <cell id="2" cpus="16-23" memory="524288"/>
    <cell id="3" cpus="24-31" memory="524288"/>
  </numa>
</cpu>
"""


class FirstStoryTest(base.TestCase):
    """32 vCPUs on a host of four nodes with four cores of two threads."""

    def setUp(self):
        super().setUp()
        self.start_host(host_info=hypervisor.host(
            nodes=4, cores=4, threads=2))

    def test_a_socket_per_node_with_its_cores_and_cache(self):
        self.assertCpu(TUNED, self.boot(SPECS, vcpus=32))

    def test_without_our_specs_it_is_as_nova_has_it(self):
        self.assertCpu(PLAIN, self.boot({'hw:numa_nodes': '4'}, vcpus=32))
