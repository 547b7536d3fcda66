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

"""What this host is and can do, read from libvirt and remembered."""

import dataclasses

from nova_numa_ext.domain import capabilities
from nova_numa_ext.topology import host as topology


class HostFacts:
    """Facts about the host that change only with its hardware or software.

    Filled by whoever asks first, emptied when Nova has another connection to
    libvirtd: whatever is upgraded restarts the daemon, and so the connection.
    Nothing here is older than the connection. Callers bring the connection,
    because Nova pings the daemon whenever it is asked for one.

    Threads that ask for the same at once may each ask libvirt.

    :param host: a nova.virt.libvirt.host.Host
    """

    def __init__(self, host):
        self._host = host
        self._facts = _Facts(None)

    def _facts_of(self, connection):
        """Return what this connection said, without what others said."""
        facts = self._facts
        if facts.connection is not connection:
            facts = self._facts = _Facts(connection)
        return facts

    def topology(self, connection):
        """Return the host's nodes, cores and caches.

        Cores come from the capabilities that Nova keeps since its start, when
        all dedicated CPUs were online. Nova does not keep the caches and the
        distances; the CPUs that Nova has powered down since are missing in
        the caches.
        """
        facts = self._facts_of(connection)
        if facts.topology is None:
            kept = topology.from_capabilities(
                self._host.get_capabilities().to_xml())
            current = topology.from_capabilities(connection.getCapabilities())
            distances = {cell.id: cell.distances for cell in current.cells}
            facts.topology = dataclasses.replace(
                kept, l3=current.l3, banks=current.banks,
                cells=tuple(
                    dataclasses.replace(
                        cell, distances=distances.get(cell.id, {}))
                    for cell in kept.cells))
        return facts.topology

    def domain_capabilities(self, connection, arch, virt_type):
        """Return what guests of this kind can have.

        The machine type is left to libvirt: what is read here does not depend
        on it (Nova's Host.get_domain_capabilities says the same).

        :raises libvirt.libvirtError: where there are no such guests here
        """
        known = self._facts_of(connection).domain_capabilities
        key = (arch, virt_type)
        if key not in known:
            known[key] = dataclasses.replace(
                capabilities.from_xml(connection.getDomainCapabilities(
                    None, arch, None, virt_type, 0)),
                hypervisor_version=connection.getVersion(),
                libvirt_version=connection.getLibVersion())
        return known[key]


class _Facts:
    """What one connection said.

    A thread that still has an earlier connection fills these, and not those
    of the connection that took its place.
    """

    def __init__(self, connection):
        self.connection = connection
        self.topology = None
        self.domain_capabilities = {}
