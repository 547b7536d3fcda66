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

"""Nova's Host of libvirt: the domains on it are followed."""

import contextlib
import threading

import nova.conf
from nova.virt.libvirt import guest as nova_guest
from nova.virt.libvirt import host as nova_host
from oslo_log import log as logging

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import connection as watched
from nova_numa_ext.virt import cpu_check
from nova_numa_ext.virt import domains
from nova_numa_ext.virt import followed

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

RELIED_ON = {
    nova_host.Host: {
        '_get_domain': '(self, instance)',
        '_wrap_libvirt_proxy': '(self, obj)',
        'get_connection': '(self)',
        'get_guest': '(self, instance)',
        'list_guests': '(self, only_running=True)',
        'list_instance_domains': '(self, only_running=True)',
        'write_instance_config': '(self, xml)',
    },
    nova_guest.Guest: {
        '__init__': '(self, domain)',
        'get_config': '(self)',
        'get_vcpus_info': '(self)',
    },
}

# VIR_DOMAIN_EVENT_ID_*: a disk's medium changed, a block job ended, a device
# was added. That one was removed Nova wants to know itself, and libvirt takes
# each event of a connection once.
_CHANGE_EVENTS = (9, 16, 19)
#: VIR_DOMAIN_STATS_STATE: what libvirtd knows itself. All else it asks each
#: QEMU, and waits for one that hangs.
STATS_STATE = 1
#: In the statistics of a domain.
STATE = 'state.state'


def path(name, relied_on=None):
    """Return a fast path of this."""
    return fast_path.FastPath(
        name, 'reduce_libvirt_calls', CONF.numa_ext.reduce_libvirt_calls,
        relied_on, CONF.numa_ext.shadow)


def _raw(domain):
    domain = domain._domain
    if isinstance(domain, watched.Watched):
        # The one that libvirt has of Nova's own connection.
        domain = domain._inner
    return watched.raw(domain)


def _is_of_second(domain):
    domain = domain._domain
    return type(domain) is watched.WatchedDomain and not domain.is_novas()


def _id(domain):
    return domain.UUIDString(), domain.ID()


class DomainsHost(nova_host.Host):
    """A part of the Host: what it knows of the domains."""

    def _init_domains(self):
        self.domains = domains.Domains()
        self._reads = threading.local()
        self._object_path = path('domain_objects', RELIED_ON)
        self._list_path = path('domain_list', RELIED_ON)
        self._xml_path = path('domain_xml', RELIED_ON)
        self.on_connected(self._follow)
        self.on_lifecycle(self.domains.note)
        self.on_device_removed(
            lambda uuid: self.domains.note(uuid, domains.CHANGED))

    def _follow(self, connection):
        # On libvirt's own thread: on_lifecycle says what must not be done.
        def changed(_connection, domain, *_details):
            self.domains.note(domain.UUIDString(), domains.CHANGED)

        is_followed = True
        try:
            for event in _CHANGE_EVENTS:
                connection.domainEventRegisterAny(None, event, changed, None)
        except Exception as error:
            is_followed = False
            LOG.warning(
                'Each guest is asked about each time: %(uri)s sends no '
                'events of devices (%(error)s).',
                {'uri': self._uri, 'error': error})
        self.domains.connected(is_followed)

    def _followed(self, domain):
        if not self.domains.is_followed:
            return domain
        domain = followed.Followed(domain, self.domains)
        self.domains.keep_object(domain.UUIDString(), domain)
        return domain

    def _get_domain(self, instance):
        stock = super()._get_domain

        def remembered():
            domain = self.domains.object(instance.uuid, domains.OBJECT_AGE)
            if domain is None:
                raise fast_path.Unknown
            return domain

        domain = self._object_path.answer(
            remembered, lambda: self._followed(stock(instance)),
            lambda one, other: _id(one) == _id(other))
        if (getattr(self._reads, 'definition_of', None) == instance.uuid
                and type(domain) is followed.Followed):
            return followed.Read(
                domain, self._xml_path,
                lambda: self.domains.definition(instance.uuid))
        return domain

    def look_up(self, instance):
        """Return a domain, asked for as Nova does."""
        return self._followed(super()._get_domain(instance))

    def write_instance_config(self, xml):
        uuid = followed.uuid_in(xml)
        if not self.domains.is_followed or uuid is None:
            return super().write_instance_config(xml)
        with self.domains.defining(uuid):
            guest = super().write_instance_config(xml)
        guest._domain = self._followed(guest._domain)
        return guest

    def all_domains(self):
        """Return all domains with their states, from one call."""
        stamp = self.domains.stamp()
        found = []
        with _while_connected():
            records = self.get_connection().getAllDomainStats(STATS_STATE, 0)
        for domain, stats in records:
            domain = self._followed(self._wrap_libvirt_proxy(domain))
            found.append(domain)
            self.domains.keep_state(
                domain.UUIDString(), stamp, stats[STATE], domain.ID())
        self.domains.keep_only({domain.UUIDString() for domain in found})
        return found

    def state_of(self, domain):
        """Return the state and the ID of a domain, asked now.

        :returns: None where the domain is no more
        """
        stamp = self.domains.stamp()
        if _is_of_second(domain):
            with _while_connected():
                try:
                    state = domain.state()[0]
                except nova_host.libvirt.libvirtError as error:
                    if (error.get_error_code() ==
                            nova_host.libvirt.VIR_ERR_NO_DOMAIN):
                        return None
                    raise
            self.domains.keep_state(
                domain.UUIDString(), stamp, state, domain.ID())
            return state, domain.ID()
        with _while_connected():
            found = self.get_connection().domainListGetStats(
                [_raw(domain)], STATS_STATE, 0)
        for domain, stats in found:
            domain = self._followed(self._wrap_libvirt_proxy(domain))
            self.domains.keep_state(
                domain.UUIDString(), stamp, stats[STATE], domain.ID())
            return stats[STATE], domain.ID()
        return None

    @contextlib.contextmanager
    def audit(self):
        """List the domains once, and read what is not known of their XML."""
        self.domains.drop_oldest_xml()
        self._reads.listed = []
        self._reads.is_audit = True
        try:
            yield
        finally:
            self._reads.is_audit = False
            self._reads.listed = []

    @contextlib.contextmanager
    def definition_of(self, uuid):
        """Have a domain's XML be as it was read when it was defined."""
        self._reads.definition_of = uuid
        try:
            yield
        finally:
            self._reads.definition_of = None

    def list_instance_domains(self, only_running=True):
        stock = super().list_instance_domains

        def ask():
            return [self._followed(domain) for domain in stock(
                only_running=only_running)]

        def listed():
            if not self.domains.is_followed:
                raise fast_path.Unknown
            # What is compared is asked anew: a guest may have come or gone.
            if not self._reads.listed or self._list_path.shadow:
                self._reads.listed = [self.all_domains()]
            return [domain for domain in self._reads.listed[0]
                    if domain.ID() != -1 or not only_running]

        if not getattr(self._reads, 'is_audit', False):
            return ask()
        return [self._read_in_audit(domain) for domain in
                self._list_path.answer(listed, ask, _same_domains)]

    def _read_in_audit(self, domain):
        if type(domain) is not followed.Followed:
            return domain
        uuid, domain_id = _id(domain)
        return followed.Read(
            domain, self._xml_path,
            lambda: self.domains.xml(uuid, domain_id))


@contextlib.contextmanager
def _while_connected():
    """Leave it to Nova, and nobody's error, where the connection breaks."""
    try:
        yield
    except nova_host.libvirt.libvirtError as error:
        if cpu_check.is_connection_lost(error):
            raise fast_path.Unknown from error
        raise


def _same_domains(some, others):
    return {_id(one) for one in some} == {_id(other) for other in others}
