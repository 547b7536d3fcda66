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

"""A libvirtd of the test's own, behind libvirt's own classes."""

import threading
import types

import libvirt


def error(code, domain=libvirt.VIR_FROM_QEMU):
    """Return an error as libvirt raises it."""
    made = libvirt.libvirtError(f'error {code}')
    made.err = (code, domain, f'error {code}', 2, '', None, None, -1, -1)
    return made


def broken():
    """Return the error of a call over a connection that broke."""
    return error(libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC)


class SeenLock:
    """A lock that says when somebody waits for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self.is_waited_for = False

    def __enter__(self):
        if not self._lock.acquire(blocking=False):
            self.is_waited_for = True
            self._lock.acquire()

    def __exit__(self, *error):
        self._lock.release()


class Libvirtd:
    """What it is asked, and over which of its connections.

    :ivar calls: (number of the connection, name of the call), in order
    :ivar answers: by name of a call; an exception is raised
    """

    def __init__(self):
        self.calls = []
        self.connections = []
        self.domains = {}
        self.answers = {
            'getLibVersion': 9000000,
            'getVersion': 7002000,
            'getType': 'QEMU',
            'getHostname': 'one',
            'getInfo': ['x86_64', 1024, 2, 2445, 1, 1, 2, 1],
            'getCPUMap': (2, [True, True], 2),
            'state': [1, 1],
        }

    def openAuth(self, *args):
        """Return a new connection."""
        connection = Connection(self, len(self.connections))
        self.connections.append(connection)
        return connection

    def die(self, seen=True):
        """End all connections; the libraries notice if it is seen."""
        for connection in self.connections:
            connection.is_up = False
            connection.is_alive = not seen

    def change_device(self, name):
        """Say so to those who want to know."""
        device = types.SimpleNamespace(name=lambda: name)
        connection = self.connections[-1]
        for callback in connection.device_callbacks:
            callback(connection, device, None, None)

    def asked(self):
        """Return the calls since the last time."""
        calls = list(self.calls)
        self.calls.clear()
        return calls


class _Object:

    def __del__(self):
        """There is nothing of libvirt's C code to free."""

    def _ask(self, name, answer=None):
        self.connection.libvirtd.calls.append((self.connection.number, name))
        if not self.connection.is_up:
            self.connection.is_alive = False
            raise broken()
        answer = self.connection.libvirtd.answers.get(name, answer)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Connection(_Object, libvirt.virConnect):

    def __init__(self, libvirtd, number):
        self.libvirtd = libvirtd
        self.number = number
        self.is_up = self.is_alive = True
        self._o = f'connection {number}'
        self.events = set()
        self.device_callbacks = []

    @property
    def connection(self):
        return self

    def isAlive(self):
        return int(self.is_alive)

    def getLibVersion(self):
        return self._ask('getLibVersion')

    def getVersion(self):
        return self._ask('getVersion')

    def getType(self):
        return self._ask('getType')

    def getHostname(self):
        return self._ask('getHostname')

    def getInfo(self):
        return list(self._ask('getInfo'))

    def getCPUMap(self):
        return self._ask('getCPUMap')

    def domainEventRegisterAny(self, dom, event, callback, opaque):
        if event in self.events:
            raise error(libvirt.VIR_ERR_INVALID_ARG)
        self.events.add(event)
        return self._ask('domainEventRegisterAny', 0)

    def nodeDeviceEventRegisterAny(self, dev, event, callback, opaque):
        self.device_callbacks.append(callback)
        return self._ask('nodeDeviceEventRegisterAny', 0)

    def listAllDevices(self, flags=0):
        return list(self._ask('listAllDevices', []))

    def registerCloseCallback(self, callback, opaque):
        return self._ask('registerCloseCallback', 0)

    def defineXML(self, xml):
        self._ask('defineXML')
        self.libvirtd.domains[xml] = -1
        return Domain(self, xml)

    def lookupByUUIDString(self, uuid):
        self._ask('lookupByUUIDString')
        if uuid not in self.libvirtd.domains:
            raise error(libvirt.VIR_ERR_NO_DOMAIN)
        return Domain(self, uuid)

    def listAllDomains(self, flags=0):
        self._ask('listAllDomains')
        return [Domain(self, uuid) for uuid in self.libvirtd.domains]

    def getAllDomainStats(self, stats=0, flags=0):
        self._ask('getAllDomainStats')
        return [(Domain(self, uuid), {'state.state': 1})
                for uuid in self.libvirtd.domains]

    def domainListGetStats(self, doms, stats=0, flags=0):
        self._ask('domainListGetStats')
        return [(Domain(self, domain.uuid), {'state.state': 1})
                for domain in doms if domain.uuid in self.libvirtd.domains]


class Domain(_Object, libvirt.virDomain):

    def __init__(self, connection, uuid):
        self.connection = connection
        self.uuid = uuid
        self.id = connection.libvirtd.domains[uuid]
        self._o = f'{uuid} of connection {connection.number}'

    def connect(self):
        return self.connection

    def ID(self):
        return self.id

    def UUIDString(self):
        return self.uuid

    def name(self):
        return f'guest-{self.uuid}'

    def state(self):
        state = self._ask('state', [1, 0])
        if self.uuid not in self.connection.libvirtd.domains:
            raise error(libvirt.VIR_ERR_NO_DOMAIN)
        return state

    def info(self):
        return [*self._ask('info', [1, 2, 3, 4, 5])]

    def XMLDesc(self, flags=0):
        return self._ask(
            'XMLDesc', f"<domain id='{self.id}'><vcpu>2</vcpu></domain>")

    def vcpus(self):
        return self._ask('vcpus', ([(0, 1, 2, 3)], [(True,)]))

    def createWithFlags(self, flags=0):
        self._ask('createWithFlags')
        self.id = self.connection.libvirtd.domains[self.uuid] = 7
        return 0

    def destroy(self):
        return self._ask('destroy', 0)

    def undefineFlags(self, flags=0):
        self._ask('undefineFlags')
        del self.connection.libvirtd.domains[self.uuid]
        return 0
