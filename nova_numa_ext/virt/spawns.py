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
from nova.objects import base as objects_base

from nova_numa_ext.compute import at_hand


class Spawns:
    """A part of the driver: who asks the conductor is told what it spawns."""

    _boots = threading.local()

    def init_host(self, host):
        at_hand.install()
        super().init_host(host)

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        with self._told(instance, network_info, block_device_info):
            super().spawn(
                context, instance, image_meta, injected_files,
                admin_password, allocations, network_info=network_info,
                block_device_info=block_device_info, power_on=power_on,
                accel_info=accel_info)

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
