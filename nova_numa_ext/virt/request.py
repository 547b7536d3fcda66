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

"""From Nova's objects to the plain values that the pure rooms know."""

from nova import exception
from nova.virt import hardware

from nova_numa_ext import policy
from nova_numa_ext.policy import errors
from nova_numa_ext.policy import nova_specs
from nova_numa_ext.topology import guest as topology
from nova_numa_ext.virt import vnuma

#: How Nova names an image's properties in an instance's system_metadata
#: (nova.utils.SM_IMAGE_PROP_PREFIX). Those that ImageMetaProps does not know
#: are nowhere else.
IMAGE_PREFIX = 'image_'


def policy_of(instance, flavor=None):
    """Return what an instance asks for, from its flavor and its image.

    :param instance: a nova.objects.Instance
    :param flavor: another flavor than the instance's, for a resize to it
    :raises nova_numa_ext.policy.InvalidRequest: where that is wrong
    """
    flavor = flavor or instance.flavor
    properties = {
        key[len(IMAGE_PREFIX):]: value
        for key, value in instance.system_metadata.items()
        if key.startswith(IMAGE_PREFIX)
    }
    # Without a default, specs that were not loaded with it are an error.
    return policy.resolve(flavor.get('extra_specs', {}) or {}, properties)


def cells_of(instance_numa_topology):
    """Return the guest's NUMA nodes as Nova placed them on the host.

    :param instance_numa_topology: a nova.objects.InstanceNUMATopology or None
    """
    if instance_numa_topology is None:
        return ()
    return tuple(
        topology.GuestCell(
            frozenset(cell.cpuset | cell.pcpuset),
            dict(cell.cpu_pinning or {}),
            # -1 until Nova has placed it.
            None if cell.id is None or cell.id < 0 else cell.id,
            cell.memory * 1024,
        )
        for cell in instance_numa_topology.cells
    )


def unplaced_topology(instance, flavor, image_meta):
    """Return the NUMA topology that a guest will have, on no host yet.

    Where the host splits it the claim has done so, if it is this host.

    :param flavor: the one that it is resized to
    """
    splitter = vnuma.splitter(flavor, image_meta)
    if splitter is None:
        unplaced = hardware.numa_get_constraints(flavor, image_meta)
    else:
        claimed = (instance.migration_context.new_numa_topology
                   if instance.migration_context else None)
        unplaced = splitter.wanted(len(claimed) if claimed else 1)
    if unplaced is not None:
        for cell in unplaced.cells:
            # So far the guest's own number, which looks like a host's.
            cell.id = -1
    return unplaced


def nova_topology(asked, flavor, image_meta):
    """Return the CPU topology that Nova gives a guest by itself.

    :param asked: its policy; None is returned where nothing in it depends on
        this, for Nova tries all that there could be
    """
    if asked.cpu_dies is None:
        return None
    found = hardware.get_best_cpu_topology(flavor, image_meta)
    return topology.CpuTopology(found.sockets, found.cores, found.threads)


def realtime_vcpus(flavor, image_meta):
    """Return the vCPUs that are to be realtime, by Nova's own rules.

    :raises nova_numa_ext.policy.InvalidRequest: where Nova cannot tell them
    """
    try:
        # None where the flavor does not ask for any.
        return frozenset(
            hardware.get_realtime_cpu_constraint(flavor, image_meta) or ())
    except exception.Invalid as error:
        raise policy.InvalidRequest(
            _realtime_mask(flavor, image_meta),
            f'of {flavor.vcpus} vCPUs it must leave a realtime and an '
            'ordinary one',
            nova_specs.MASK_REMEDY) from error


def _realtime_mask(flavor, image_meta):
    """Return what says which vCPUs are realtime; Nova asks the image first."""
    of_image = image_meta.properties.get('hw_cpu_realtime_mask')
    if of_image:
        return errors.Origin('image', 'hw_cpu_realtime_mask', of_image)
    for key in ('hw:cpu_realtime_mask', 'hw:cpu_realtime'):
        if flavor.extra_specs.get(key):
            break
    return errors.Origin('flavor', key, flavor.extra_specs[key])


def topology_constraints(flavor, image_meta):
    """Return Nova's own constraints for a guest's CPU topology.

    :returns: the limits of hw:cpu_max_sockets and its like, and whether
        hw:cpu_sockets or its like is set, by flavor or image
    """
    preferred, maximum = hardware.get_cpu_topology_constraints(
        flavor, image_meta)
    # Nova writes 0 where nothing is preferred, and has written -1.
    explicit = any(
        count > 0
        for count in (preferred.sockets, preferred.cores, preferred.threads))
    return topology.Limits(
        maximum.sockets, maximum.cores, maximum.threads), explicit
