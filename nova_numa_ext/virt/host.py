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

from nova.virt.libvirt import host as nova_host


class NumaHost(nova_host.Host):
    """Nova's Host of libvirt, which remembers what it was told.

    Nova's driver makes its own Host and hands it on when it is created, so
    that one becomes this; before it has a connection.
    """

    @classmethod
    def adopt(cls, host):
        """Make Nova's own Host one of these.

        :param host: a nova.virt.libvirt.host.Host that is not connected yet
        """
        host.__class__ = cls
        host._remember_nothing()
        return host

    def _remember_nothing(self):
        """Make what this class adds to Nova's, as it is before any call."""
        self._on_connected = []
        self._on_lifecycle = []

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

    def _get_new_connection(self):
        connection = super()._get_new_connection()
        for callback in self._on_connected:
            callback(connection)
        return connection

    @staticmethod
    def _event_lifecycle_callback(conn, dom, event, detail, opaque):
        uuid = dom.UUIDString()
        try:
            for callback in opaque._on_lifecycle:
                callback(uuid, event, detail)
        finally:
            nova_host.Host._event_lifecycle_callback(
                conn, dom, event, detail, opaque)
