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

"""What a boot asks the conductor for, and nova-compute has at hand.

Nova's objects ask by way of one thing, ``NovaObject.indirection_api``, which
is the conductor's client in nova-compute. This one stands before it. While the
driver spawns a new guest, and in that thread only, it answers:

* the guest's block devices, which the driver was given;
* its PCI devices where the tracker has none for it, which has all of this
  host in memory;
* its shares: a guest gets those once it is there and stopped;
* its virtual interfaces where it has no networks.

And what Nova saves of the guest at the end of the driver's work goes with what
the manager saves right after that (``instance.save`` in
ComputeManager._build_and_run_instance). A guest whose boot nova-compute does
not survive gets it at the next start, as guests of older releases do
(LibvirtDriver._register_all_undefined_instance_details).
"""

import contextlib
import threading

from nova import objects
from nova.conductor import rpcapi
import nova.conf
from nova.objects import base as objects_base

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path

CONF = nova.conf.CONF

RELIED_ON = {
    rpcapi.ConductorAPI: {
        'object_action':
            '(self, context, objinst, objmethod, args, kwargs)',
        'object_class_action_versions':
            '(self, context, objname, objmethod, object_versions, args, '
            'kwargs)',
    },
}


class AtHand:
    """The conductor's client, asked for what is not at hand.

    :param api: Nova's own
    """

    def __init__(self, api):
        self._api = api
        self._thread = threading.local()
        self._path = fast_path.FastPath(
            'at_hand', 'coalesce_updates', CONF.numa_ext.coalesce_updates,
            RELIED_ON, CONF.numa_ext.shadow)

    def __getattr__(self, name):
        return getattr(self._api, name)

    @contextlib.contextmanager
    def spawning(self, boot):
        """Answer from what a Boot has, in this thread."""
        self._thread.boot = boot
        try:
            yield
        finally:
            self._thread.boot = None

    def _boot(self):
        return getattr(self._thread, 'boot', None)

    def object_class_action_versions(self, context, objname, objmethod,
                                     object_versions, args, kwargs):
        def ask():
            return self._api.object_class_action_versions(
                context, objname, objmethod, object_versions, args, kwargs)

        boot = self._boot()
        answer = boot and boot.ANSWERS.get((objname, objmethod))
        if not answer or args != (boot.uuid,) or kwargs:
            return ask()
        return self._path.answer(
            lambda: answer(boot, context), ask, same=_same_list)

    def object_action(self, context, objinst, objmethod, args, kwargs):
        boot = self._boot()
        if (boot is not None and boot.is_registering and objmethod == 'save'
                and objinst is boot.instance and not args and not kwargs
                and self._path.is_usable() and not self._path.shadow):
            figures.HITS.labels('at_hand').inc()
            return {'obj_what_changed': objinst.obj_what_changed()}, None
        return self._api.object_action(
            context, objinst, objmethod, args, kwargs)


class Boot:
    """A new guest, and what the driver was given for it.

    :ivar is_registering: whether the driver is at its last step, after which
        the manager saves the instance
    :param pci_devices: those of this host, nova.objects.PciDevice
    """

    def __init__(self, instance, network_info, block_device_info,
                 pci_devices):
        self.instance = instance
        self.uuid = instance.uuid
        self.is_registering = False
        self._network_info = network_info
        self._block_device_info = block_device_info
        self._pci_devices = pci_devices

    def _block_devices(self, context):
        info = self._block_device_info
        # Releases that do not give the image leave out the root disk.
        if info is None or 'image' not in info:
            raise fast_path.Unknown
        devices = [
            *info['image'], *info['ephemerals'],
            *([info['swap']] if info['swap'] else []),
            *info['block_device_mapping']]
        figures.hit('at_hand', 0.0)
        return objects.BlockDeviceMappingList(
            context, objects=[device._bdm_obj for device in devices])

    def _own_pci_devices(self, context):
        if any(device.instance_uuid == self.uuid
               for device in self._pci_devices):
            raise fast_path.Unknown
        figures.hit('at_hand', 0.0)
        return objects.PciDeviceList(context, objects=[])

    def _shares(self, context):
        figures.hit('at_hand', 0.0)
        return objects.ShareMappingList(context, objects=[])

    def _interfaces(self, context):
        if self._network_info:
            raise fast_path.Unknown
        figures.hit('at_hand', 0.0)
        return objects.VirtualInterfaceList(context, objects=[])

    ANSWERS = {
        ('BlockDeviceMappingList', 'get_by_instance_uuid'): _block_devices,
        ('PciDeviceList', 'get_by_instance_uuid'): _own_pci_devices,
        ('ShareMappingList', 'get_by_instance_uuid'): _shares,
        ('VirtualInterfaceList', 'get_by_instance_uuid'): _interfaces,
    }


def _same_list(one, other):
    return sorted(item.id for item in one) == sorted(
        item.id for item in other)


def install():
    """Stand before the conductor's client, where Nova has one."""
    api = objects_base.NovaObject.indirection_api
    if CONF.numa_ext.coalesce_updates and type(api) is rpcapi.ConductorAPI:
        objects_base.NovaObject.indirection_api = AtHand(api)
