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

"""Nova's driver: guests that are to stand on few host nodes."""

import collections

from nova import exception
from nova.compute import task_states
import nova.conf
from oslo_log import log as logging
from oslo_utils import excutils

from nova_numa_ext.conf import opts
from nova_numa_ext.domain import affinity as domain_affinity
from nova_numa_ext.policy import errors
from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affinity_host
from nova_numa_ext.virt import affinity_ledger

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

opts.register_opts(CONF)

STRICT = 'strict'
NAME = 'numa_affinity'
OPTION = '[numa_ext] numa_affinity'
REMEDY = 'Try again when guests have gone, or ask for soft'

#: What a guest has of it.
#:
#: ``word``: ``soft`` or ``strict``; ``origin``: an errors.Origin
Asked = collections.namedtuple('Asked', 'word origin')


def is_default():
    """Return whether guests have it that say nothing."""
    return (CONF.numa_ext.guest_policy
            and CONF.numa_ext.numa_affinity != 'none')


def asked_of(policy, numa_topology):
    """Return what a guest asks for, None for none.

    :param policy: a nova_numa_ext.policy.GuestPolicy
    :param numa_topology: an InstanceNUMATopology, which says by itself where
        the guest stands, or None
    """
    if not CONF.numa_ext.guest_policy or numa_topology is not None:
        return None
    word, origin = policy.numa_affinity, policy.origins.get(NAME)
    if word is None:
        word = CONF.numa_ext.numa_affinity
        origin = errors.Origin('option', OPTION, word)
    return None if word == 'none' else Asked(word, origin)


def is_bound(asked):
    """Return whether the memory of a guest is bound to its nodes.

    :param asked: an Asked or None
    """
    return asked is not None and asked.word == STRICT


def elements_of(place, asked):
    """Return what a guest's domain has that asks for nothing else.

    :param place: where it stands, or None
    """
    return (() if place is None
            else (domain_affinity.Affinity(place, is_bound(asked)),))


def options_of(asked):
    """Return what a domain is to keep of options, as metadata has it."""
    return {} if asked is None else {NAME: asked.word}


def guest_of(instance, asked, flavor=None):
    """Return a guest as the planner has it.

    :param flavor: another one than the instance's, for a resize to it
    """
    flavor = flavor or instance.flavor
    # What is not loaded the conductor would have to be asked for. It is by
    # the time that the domain is made.
    devices = (instance.pci_devices or ()
               if 'pci_devices' in instance else ())
    return affinity.Guest(
        instance.uuid, flavor.vcpus, flavor.memory_mb, is_bound(asked),
        near=frozenset(
            device.numa_node for device in devices
            if device.numa_node is not None))


class Affine:
    """A part of the driver: who has NUMA affinity gets a place.

    A guest that comes has one before anything of it is made, and another
    host is tried where it must have one and there is none. Where there is no
    way back, it starts without.
    """

    _affinity = None

    def _init_affinity(self):
        self._affinity = affinity_ledger.Ledger(
            self._host, affinity_host.AffinityHost(self))

    def _judge_affinity(self, instance, policy, numa_topology, flavor=None):
        """Refuse a guest that has to have a place, and has none here.

        :param numa_topology: the one that it is to have
        :param flavor: as in guest_of
        :raises nova_numa_ext.policy.HostCannot:
        """
        asked = asked_of(policy, numa_topology)
        if not is_bound(asked):
            return
        why_not = self._affinity.why_not(guest_of(instance, asked, flavor))
        if why_not is not None:
            raise errors.HostCannot(asked.origin, why_not, REMEDY)

    def _place(self, instance, asked):
        """Return the place of a guest that is started, None for none."""
        if asked is None:
            return None
        place = self._affinity.place(guest_of(instance, asked))
        if isinstance(place, affinity.Place):
            LOG.info(
                'numa_affinity=%(word)s: host nodes %(nodes)s, %(reason)s',
                {'word': asked.word, 'reason': place.reason,
                 'nodes': ', '.join(map(str, sorted(place.nodes)))},
                instance=instance)
            return place
        LOG.log(
            logging.WARNING if is_bound(asked) else logging.INFO,
            'numa_affinity=%(word)s: the guest has all shared CPUs, for '
            '%(reason)s', {'word': asked.word, 'reason': place},
            instance=instance)
        return None

    def _reserve(self, instance):
        """Give a guest a place that comes to this host.

        :returns: whether it asks for one
        :raises nova.exception.ComputeResourcesUnavailable: where it has to
            have one; Nova tries another host
        """
        asked = asked_of(self._policy(instance), instance.numa_topology)
        if asked is None:
            return False
        place = self._affinity.place(guest_of(instance, asked))
        # One that is rebuilt has nowhere else to go.
        if (isinstance(place, str) and is_bound(asked)
                and instance.task_state != task_states.REBUILD_SPAWNING):
            self._affinity.gone(instance.uuid)
            reason = f'{CONF.host}: {place}'
            LOG.info('%s', reason, instance=instance)
            raise exception.ComputeResourcesUnavailable(reason=reason)
        return True

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        asks = self._reserve(instance)
        try:
            super().spawn(
                context, instance, image_meta, injected_files,
                admin_password, allocations, network_info=network_info,
                block_device_info=block_device_info, power_on=power_on,
                accel_info=accel_info)
        except BaseException:
            with excutils.save_and_reraise_exception():
                if asks:
                    self._affinity.gone(instance.uuid)
