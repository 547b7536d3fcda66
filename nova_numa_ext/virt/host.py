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

"""Nova's connection to libvirt, asked for less."""

import functools
import threading

import nova.conf
from nova.virt import event as virtevent
from nova.virt.libvirt import host as nova_host
from oslo_utils import importutils

from nova_numa_ext.compat import concurrency
from nova_numa_ext.compat import fast_path
from nova_numa_ext.compat import upstream
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import calls
from nova_numa_ext.virt import connection as watched
from nova_numa_ext.virt import domain_host
from nova_numa_ext.virt import event_queue
from nova_numa_ext.virt import second_connection

# Not in every release that has this driver.
thread_pool_factory = importutils.try_import('nova.thread_pool_factory')

CONF = nova.conf.CONF

opts.register_opts(CONF)

#: What of Nova's Host is replaced here or called. Its get_connection stays
#: the only way to the connection, and is its own.
RELIED_ON = {
    nova_host.Host: {
        '_connect': '(self, uri, read_only)',
        '_event_device_removed_callback': '(conn, dom, dev, opaque)',
        '_event_emit': '(self, event)',
        '_event_emit_delayed': '(self, event)',
        '_event_lifecycle_callback': '(conn, dom, event, detail, opaque)',
        '_get_connection': '(self)',
        '_get_libvirt_proxy_classes': '(libvirt_module)',
        '_get_new_connection': '(self)',
        '_test_connection': '(conn)',
        '_wrap_libvirt_proxy': '(self, obj)',
    },
}
_SWITCH = 'reduce_libvirt_calls'


def _path(name, shadow=False):
    return fast_path.FastPath(
        name, _SWITCH, CONF.numa_ext.reduce_libvirt_calls, shadow=shadow)


class NumaHost(domain_host.DomainsHost):
    """Nova's Host of libvirt, which remembers what it was told.

    Nova's driver makes its own Host and hands it on when it is created, so
    that one becomes this; before it has a connection.
    """

    @classmethod
    def adopt(cls, host):
        """Make Nova's own Host one of these.

        One that is not what this was made for stays as it is; a warning says
        why.

        :param host: a nova.virt.libvirt.host.Host that is not connected yet
        """
        if upstream.is_known(_SWITCH, RELIED_ON):
            host.__class__ = cls
            host._remember_nothing()
        return host

    def _remember_nothing(self):
        """Make what this class adds to Nova's, as it is before any call."""
        self._on_connected = []
        self._on_lifecycle = []
        self._on_device_removed = []
        self._watch = None
        # Nova tests a connection with this lock held, and takes it again to
        # see that it was closed. With native threads that is the same thread:
        # libvirt tells who found out.
        self._wrapped_conn_lock = threading.RLock()
        self._calls = calls.Calls(CONF.numa_ext.slow_call_seconds)
        shadow = CONF.numa_ext.shadow
        self._liveness = _path('liveness', shadow)
        self._values = _path('host_values', shadow)
        self._second = _path('second_connection')
        self._hand_over = _path('event_threads')
        self._events = None
        # Under eventlet Nova handles them on a thread of their own.
        if concurrency.is_threading() and thread_pool_factory:
            self._events = event_queue.EventQueue(thread_pool_factory.spawn)
        self._init_domains()

    def on_connected(self, callback):
        """Have each new connection shown, before anyone else sees it.

        What was remembered over an older one is no longer known to be right.
        Register further events on it, in the callback.

        :param callback: called with the connection
        """
        self._on_connected.append(callback)

    def on_lifecycle(self, callback):
        """Have each life-cycle event of a domain, before Nova has it.

        Called on libvirt's event thread, which under eventlet is a native
        one: it must not log, wait, take a lock of eventlet's or call libvirt.

        :param callback: called with the domain's UUID, libvirt's number of
            the event, and the detail
        """
        self._on_lifecycle.append(callback)

    def on_device_removed(self, callback):
        """Have each event of a device that was removed, before Nova has it.

        libvirt takes a second registration of an event on one connection for
        a mistake, and Nova has one.

        :param callback: called with the domain's UUID, as on_lifecycle says
        """
        self._on_device_removed.append(callback)

    def watch(self, connection):
        """Return a connection whose calls are counted, and the slow named.

        What is remembered, and the second connection, are for a connection
        to a libvirtd only.
        """
        liveness = values = second = None
        if watched.is_real(connection):
            liveness = self._liveness
            values = self._values
            second = second_connection.SecondConnection(
                functools.partial(self._connect, self._uri, self._read_only),
                self._second, self._calls)
        return watched.Watch(
            connection, super()._wrap_libvirt_proxy,
            self._libvirt_proxy_classes, self._calls, liveness,
            values, second).connection

    def _get_new_connection(self):
        connection = self.watch(super()._get_new_connection())
        if self._watch is not None and self._watch.second is not None:
            self._watch.second.drop()
        self._watch = connection._watch
        for callback in self._on_connected:
            callback(connection)
        # From here on: a call within the callbacks must not connect anew,
        # Nova's lock is held.
        self._watch.reconnect = self._get_connection
        return connection

    def _wrap_libvirt_proxy(self, obj):
        if isinstance(obj, watched.Watched):
            return obj
        return super()._wrap_libvirt_proxy(obj)

    @staticmethod
    def _test_connection(conn):
        novas = nova_host.Host._test_connection
        if not isinstance(conn, watched.Watched):
            return novas(conn)
        return conn._watch.is_alive(novas)

    @staticmethod
    def _event_lifecycle_callback(conn, dom, event, detail, opaque):
        uuid = dom.UUIDString()
        try:
            opaque._see(conn, dom, uuid, event)
            for callback in opaque._on_lifecycle:
                callback(uuid, event, detail)
        finally:
            nova_host.Host._event_lifecycle_callback(
                conn, dom, event, detail, opaque)

    @staticmethod
    def _event_device_removed_callback(conn, dom, dev, opaque):
        try:
            for callback in opaque._on_device_removed:
                callback(dom.UUIDString())
        finally:
            nova_host.Host._event_device_removed_callback(
                conn, dom, dev, opaque)

    def _see(self, conn, dom, uuid, event):
        # On libvirt's event thread: on_lifecycle says what must not be done.
        watch = self._watch
        if watch is None or watched.raw(watch.connection) is not conn:
            return
        if event == nova_host.libvirt.VIR_DOMAIN_EVENT_UNDEFINED:
            watch.forget(uuid)
        else:
            watch.seen[uuid] = dom

    def _event_emit(self, event):
        novas = functools.partial(super()._event_emit, event)
        if (self._events is None
                or not isinstance(event, virtevent.LifecycleEvent)
                or not self._hand_over.is_usable()):
            return novas()
        try:
            self._events.put(event.uuid, novas)
        except Exception as error:
            self._hand_over.note_error(error)
            novas()
