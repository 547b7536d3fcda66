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

"""Refuses guests whose huge pages QEMU could not fill."""

import nova.conf
from nova.objects import fields
from nova.virt import hardware

from nova_numa_ext.host import reader
from nova_numa_ext.policy import HostCannot
from nova_numa_ext.policy.errors import Origin
from nova_numa_ext.topology import cpuset
from nova_numa_ext.topology import prealloc
from nova_numa_ext.virt import request

CONF = nova.conf.CONF

#: What a host has that confines threads by groups; v2, and v1.
_GROUPS = ('sys/fs/cgroup/cpuset.cpus.effective', 'sys/fs/cgroup/cpuset')
#: KiB of the pages that are not huge ones, of all architectures.
_SMALL = 64
_POLICY = 'hw:emulator_threads_policy'


def judge(instance, image_meta, host, facts):
    """Refuse a guest that would not start.

    :param instance: a nova.objects.Instance, as Nova placed it
    :param host: a nova.virt.libvirt.host.Host
    :param facts: a nova_numa_ext.virt.host_facts.HostFacts
    :raises HostCannot: saying what to set
    """
    topology, flavor = instance.numa_topology, instance.flavor
    if topology is None:
        return
    nodes = [cell.id for cell in topology.cells
             if 'pagesize' in cell and (cell.pagesize or 0) > _SMALL]
    if not nodes or not any(map(reader.THIS.has, _GROUPS)):
        return
    emulator, key, remedy = _emulator(
        topology, request.realtime_vcpus(flavor, image_meta))
    if emulator is None:
        return
    connection = host.get_connection()
    if not prealloc.SINCE <= connection.getLibVersion() < prealloc.UNTIL:
        return
    lacking = prealloc.unreachable(
        facts.topology(connection).cells, nodes, emulator)
    if lacking:
        words = f'{"nodes" if len(lacking) > 1 else "node"} ' + (
            cpuset.show(lacking))
        raise HostCannot(
            Origin('flavor', key, str(flavor.extra_specs.get(key))),
            f'emulator threads have no CPU of {words} to fill huge pages from',
            remedy)


def _emulator(topology, realtime):
    """Return the CPUs of the emulator threads, what says so, and a remedy.

    None for CPUs of all of the guest's nodes. As
    LibvirtDriver._get_emulatorpin_cpuset (nova/virt/libvirt/driver.py).

    :param realtime: the guest's realtime vCPUs
    """
    if topology.emulator_threads_isolated:
        return frozenset().union(*(
            cell.cpuset_reserved or () for cell in topology.cells)), (
            _POLICY), ('Set hw:numa_nodes=1; or share, with CPUs of each node '
                       'in cpu_shared_set')
    shared = hardware.get_cpu_shared_set()
    if shared and 'emulator_threads_policy' in topology and (
            topology.emulator_threads_policy ==
            fields.CPUEmulatorThreadsPolicy.SHARE):
        return frozenset(shared), _POLICY, (
            'Have CPUs of each node in [compute] cpu_shared_set')
    if realtime and all(cell.cpu_pinning for cell in topology.cells):
        return frozenset(
            cpu for cell in topology.cells
            for vcpu, cpu in cell.cpu_pinning.items()
            if vcpu not in realtime), (
            'hw:cpu_realtime_mask'), (
            'Leave an ordinary vCPU on each node; or set '
            'hw:emulator_threads_policy=share')
    return None, '', ''
