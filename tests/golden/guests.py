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

"""Golden cases as the pure rooms take them."""

import dataclasses
import itertools
import pathlib

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.domain import capabilities
from nova_numa_ext.domain import element
from nova_numa_ext.domain import elements
from nova_numa_ext.topology import guest as guest_topology
from nova_numa_ext.topology import host as host_topology

FOLDER = pathlib.Path(__file__).parents[1] / 'unit' / 'domain'


def host_xml(name):
    return (FOLDER / 'hosts' / f'{name}.xml').read_text()


def domain_capabilities(name):
    return dataclasses.replace(
        capabilities.from_xml(host_xml(f'{name}.domaincapabilities')),
        hypervisor_version=7002000, libvirt_version=9000000)


def guest_of(case):
    """Return a case as the pure rooms take it."""
    policy = guest_policy.resolve(case.extra_specs, case.image_properties)
    return element.Guest(
        policy=policy,
        vcpus=case.vcpus,
        cells=tuple(
            guest_topology.GuestCell(
                frozenset(cell),
                {vcpu: pin for vcpu, pin in cell.items() if pin is not None},
                node)
            for cell, node in itertools.zip_longest(
                case.cells, case.host_nodes)),
        limits=case.limits,
        explicit_topology=case.explicit,
        nova_cpu_mode=case.nova.mode,
        host=host_topology.from_capabilities(host_xml(case.host)),
        capabilities=domain_capabilities(case.capabilities),
        realtime_vcpus=case.realtime,
        max_realtime_priority=case.max_priority,
        nova_topology=guest_topology.CpuTopology(
            *(case.topology or (case.vcpus, 1, 1))),
        place=case.place,
        is_bound=policy.numa_affinity == 'strict',
    )


def elements_of(case):
    """Return what is written onto Nova's domain.

    :raises nova_numa_ext.policy.Refused: for a guest that is refused
    """
    return elements.tune(guest_of(case)).elements
