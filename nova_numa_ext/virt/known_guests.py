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

"""Nova's driver: what guests are is asked for when it is not known."""

import threading
import time

from nova import exception
from nova.virt import driver as virt_driver
from nova.virt import event as virtevent
from nova.virt import hardware
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import guest as nova_guest

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import domain_host
from nova_numa_ext.virt import domains

RELIED_ON = {
    nova_driver.LibvirtDriver: {
        'emit_event': '(self, event)',
        'get_available_resource': '(self, nodename)',
        'get_info': '(self, instance, use_cache=True)',
        'init_host': '(self, host)',
        'list_instances': '(self)',
        '_register_undefined_instance_details': '(self, context, instance)',
    },
    virt_driver.ComputeDriver: {'get_num_instances': '(self)'},
    hardware.InstanceInfo: {'__init__': '(self, state, internal_id=None)'},
    **domain_host.RELIED_ON,
}

#: Seconds for which states are fresh that one call gave, while nova-compute
#: starts: the manager goes through all guests then, and takes no requests.
START_AGE = 5.0


class KnownGuests:
    """A part of the driver: what it knows of the guests.

    The manager says by ``use_cache`` whether a state may be one that was
    remembered. Nova's driver, which asks each time, waits without saying so
    for what it does to come about: hence such a state is given only where it
    is what Nova did itself, or what Nova's database has of the instance.
    """

    _states_path = None
    # While nova-compute starts: when all states were asked for last.
    _start = None

    def _init_known_guests(self):
        self._handled = threading.local()
        if isinstance(self._host, domain_host.DomainsHost):
            self._states_path = domain_host.path('power_states', RELIED_ON)

    def _follows(self):
        return (self._states_path is not None
                and self._host.domains.is_followed)

    def init_host(self, host):
        super().init_host(host)
        self._start = float('-inf')

    def get_num_instances(self):
        stock = super().get_num_instances
        if not self._follows():
            return stock()
        return self._states_path.answer(
            lambda: len(self._host.all_domains()), stock)

    def get_info(self, instance, use_cache=True):
        stock = super().get_info
        if not self._follows():
            return stock(instance, use_cache=use_cache)
        return self._states_path.answer(
            lambda: self._known_info(instance, use_cache),
            lambda: stock(instance, use_cache=use_cache),
            lambda one, other: one.state == other.state,
            passes=(exception.InstanceNotFound, exception.InternalError))

    def _known_info(self, instance, use_cache):
        word = self._word_of_event(instance.uuid)
        if word == domains.GONE:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        if word is not None:
            return _info(word)
        if use_cache:
            known = self._host.domains.state(instance.uuid)
            if known is not None:
                info = _info(known.state, known.id)
                if known.own or info.state == instance.power_state:
                    return info
        known = self._known_at_start(instance.uuid)
        if known is not None:
            return _info(known.state, known.id)
        return self._asked_info(instance)

    def _known_at_start(self, uuid):
        """Return what one call says of all guests, or said just now.

        An event drops it, and what Nova did itself is asked anew.
        """
        if self._start is None:
            return None
        if time.monotonic() - self._start > START_AGE:
            self._start = time.monotonic()
            self._host.all_domains()
        known = self._host.domains.state(uuid)
        if known is None or known.own or known.at < self._start:
            return None
        return known

    def _asked_info(self, instance):
        domain = self._host.domains.object(instance.uuid)
        found = domain is not None and self._host.state_of(domain)
        if not found:
            found = self._host.state_of(self._host.look_up(instance))
        if not found:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return _info(*found)

    def _word_of_event(self, uuid):
        # The manager asks what the guest is now, for the event may be an old
        # one; the newest event is libvirt's newest word. If it asks again it
        # is about to act.
        if getattr(self._handled, 'event_of', None) != uuid:
            return None
        self._handled.event_of = None
        return self._host.domains.word(uuid)

    def emit_event(self, event):
        if not (isinstance(event, virtevent.LifecycleEvent)
                and self._follows()):
            return super().emit_event(event)
        self._handled.event_of = event.uuid
        try:
            return super().emit_event(event)
        finally:
            self._handled.event_of = None

    def get_available_resource(self, nodename):
        # The first audit is the end of the start.
        self._start = None
        if not self._follows():
            return super().get_available_resource(nodename)
        with self._host.audit():
            return super().get_available_resource(nodename)

    def _register_undefined_instance_details(self, context, instance):
        stock = super()._register_undefined_instance_details
        if not self._follows():
            return stock(context, instance)
        # For input devices, which a start does not change.
        with self._host.definition_of(instance.uuid):
            return stock(context, instance)


def _info(state, domain_id=-1):
    power_state = nova_guest.LIBVIRT_POWER_STATE.get(state)
    if power_state is None:
        raise fast_path.Unknown
    return hardware.InstanceInfo(state=power_state, internal_id=domain_id)
