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

"""Nova's own driver on a host that is only described.

Importing this imports Nova, which takes seconds.
"""

import contextlib
import dataclasses
import uuid

from nova import exception
from nova import objects
import nova.conf
from nova.virt import hardware
from nova.virt.libvirt import config as vconfig
from oslo_config import cfg

from nova_numa_ext.explain import Unusable
from nova_numa_ext.policy import errors
from nova_numa_ext.virt import affine
from nova_numa_ext.virt import apply
from nova_numa_ext.virt import driver
from nova_numa_ext.virt import host_facts
from nova_numa_ext.virt import request
from nova_numa_ext.virt import vnuma

CONF = nova.conf.CONF

#: What Nova raises where a request is wrong, or the configuration.
NovaException = exception.NovaException


@contextlib.contextmanager
def configured(config_files, **overrides):
    """Configure Nova for the time of the context.

    :param config_files: files of ``nova.conf``'s kind
    :param overrides: ``compute_cpu_shared_set='0-3'`` and the like; what is
        None stays as it is
    :raises Unusable: where a file or a value is wrong
    """
    args = [word for path in config_files for word in ('--config-file', path)]
    made = []
    try:
        try:
            CONF(args, project='nova', default_config_files=[],
                 default_config_dirs=[])
            # The compute manager does this as it starts.
            nova.conf.neutron.register_dynamic_opts(CONF)
            for name, value in overrides.items():
                if value is not None:
                    group, _, option = name.partition('_')
                    CONF.set_override(option, value, group)
                    made.append((option, group))
        except (cfg.Error, ValueError) as error:
            raise Unusable('The configuration is wrong: '
                           f'{errors.plain(str(error), 150)}.') from error
        yield
    finally:
        for option, group in made:
            CONF.clear_override(option, group)
        CONF.clear()


class SavedHost:
    """What the driver asks of Nova's Host and of its connection, from files.

    :param host: a nova_numa_ext.explain.hosts.Host
    """

    supports_mem_encryption = False
    # Its name before Nova 32.
    supports_amd_sev = False

    def __init__(self, host):
        self._saved = host
        self._capabilities = vconfig.LibvirtConfigCaps()
        self._capabilities.parse_str(host.capabilities)

    def get_capabilities(self):
        return self._capabilities

    def get_online_cpus(self):
        return {cpu.id for cell in self._capabilities.host.topology.cells
                for cpu in cell.cpus}

    get_available_cpus = get_online_cpus

    def has_min_version(self, *args, **kwargs):
        return True

    def is_cpu_control_policy_capable(self):
        return False

    def get_connection(self):
        return self

    def getCapabilities(self):
        return self._saved.capabilities

    def list_instance_domains(self):
        return []

    def getDomainCapabilities(self, *args):
        return self._saved.domain_capabilities

    def getVersion(self):
        return self._saved.hypervisor_version

    def getLibVersion(self):
        return self._saved.libvirt_version

    def compareHypervisorCPU(self, *args):
        """A saved host is not asked whether it has a CPU's features."""


@dataclasses.dataclass(frozen=True)
class Request:
    """A guest as Nova has it before it is placed.

    :ivar instance: a nova.objects.Instance
    :ivar image_meta: a nova.objects.ImageMeta
    :ivar wanted: its InstanceNUMATopology, None for none
    """

    instance: object
    image_meta: object
    wanted: object

    @property
    def flavor(self):
        return self.instance.flavor


def request_of(flavor, image):
    """Return the guest that a flavor and an image ask Nova for.

    :raises NovaException: where Nova refuses it
    :raises ValueError: where a field of Nova's objects does
    """
    objects.register_all()
    nova_flavor = objects.Flavor(
        name=flavor.name, flavorid=flavor.name, vcpus=flavor.vcpus,
        memory_mb=flavor.ram_mib, root_gb=flavor.disk_gib, ephemeral_gb=0,
        swap=0, rxtx_factor=1.0, extra_specs=dict(flavor.extra_specs))
    image_meta = objects.ImageMeta.from_dict({
        'name': image.name, 'properties': dict(image.properties)})
    instance = objects.Instance(
        uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, flavor.name)),
        display_name=flavor.name, flavor=nova_flavor, numa_topology=None,
        os_type=image_meta.properties.get('os_type'),
        system_metadata={
            request.IMAGE_PREFIX + key: value[:255]
            for key, value in image.properties.items()})
    return Request(instance, image_meta, hardware.numa_get_constraints(
        nova_flavor, image_meta))


class Sketch(driver.NumaLibvirtDriver):
    """The driver as it decides on a host, without a libvirtd.

    Nova's own methods decide where a guest stands and what Nova writes for
    it; the methods of this project decide what is written onto that.
    """

    def __init__(self, host):
        # Not Nova's, which connects to libvirtd.
        self._host = SavedHost(host)
        self._host_facts = host_facts.HostFacts(self._host)
        self._reserved_hugepages = hardware.numa_get_reserved_huge_pages()
        self.cpu_model_flag_mapping = {}
        self.virtapi = None
        self._init_affinity()

    def host_topology(self):
        """Return the nodes as Nova's scheduler sees them, all of it free."""
        return self._get_host_numa_topology()

    def limits(self):
        """Return how much Nova may promise of a node."""
        return objects.NUMATopologyLimits(
            cpu_allocation_ratio=(CONF.cpu_allocation_ratio
                                  or CONF.initial_cpu_allocation_ratio),
            ram_allocation_ratio=(CONF.ram_allocation_ratio
                                  or CONF.initial_ram_allocation_ratio))

    def fit(self, wanted, cells=None):
        """Return where Nova places a guest, None for nowhere.

        :param cells: the host's nodes to choose from, all by default
        """
        topology = self.host_topology()
        if topology is None:
            return None
        if cells is not None:
            topology.cells = [
                cell for cell in topology.cells if cell.id in cells]
        return vnuma.fit(topology, wanted, self.limits())

    def split(self, asked):
        """Return a Request with the NUMA nodes that this host gives it.

        :returns: it, and why it cannot be had or None
        """
        splitter = vnuma.splitter(asked.flavor, asked.image_meta)
        topology = self.host_topology()
        if splitter is None or topology is None:
            return asked, None
        for number in splitter.splits(topology, self.limits()):
            return dataclasses.replace(
                asked, wanted=splitter.wanted(number)), None
        return asked, splitter.why_not(topology, self.limits())

    def tuned(self, asked, policy):
        """Return what a guest that was placed gets of its policy."""
        placed = asked.instance.numa_topology
        affinity = affine.asked_of(policy, placed)
        self._judge_affinity(asked.instance, policy, placed)
        place = self._place(asked.instance, affinity)
        tuned = self._tuned(
            asked.instance, asked.image_meta, policy, placed, place=place,
            is_bound=affine.is_bound(affinity))
        if affinity is None or place is not None:
            return tuned
        why_not = self._affinity.why_not(
            affine.guest_of(asked.instance, affinity))
        return dataclasses.replace(tuned, left_out=(
            *tuned.left_out, f'Left out: {affinity.origin}: {why_not}. The '
            'guest has all shared CPUs.'))

    def domain(self, asked, elements=()):
        """Return the domain of a guest that was placed, as lxml's tree.

        It has what CPUs and memory depend on, and a disk for IO threads.
        """
        instance, flavor = asked.instance, asked.flavor
        image_meta, placed = asked.image_meta, asked.instance.numa_topology
        guest = vconfig.LibvirtConfigGuest()
        guest.virt_type = CONF.libvirt.virt_type
        guest.name = 'instance'
        guest.uuid = instance.uuid
        guest.memory = flavor.memory_mb * 1024
        guest.vcpus = flavor.vcpus
        guest.os_type = 'hvm'
        found = self._get_guest_numa_config(placed, flavor, image_meta)
        guest.cpuset = found.cpuset
        guest.cputune = found.cputune
        guest.numatune = found.numatune
        guest.membacking = self._get_guest_memory_backing_config(
            placed, found.numatune, flavor, image_meta)
        guest.cpu = self._get_guest_cpu_config(
            flavor, image_meta, found.numaconfig, placed)
        self._set_features(guest, instance.os_type, image_meta, flavor)
        # Since Nova 33.
        if hasattr(self, '_get_guest_iothread'):
            guest.iothreads = self._get_guest_iothread()
        for device in _disks(image_meta):
            guest.add_device(device)
        self._set_qemu_guest_agent(guest, flavor, instance, image_meta)
        self._guest_add_memory_balloon(guest)
        return apply.TunedGuest.of(guest, elements).format_dom()

    def _check_emulation_arch(self, image_meta):
        # Nova's asks the machine that it runs on.
        return (image_meta.properties.get('hw_emulation_architecture')
                or self._host.get_capabilities().host.cpu.arch)


def _disks(image_meta):
    """Return a disk like the ones that guests of this image get."""
    disk = vconfig.LibvirtConfigGuestDisk()
    disk.source_type = 'file'
    disk.source_path = '/disk'
    disk.driver_name = 'qemu'
    disk.driver_format = 'qcow2'
    disk.target_bus = image_meta.properties.get('hw_disk_bus') or 'virtio'
    disk.target_dev = 'vda' if disk.target_bus == 'virtio' else 'sda'
    yield disk
    if disk.target_bus == 'scsi':
        controller = vconfig.LibvirtConfigGuestController()
        controller.type = 'scsi'
        controller.model = 'virtio-scsi'
        yield controller
