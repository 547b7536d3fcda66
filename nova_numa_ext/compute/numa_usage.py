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

"""Usage of the host's NUMA nodes by many guests, written once.

Nova keeps it as text, which it reads and writes anew for each guest that an
audit adds up: 4 to 12 ms each, with all who come and go waiting.
"""

from nova.objects import numa
from nova.virt import hardware

from nova_numa_ext.compat import fast_path

RELIED_ON = {
    hardware: {
        'numa_usage_from_instance_numa':
            '(host_topology, instance_topology, free=False)',
    },
    numa.NUMATopology: {'obj_from_db_obj': '(db_obj)'},
}


class NumaUsage:
    """The NUMA topologies of compute nodes while usage is added up.

    :param shadow: whether Nova does it, too; then that is compared
    """

    def __init__(self, shadow=False):
        self._shadow = shadow
        self._pending = {}

    def begin(self, node):
        """Take over what a node's text says.

        :param node: a nova.objects.ComputeNode with a NUMA topology, which
            is out of date until ``write``
        """
        if node.hypervisor_hostname not in self._pending:
            self._pending[node.hypervisor_hostname] = (
                node, numa.NUMATopology.obj_from_db_obj(
                    node.numa_topology))

    def add(self, node, guest_topology, free):
        """Add a guest's share, or take it away."""
        _node, topology = self._pending[node.hypervisor_hostname]
        self._pending[node.hypervisor_hostname] = (
            node, hardware.numa_usage_from_instance_numa(
                topology, guest_topology, free))

    def write(self):
        """Put what was added up into the nodes."""
        while self._pending:
            _name, (node, topology) = self._pending.popitem()
            if not self._shadow:
                node.numa_topology = topology._to_json()
            elif _parsed(node.numa_topology) != _parsed(topology._to_json()):
                fast_path.mismatch(
                    'numa_usage', topology._to_json(), node.numa_topology)


def _parsed(text):
    return numa.NUMATopology.obj_from_db_obj(text).obj_to_primitive()
