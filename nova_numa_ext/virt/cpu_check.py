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

"""Whether the host has the CPU features that a guest asks for."""

from lxml import etree
from nova.virt.libvirt import driver as nova_driver

from nova_numa_ext.policy import HostCannot

#: VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE of libvirt-host.h; it makes
#: libvirt name what is missing.
FAIL_INCOMPATIBLE = 1


def is_connection_lost(error):
    """Return whether a libvirtError says nothing but that libvirtd is gone.

    It is told by what Nova's Host tells it by.
    """
    libvirt = nova_driver.libvirt
    return (
        error.get_error_code() in (
            libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR)
        and error.get_error_domain() in (
            libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC))


def check_features(connection, policy, arch, virt_type, nova_cpu, elements):
    """Ask libvirt whether a CPU with these features can be had here.

    libvirt compares with what host-model would give. With migratable=off a
    guest can have more than that (invtsc), so that there only names are
    judged.

    :param connection: to libvirtd
    :param policy: the GuestPolicy; one without features is not checked
    :param nova_cpu: the LibvirtConfigGuestCPU that Nova gives by itself
    :param elements: what is to be written onto it
    :raises HostCannot: where a feature is unknown or missing
    """
    if not policy.cpu_features:
        return
    domain = etree.Element('domain')
    # Nova has none for hypervisors without CPU modes.
    if nova_cpu is not None:
        domain.append(nova_cpu.format_dom())
    for element in elements:
        element.write(domain)
    cpu = domain.find('cpu')
    # NUMA nodes and topology say nothing of the CPU's kind.
    for tag in ('topology', 'numa', 'cache'):
        for node in cpu.findall(tag):
            cpu.remove(node)
    flags = 0 if policy.cpu_migratable is False else FAIL_INCOMPATIBLE
    try:
        connection.compareHypervisorCPU(
            None, arch, None, virt_type,
            etree.tostring(cpu, encoding='unicode'), flags)
    except nova_driver.libvirt.libvirtError as error:
        if is_connection_lost(error):
            raise
        # "internal error: Unknown CPU feature x", or "the CPU is incompatible
        # with host CPU: Host CPU does not provide required features: x, y".
        reason = str(error).rpartition('host CPU: ')[2]
        raise HostCannot(
            policy.origins['cpu_features'],
            reason.replace('internal error: ', '')[:90],
            'Take it out, or see `virsh domcapabilities`',
        ) from error
