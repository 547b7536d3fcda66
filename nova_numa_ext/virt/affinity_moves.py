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

"""A running guest onto other host nodes, by libvirt."""

from nova.virt.libvirt import host as nova_host

from nova_numa_ext.topology import cpuset

LIVE, CONFIG = 1, 2
#: Of virDomainSetNumaParameters.
NODESET = 'numa_nodeset'


def is_gone(domain, error):
    """Return whether a call failed because the guest runs no more."""
    libvirt = nova_host.libvirt
    try:
        return (error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
                or not domain.isActive())
    except libvirt.libvirtError as other:
        return other.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN


def move(domain, known, place):
    """Have a guest stand where it is to.

    A soft guest's threads are moved. One whose memory is bound moves with
    it, or not at all: libvirt moves bound memory where the cpuset controller
    is there, and refuses elsewhere. What the domain is defined with is
    changed in any case, for a start that is not Nova's.

    :param domain: libvirt's, of a guest that runs
    :param known: the guest, a nova_numa_ext.virt.affinity_known.Known
    :param place: a nova_numa_ext.topology.affinity.Place
    :returns: why it moves no earlier than at its next start, None where it
        has moved
    :raises libvirt.libvirtError:
    """
    waits_for = None
    moves = known.guest.nodes != place.nodes
    if moves and known.guest.strict:
        waits_for = _rebind(domain, place)
    flags = CONFIG if waits_for else LIVE | CONFIG
    for vcpu, allowed in enumerate(place.pins):
        domain.pinVcpuFlags(vcpu, _map(allowed), flags)
    emulator = _map(place.emulator)
    domain.pinEmulator(emulator, flags)
    for thread in known.iothreads:
        domain.pinIOThread(thread, emulator, flags)
    if known.guest.strict and (moves or known.waits_on is not None):
        domain.setNumaParameters(
            {NODESET: cpuset.show(place.nodes)}, CONFIG)
    return waits_for


def _rebind(domain, place):
    """Move bound memory; return why that cannot be, None where it is."""
    try:
        domain.setNumaParameters({NODESET: cpuset.show(place.nodes)}, LIVE)
    except nova_host.libvirt.libvirtError as error:
        if is_gone(domain, error):
            raise
        return str(error)
    return None


def _map(allowed):
    return tuple(cpu in allowed for cpu in range(1 + max(allowed)))
