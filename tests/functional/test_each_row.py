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

"""No row of the table that a guest does not boot with.

What becomes of each is in the other tests; here a new row is found that none
of them knows.
"""

from xml.etree import ElementTree

from nova_numa_ext.domain import metadata
from nova_numa_ext.policy import table
from tests.functional import base
from tests.functional import hypervisor
from tests.unit.policy import test_table


class EachRowTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='8-15,24-31', cpu_shared_set='0-7,16-23',
                   group='compute')
        self.start_host(host_info=hypervisor.host(nodes=2, cores=8),
                        l3=('0-15', '16-31'), allocates=True, far=20)

    def test_each_row_is_kept_with_the_domain(self):
        for row in table.ROWS:
            text = next(iter(test_table.EXAMPLES[row.name].good))
            specs = {**test_table.beside(row, text), row.spec: text}
            if not specs.keys() & {'numa_ext:numa_nodes',
                                   'numa_ext:numa_affinity'}:
                specs['hw:numa_nodes'] = '2'
            server = self.boot(specs)
            settings = metadata.read(ElementTree.fromstring(self.xml(server)))
            self.assertIn(
                metadata.Setting(row.name, text, 'flavor'), settings)
            self._delete_server(server)
