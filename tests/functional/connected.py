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

"""Hosts that connect to their libvirt as in production, with calls counted."""

import collections
import functools
import inspect
import threading
from unittest import mock

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import host as nova_host

from tests.functional import base
from tests.functional import hypervisor

# Nova's functional fixture replaces it on the class.
_GET_CONNECTION = nova_host.Host.get_connection

#: What libvirt answers without asking libvirtd.
LOCAL = ('ID', 'UUIDString', 'name', 'isAlive', 'registerCloseCallback',
         'emit')


class Calls(fixtures.Fixture):
    """Count what reaches Nova's fake libvirtd, by the name of its host."""

    def _setUp(self):
        self._inside = threading.local()
        self._by_host = collections.defaultdict(collections.Counter)
        for owner in (hypervisor.Connection, fakelibvirt.Domain,
                      fakelibvirt.NodeDevice, fakelibvirt.Secret):
            for name, method in inspect.getmembers(
                    owner, inspect.isfunction):
                if name[0] != '_' and name not in LOCAL:
                    self.useFixture(fixtures.MonkeyPatch(
                        f'{owner.__module__}.{owner.__name__}.{name}',
                        self._counted(name, method)))

    def _counted(self, name, method):
        @functools.wraps(method)
        def call(called, *args, **kwargs):
            # The fake's methods call one another.
            if getattr(self._inside, 'fake', False):
                return method(called, *args, **kwargs)
            connection = getattr(called, '_connection', called)
            self._by_host[connection.hostname][name] += 1
            self._inside.fake = True
            try:
                return method(called, *args, **kwargs)
            finally:
                self._inside.fake = False

        return call

    def take(self, host):
        """Return the calls to a host since the last time, by name."""
        return dict(self._by_host.pop(host, {}))


class TestCase(base.TestCase):
    """A cloud whose hosts have their connection from Host._connect.

    Life-cycle events come when a test delivers them; of a definition, at
    once.
    """

    def setUp(self):
        super().setUp()
        self.calls = self.useFixture(Calls())
        self._events = collections.deque()
        self._delayed = collections.deque()
        starting = self.mock_conn

        def connect(host, uri, read_only):
            return vars(host).setdefault(
                'fake_connection', starting.return_value)

        def emit(connection, domain, event, detail):
            self._events.append((connection, domain, event, detail))
            if event == fakelibvirt.VIR_DOMAIN_EVENT_DEFINED:
                self._deliver_one()

        def running_id(domain):
            down = domain._state == fakelibvirt.VIR_DOMAIN_SHUTOFF
            return -1 if down else domain._id

        xml_desc = fakelibvirt.Domain.XMLDesc

        def xml_with_id(domain, flags=0):
            tree = etree.fromstring(xml_desc(domain, flags))
            if domain.ID() != -1:
                tree.set('id', str(domain.ID()))
            return etree.tostring(tree, encoding='unicode')

        for name, replacement in (
                ('nova.virt.libvirt.host.Host.get_connection',
                 _GET_CONNECTION),
                ('nova.virt.libvirt.host.Host._connect', connect),
                ('tests.functional.hypervisor.Connection._emit_lifecycle',
                 emit),
                ('nova.tests.fixtures.libvirt.Domain.ID', running_id),
                ('nova.tests.fixtures.libvirt.Domain.XMLDesc', xml_with_id),
                ('nova.tests.fixtures.libvirt.Domain.connect',
                 lambda domain: domain._connection),
                ('nova_numa_ext.virt.connection.is_real',
                 lambda connection: True)):
            self.useFixture(fixtures.MonkeyPatch(name, replacement))

    def start_host(self, name='compute1', *args, **kwargs):
        compute = super().start_host(name, *args, **kwargs)
        # Nova's fixture has replaced it on the object, too.
        host = compute.driver._host
        del host.get_connection
        # Nova is done with an event when it is delivered.
        host._events = None
        host._event_handler = mock.Mock(
            _queue_event=host._event_emit_delayed)
        host._delayed_executor = mock.Mock(
            submit_with_delay=lambda *work: self._delay(work))
        return compute

    def _delay(self, work):
        self._delayed.append(work)
        return mock.Mock()

    def _deliver_one(self):
        connection, *args = self._events.popleft()
        hypervisor.Connection.emit(
            connection, fakelibvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, *args)

    def deliver(self):
        """Deliver all events, those that Nova delays after the others."""
        while self._events:
            self._deliver_one()
        while self._delayed:
            work, *args = self._delayed.popleft()
            work(*args)
