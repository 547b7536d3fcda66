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

"""Nova's driver: after each operation guests stand where they are to.

What ends where, of what Nova does with guests:

=========================== =======================================
operation                   ends in
=========================== =======================================
create                      spawn
delete                      destroy
stop                        power_off
start                       power_on
reboot                      reboot
rebuild                     spawn
resize                      migrate_disk_and_power_off,
                            finish_migration
rescue                      rescue
unrescue                    unrescue
soft delete                 power_off
restore                     power_on
shelve                      power_off, destroy, spawn
migration in                finish_migration
migration out               migrate_disk_and_power_off
revert                      destroy, finish_revert_migration
live migration              live_migration,
                            post_live_migration_at_source,
                            post_live_migration_at_destination
rollback of it              live_migration,
                            rollback_live_migration_at_source,
                            rollback_live_migration_at_destination
suspend, resume             suspend, resume
evacuation                  spawn, destroy
start of the host           resume_state_on_host_boot
what guests do themselves,  emit_event
and others with virsh
events that were lost       get_available_resource
=========================== =======================================

One that Nova does within another ends with that.
"""

import contextlib
import inspect

from lxml import etree
from nova import objects
from nova.compute import task_states
from nova.virt import event as virtevent
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import guest as nova_guest
from oslo_log import log as logging

from nova_numa_ext.domain import standing
from nova_numa_ext.virt import affine

LOG = logging.getLogger(__name__)

_EVENTS = {
    virtevent.EVENT_LIFECYCLE_STARTED: True,
    virtevent.EVENT_LIFECYCLE_STOPPED: False}


def _then(name, after):
    """Return a method like Nova's, after which guests are settled.

    :param after: what a guest's ledger is told, as its operation() has it
    """
    # What follows the instance differs between releases.
    signature = inspect.signature(getattr(nova_driver.LibvirtDriver, name))
    names = list(signature.parameters)[1:]

    def method(self, *args, **kwargs):
        given = {**dict(zip(names, args)), **kwargs}
        done = after if given.get('power_on', True) else 'stopped'
        with self._operation(given.get('instance'), done):
            return getattr(super(AffineGuests, self), name)(*args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f'AffineGuests.{name}'
    method.__signature__ = signature
    return method


def _is_rebuilt(instance):
    return (isinstance(instance, objects.Instance)
            and 'task_state' in instance
            and instance.task_state == task_states.REBUILDING)


class Traveller(nova_guest.Guest):
    """A guest whose XML goes to another host, where it stands elsewhere."""

    def get_xml_desc(self, *args, **kwargs):
        return without_place(super().get_xml_desc(*args, **kwargs))


def without_place(xml):
    """Return a domain's XML without the CPUs and nodes that it was given."""
    if standing.of_domain(xml) is None:
        return xml
    domain = etree.fromstring(xml)
    for path in ('cputune/vcpupin', 'cputune/emulatorpin',
                 'cputune/iothreadpin', 'numatune'):
        for node in domain.findall(path):
            node.getparent().remove(node)
    return etree.tostring(domain, encoding='unicode')


class AffineGuests:
    """A part of the driver: guests that are to stand on few host nodes."""

    _affinity = None

    def _init_affinity(self):
        super()._init_affinity()
        on_connected = getattr(self._host, 'on_connected', None)
        if on_connected is not None:
            # Events may have been missed.
            on_connected(lambda _connection: self._affinity.doubt())

    spawn = _then('spawn', 'started')
    destroy = _then('destroy', 'gone')
    power_off = _then('power_off', 'stopped')
    power_on = _then('power_on', 'started')
    reboot = _then('reboot', 'restarted')
    rescue = _then('rescue', 'started')
    unrescue = _then('unrescue', 'unsure')
    resume_state_on_host_boot = _then('resume_state_on_host_boot', 'started')
    suspend = _then('suspend', 'stopped')
    resume = _then('resume', 'unsure')
    migrate_disk_and_power_off = _then('migrate_disk_and_power_off', 'gone')
    finish_migration = _then('finish_migration', 'started')
    finish_revert_migration = _then('finish_revert_migration', 'started')
    live_migration = _then('live_migration', 'unsure')
    post_live_migration_at_source = _then(
        'post_live_migration_at_source', 'gone')
    post_live_migration_at_destination = _then(
        'post_live_migration_at_destination', 'came')
    rollback_live_migration_at_source = _then(
        'rollback_live_migration_at_source', 'unsure')
    rollback_live_migration_at_destination = _then(
        'rollback_live_migration_at_destination', 'gone')

    @contextlib.contextmanager
    def _operation(self, instance, after):
        uuid = getattr(instance, 'uuid', None)
        if self._affinity is None or uuid is None:
            yield
            return
        if after == 'came' and not self._asks_affinity(instance):
            after = 'gone'
        if after in ('gone', 'stopped') and _is_rebuilt(instance):
            # It comes back at once.
            after = 'kept'
        with self._affinity.operation(uuid, after):
            yield

    def _asks_affinity(self, instance):
        try:
            # What is not loaded the conductor would have to be asked for.
            topology = (instance.numa_topology
                        if 'numa_topology' in instance else None)
            return affine.asked_of(
                self._policy(instance), topology) is not None
        except Exception as error:
            LOG.debug('No affinity is known of the guest: %s', error,
                      instance=instance)
            return False

    def emit_event(self, event):
        super().emit_event(event)
        if (self._affinity is not None
                and isinstance(event, virtevent.LifecycleEvent)
                and event.transition in _EVENTS):
            self._affinity.happened(event.uuid, _EVENTS[event.transition])

    def get_available_resource(self, nodename):
        found = super().get_available_resource(nodename)
        ledger = self._affinity
        if ledger is not None and (
                ledger.has_any() or (ledger.is_new and self._follows())):
            # Within what lists the domains once, and has read them all.
            ledger.settle(look=True)
            ledger.report()
        return found

    def _register_undefined_instance_details(self, context, instance):
        # For each guest of this host when nova-compute starts.
        if self._affinity is not None and self._asks_affinity(instance):
            self._affinity.may_stand(instance.uuid)
        super()._register_undefined_instance_details(context, instance)

    def _live_migration_operation(self, context, instance, dest, *args,
                                  **kwargs):
        args, kwargs = list(args), dict(kwargs)
        for given, keys in ((args, range(len(args))), (kwargs, list(kwargs))):
            for key in keys:
                if type(given[key]) is nova_guest.Guest:
                    given[key] = Traveller(given[key]._domain)
        return super()._live_migration_operation(
            context, instance, dest, *args, **kwargs)
