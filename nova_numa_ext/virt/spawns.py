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

"""New guests, and what the driver has of them."""

import contextlib
import threading

from nova.compute import vm_states
import nova.conf
from nova.objects import base as objects_base
from nova.virt import event as virtevent
from oslo_log import log as logging

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.compute import at_hand

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

#: What the handler of a guest's start relies on, of the compute manager.
RELIED_ON = {
    'handle_lifecycle_event': '(self, event)',
    '_sync_instance_power_state':
        '(self, context, db_instance, vm_power_state, use_slave=False)',
}
_STARTS = (virtevent.EVENT_LIFECYCLE_STARTED,
           virtevent.EVENT_LIFECYCLE_RESUMED)


class Spawns:
    """A part of the driver: who asks the conductor is told what it spawns.

    libvirt says of a new guest that it was started and resumed. Nova then
    asks for the instance, twice each time, and leaves it alone because a task
    is pending: SPAWNING, which the manager saves before the driver's work and
    ends after it (ComputeManager._sync_instance_power_state and
    _build_and_run_instance). While that work goes on nobody has to ask.
    """

    _boots = threading.local()
    _starts_path = None

    def init_host(self, host):
        at_hand.install()
        manager = getattr(self.virtapi, '_compute', None)
        if manager is not None:
            self._starts_path = fast_path.FastPath(
                'own_starts', 'coalesce_updates',
                CONF.numa_ext.coalesce_updates,
                {manager.__class__: RELIED_ON}, CONF.numa_ext.shadow)
            self._new = set()
        super().init_host(host)

    def emit_event(self, event):
        if self._starts_path is None:
            super().emit_event(event)
            return
        self._starts_path.answer(
            lambda: self._leave_alone(event),
            lambda: super(Spawns, self).emit_event(event))

    def _leave_alone(self, event):
        if not (isinstance(event, virtevent.LifecycleEvent)
                and event.uuid in self._new
                and event.transition in _STARTS):
            raise fast_path.Unknown
        figures.hit('at_hand', 0.0)
        LOG.debug('VM %(state)s, as it is being created (Lifecycle Event)',
                  {'state': event.get_name()}, instance_uuid=event.uuid)

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        with self._told(instance, network_info, block_device_info), \
                self._creating(instance):
            super().spawn(
                context, instance, image_meta, injected_files,
                admin_password, allocations, network_info=network_info,
                block_device_info=block_device_info, power_on=power_on,
                accel_info=accel_info)

    @contextlib.contextmanager
    def _creating(self, instance):
        if (self._starts_path is None
                or instance.vm_state != vm_states.BUILDING):
            yield
            return
        self._new.add(instance.uuid)
        try:
            yield
        finally:
            self._new.discard(instance.uuid)

    @contextlib.contextmanager
    def _told(self, instance, network_info, block_device_info):
        api = objects_base.NovaObject.indirection_api
        # One that is rebuilt, say, has what a new guest has not.
        if (not isinstance(api, at_hand.AtHand)
                or instance.vm_state != vm_states.BUILDING):
            yield
            return
        manager = getattr(self.virtapi, '_compute', None)
        if manager is None:
            yield
            return
        tracker = manager.rt.pci_tracker
        boot = at_hand.Boot(
            instance, network_info, block_device_info,
            tracker.pci_devs if tracker else [])
        self._boots.now = boot
        try:
            with api.spawning(boot):
                yield
        finally:
            self._boots.now = None

    def _register_undefined_instance_details(self, context, instance):
        boot = getattr(self._boots, 'now', None)
        if boot is None or boot.instance is not instance:
            super()._register_undefined_instance_details(context, instance)
            return
        boot.is_registering = True
        try:
            super()._register_undefined_instance_details(context, instance)
        finally:
            boot.is_registering = False
