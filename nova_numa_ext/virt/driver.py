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

"""Nova's libvirt driver, with what this project adds to it."""

import inspect

from nova import exception
from nova import version
from nova.compute import task_states
import nova.conf
from nova.virt.libvirt import driver as nova_driver
from oslo_log import log as logging

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.compat import release
from nova_numa_ext.compute import resource_tracker
from nova_numa_ext.conf import opts
from nova_numa_ext.domain import element
from nova_numa_ext.domain import elements as domain_elements
from nova_numa_ext.domain import metadata
from nova_numa_ext.topology import refusals
from nova_numa_ext.virt import affine
from nova_numa_ext.virt import affine_guests
from nova_numa_ext.virt import apply
from nova_numa_ext.virt import cpu_check
from nova_numa_ext.virt import disk_total
from nova_numa_ext.virt import emulator_check
from nova_numa_ext.virt import host as numa_host
from nova_numa_ext.virt import host_facts
from nova_numa_ext.virt import known_guests
from nova_numa_ext.virt import node_devices
from nova_numa_ext.virt import readiness
from nova_numa_ext.virt import request
from nova_numa_ext.virt import spawns
from nova_numa_ext.virt import traits
from nova_numa_ext.virt import verify

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

opts.register_opts(CONF)


class NumaLibvirtDriver(
        traits.Traits, known_guests.KnownGuests, node_devices.NodeDevices,
        disk_total.DiskTotal, affine_guests.AffineGuests, affine.Affine,
        spawns.Spawns, nova_driver.LibvirtDriver):
    """Nova's libvirt driver for guests that ask for more.

    A guest that asks for nothing of this project's gets what Nova gives it,
    to the byte. A guest that asks for what is wrong or cannot be had is
    refused before anything of it is created, changed or stopped.
    """

    def __init__(self, virtapi, read_only=False):
        release.check_release(
            version.version_string(), CONF.numa_ext.allow_untested_nova)
        super().__init__(virtapi, read_only)
        if CONF.numa_ext.reduce_libvirt_calls:
            numa_host.NumaHost.adopt(self._host)
        self._init_disks()
        self._init_known_guests()
        self._init_node_devices()
        self._host_facts = host_facts.HostFacts(self._host)
        self._init_traits()
        self._init_affinity()

    def init_host(self, host):
        super().init_host(host)
        resource_tracker.install(self.virtapi)

    def _policy(self, instance, flavor=None):
        """Return what an instance asks for, nothing where that is off."""
        if not CONF.numa_ext.guest_policy:
            return guest_policy.GuestPolicy()
        return request.policy_of(instance, flavor)

    def _elements(self, *args, **kwargs):
        """Return what a policy changes in an instance's domain."""
        return self._tuned(*args, **kwargs).elements

    def _tuned(self, instance, image_meta, policy, numa_topology,
               flavor=None, place=None, is_bound=False):
        """Return what an instance gets of a policy on this host.

        :param numa_topology: a nova.objects.InstanceNUMATopology, placed
            where Nova placed the guest, or None
        :param place: where it stands without one, a
            nova_numa_ext.topology.affinity.Place, or None
        :param is_bound: whether its memory is bound to that
        :raises nova_numa_ext.policy.Refused: where it cannot be had here
        """
        flavor = flavor or instance.flavor
        connection = self._host.get_connection()
        virt_type = CONF.libvirt.virt_type
        arch = self._check_emulation_arch(image_meta)
        nova_cpu = self._get_guest_cpu_model_config(flavor, arch)
        limits, explicit = request.topology_constraints(flavor, image_meta)
        guest = element.Guest(
            policy=policy,
            vcpus=flavor.vcpus,
            cells=request.cells_of(numa_topology),
            limits=limits,
            explicit_topology=explicit,
            nova_cpu_mode=nova_cpu.mode if nova_cpu else None,
            host=self._host_facts.topology(connection),
            capabilities=self._domain_capabilities(
                connection, policy, arch, virt_type),
            realtime_vcpus=request.realtime_vcpus(flavor, image_meta),
            nova_realtime_priority=CONF.libvirt.realtime_scheduler_priority,
            max_realtime_priority=CONF.numa_ext.max_realtime_priority,
            nova_topology=request.nova_topology(policy, flavor, image_meta),
            place=place,
            is_bound=is_bound,
        )
        tuned = domain_elements.tune(guest)
        cpu_check.check_features(
            connection, tuned.guest.policy, arch, virt_type, nova_cpu,
            tuned.elements)
        for sentence in tuned.left_out:
            LOG.info('%s', sentence, instance=instance)
        return tuned

    def _domain_capabilities(self, connection, policy, arch, virt_type):
        try:
            return self._host_facts.domain_capabilities(
                connection, arch, virt_type)
        except nova_driver.libvirt.libvirtError as error:
            if cpu_check.is_connection_lost(error):
                raise
            origin = next(iter(policy.origins.values()))
            raise guest_policy.HostCannot(
                origin,
                f'{virt_type} guests of {arch} cannot run: {error}'[:90],
                'Ask for what `virsh domcapabilities` shows here') from error

    def _refusal(self, instance, image_meta, flavor=None, here=True,
                 comes=True):
        """Return why an instance cannot be had, None where it can.

        :param flavor: another flavor than the instance's, for a resize to
            it; where it will stand is not known yet, and not judged
        :param here: False for a guest that goes to another host: then only
            what is wrong on every host is judged
        :param comes: False for a guest that is started where it was before
        """
        try:
            policy = self._policy(instance, flavor)
            if here:
                readiness.judge(
                    policy.nova, flavor or instance.flavor, instance, comes)
            if CONF.numa_ext.guest_policy and here and not flavor:
                emulator_check.judge(
                    instance, image_meta, self._host, self._host_facts)
            if here and (policy or affine.is_default()):
                topology = (
                    request.unplaced_topology(instance, flavor, image_meta)
                    if flavor else instance.numa_topology)
                if policy:
                    self._elements(
                        instance, image_meta, policy, topology, flavor)
                # Of one that comes it is judged where Nova can still try
                # another host.
                if flavor or not comes:
                    self._judge_affinity(instance, policy, topology, flavor)
        except guest_policy.Refused as refused:
            LOG.info('%s', refusals.of_host(CONF.host, str(refused)),
                     instance=instance)
            return str(refused)
        return None

    def _get_guest_config(self, instance, network_info, image_meta,
                          *args, **kwargs):
        guest = super()._get_guest_config(
            instance, network_info, image_meta, *args, **kwargs)
        try:
            policy = self._policy(instance)
            asked = affine.asked_of(policy, instance.numa_topology)
            if not policy and asked is None:
                return guest
            place = self._place(instance, asked)
            if not policy:
                # By the option alone: nothing else depends on it.
                return apply.TunedGuest.of(guest, (
                    *affine.elements_of(place, asked),
                    metadata.of_policy(policy, affine.options_of(asked))))
            tuned = self._tuned(
                instance, image_meta, policy, instance.numa_topology,
                place=place, is_bound=affine.is_bound(asked))
        except guest_policy.Refused as refused:
            if instance.task_state == task_states.RESCUING:
                # Nova has stopped the guest by now. A rescue that fails would
                # leave it in ERROR; it comes up with what Nova gives it.
                LOG.warning('%s', refused, instance=instance)
                return guest
            raise exception.Invalid(str(refused)) from refused
        guest = apply.TunedGuest.of(guest, (
            *tuned.elements, metadata.of_policy(
                tuned.guest.policy, affine.options_of(asked))))
        # Nova keeps the CPU of each instance, for the check that comes before
        # a live migration.
        instance.vcpu_model = self._cpu_config_to_vcpu_model(
            apply.cpu_of(guest), instance.vcpu_model)
        return guest

    def _check_discard_for_attach_volume(self, conf, instance):
        super()._check_discard_for_attach_volume(conf, instance)
        # Of an attachment this is where Nova tells of which disk it is to
        # which guest.
        if not apply.can_be_served(conf):
            return
        try:
            asked = self._policy(instance).iothreads
        except guest_policy.Refused as refused:
            LOG.warning('%s', refused, instance=instance)
            return
        if asked not in (None, 'off'):
            apply.serve(conf, self._host.get_guest(instance).get_xml_desc())

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        refusal = self._refusal(instance, image_meta)
        if refusal:
            # Not rescheduled: after the last host Nova would say no more than
            # that all of them failed.
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid, reason=refusal)
        super().spawn(
            context, instance, image_meta, injected_files, admin_password,
            allocations, network_info=network_info,
            block_device_info=block_device_info, power_on=power_on,
            accel_info=accel_info)
        verify.after_start(self._host, instance)

    def rebuild(self, context, instance, image_meta, *args, **kwargs):
        refusal = self._refusal(instance, image_meta)
        if refusal:
            # Nova puts the instance back into the state that it was in.
            raise exception.InstanceFaultRollback(
                inner_exception=exception.Invalid(refusal))
        super().rebuild(context, instance, image_meta, *args, **kwargs)

    # What follows image_meta differs between releases, and is passed on.
    rebuild.__signature__ = inspect.signature(
        nova_driver.LibvirtDriver.rebuild)

    def _hard_reboot(self, context, instance, *args, **kwargs):
        refusal = self._refusal(instance, instance.image_meta, comes=False)
        if refusal:
            raise exception.Invalid(refusal)
        super()._hard_reboot(context, instance, *args, **kwargs)
        verify.after_start(self._host, instance)

    def migrate_disk_and_power_off(self, context, instance, dest,
                                   flavor, network_info,
                                   block_device_info=None,
                                   timeout=0, retry_interval=0):
        refusal = self._refusal(
            instance, instance.image_meta, flavor,
            here=dest == self.get_host_ip_addr())
        if refusal:
            raise exception.InstanceFaultRollback(
                inner_exception=exception.ResizeError(reason=refusal))
        return super().migrate_disk_and_power_off(
            context, instance, dest, flavor, network_info,
            block_device_info=block_device_info, timeout=timeout,
            retry_interval=retry_interval)

    def finish_migration(self, context, migration, instance, *args,
                         **kwargs):
        super().finish_migration(
            context, migration, instance, *args, **kwargs)
        verify.after_start(self._host, instance)

    finish_migration.__signature__ = inspect.signature(
        nova_driver.LibvirtDriver.finish_migration)

    def finish_revert_migration(self, context, instance, *args, **kwargs):
        super().finish_revert_migration(context, instance, *args, **kwargs)
        verify.after_start(self._host, instance)

    finish_revert_migration.__signature__ = inspect.signature(
        nova_driver.LibvirtDriver.finish_revert_migration)
