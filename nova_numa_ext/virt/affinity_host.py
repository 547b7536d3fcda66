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

"""The host's nodes, as guests without NUMA nodes of their own may use them."""

from nova import objects
import nova.conf
from nova.virt.libvirt import driver as nova_driver

from nova_numa_ext.conf import opts
from nova_numa_ext.topology import affinity

CONF = nova.conf.CONF

opts.register_opts(CONF)

RELIED_ON = {
    nova_driver.LibvirtDriver: {'_get_host_numa_topology': '(self)'},
}


class AffinityHost:
    """What of the host there is for guests with NUMA affinity.

    Nova's account of the host says it, which the resource tracker has at
    hand; it is read anew where it changed, and libvirt is asked nothing. Only
    before the first audit there is none, and all of the host is taken for
    free. Cores and distances are asked for once: they are the hardware's.

    :param driver: a nova_numa_ext.virt.driver.NumaLibvirtDriver
    """

    def __init__(self, driver):
        self._driver = driver
        self._hardware = None
        self._read = (None, None)

    def nodes(self):
        """Return a nova_numa_ext.topology.affinity.Host."""
        node = self._compute_node()
        text = (node.numa_topology
                if node is not None and 'numa_topology' in node else None)
        if text is None:
            return self._host_of(self._driver._get_host_numa_topology())
        read, host = self._read
        if read != text:
            host = self._host_of(objects.NUMATopology.obj_from_db_obj(text))
            self._read = (text, host)
        return host

    def is_overcommitted(self):
        """Return whether the host has more vCPUs to give than CPUs."""
        # Placement has the option's, where it is set.
        ratio = CONF.cpu_allocation_ratio
        node = self._compute_node()
        if not ratio and node is not None and 'cpu_allocation_ratio' in node:
            ratio = node.cpu_allocation_ratio
        return (ratio or CONF.initial_cpu_allocation_ratio) > 1.0

    def _compute_node(self):
        """Return what the tracker has of this host, None for nothing yet.

        Without its lock: what is there is read whole, and is no older than
        the last guest that it was told of.
        """
        manager = getattr(self._driver.virtapi, '_compute', None)
        tracker = getattr(manager, 'rt', None)
        nodes = list(tracker.compute_nodes.values()) if tracker else []
        return nodes[0] if nodes else None

    def _host_of(self, topology):
        cells = topology.cells if topology is not None else []
        if not cells:
            return affinity.Host(())
        if self._hardware is None:
            self._hardware = self._driver._host_facts.topology(
                self._driver._host.get_connection())
        distances = {
            cell.id: cell.distances for cell in self._hardware.cells}
        total = sum(cell.memory for cell in cells)
        return affinity.Host(
            tuple(
                affinity.Node(
                    cell.id, frozenset(cell.cpuset),
                    _memory_mib(cell) - int(
                        CONF.reserved_host_memory_mb * cell.memory / total),
                    distances.get(cell.id, {}))
                for cell in cells),
            self._hardware.siblings)


def _memory_mib(cell):
    """Return what of a node's memory is neither huge pages nor pinned.

    :param cell: a nova.objects.NUMACell
    """
    # Those of the smallest size are ordinary memory.
    small = min((pages.size_kb for pages in cell.mempages), default=0)
    huge = [pages for pages in cell.mempages if pages.size_kb > small]
    all_huge = sum(pages.total * pages.size_kb for pages in huge) >> 10
    used_huge = sum(pages.used * pages.size_kb for pages in huge) >> 10
    return int(
        cell.memory - all_huge - max(cell.memory_usage - used_huge, 0))
