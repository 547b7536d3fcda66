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

"""A connection for the calls that take long.

libvirtd serves so many calls of one connection at once, five where its
max_client_requests is not set, and those behind them wait. Nova has one
connection; here is another, so that what takes long waits only for its like.
"""

import threading

from nova.virt.libvirt import host as nova_host
from oslo_log import log as logging

from nova_numa_ext.virt import connection as watched

LOG = logging.getLogger(__name__)


class SecondConnection:
    """The connection for long calls: made when needed, and again when lost.

    Where it cannot be had, Nova's own connection serves these calls too.

    :param connect: makes a connection as Nova does
    :param path: the fast path that this is
    :param calls: makes and counts the calls
    """

    def __init__(self, connect, path, calls):
        self._connect = connect
        self._path = path
        self._calls = calls
        self._lock = threading.Lock()
        # The connection, and the objects of domains that are of it.
        self._current = None

    def connection(self):
        """Return it, None where it cannot be used now."""
        return self._usable()[0]

    def domain(self, uuid):
        """Return a domain's object, None where it cannot be had.

        Nova's own connection then says whether there is such a domain.
        """
        connection, domains = self._usable()
        if connection is None or uuid in domains:
            return domains.get(uuid)
        libvirt = nova_host.libvirt
        try:
            domains[uuid] = self._calls.make(
                'lookupByUUIDString', connection.lookupByUUIDString, (uuid,),
                domain=uuid)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                self._path.note_error(error)
        return domains.get(uuid)

    def is_of(self, domain):
        """Return whether a domain's object can still be used."""
        connection = self.connection()
        return (connection is not None
                and watched.raw(domain).connect() is watched.raw(connection))

    def forget(self, uuid):
        """Drop the object of a domain that is gone."""
        if self._current is not None:
            self._current[1].pop(uuid, None)

    def drop(self):
        """Let go of it; libvirt closes it after the last call over it."""
        self._current = None

    def _usable(self):
        if not self._path.is_usable():
            return None, {}
        with self._lock:
            if self._current is None or not self._is_alive():
                try:
                    self._current = (self._connect(), {})
                except Exception as error:
                    self._path.note_error(error)
                    self._current = None
            return self._current or (None, {})

    def _is_alive(self):
        try:
            return bool(watched.raw(self._current[0]).isAlive())
        except nova_host.libvirt.libvirtError as error:
            LOG.debug('The connection for long calls broke: %s', error)
            return False
