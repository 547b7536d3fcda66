# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Counts and times what nova-compute asks of others; runs inside of it.

Both sides load it in the same way (see compute.py). Nova's code and the
driver's are as they are: what is wrapped is below both of them, where
libvirt's, oslo.messaging's, keystoneauth's and oslo.concurrency's own code
is entered. A record is a tuple, appended to a deque: that is atomic in native
threads, of which eventlet has some, too.
"""

import collections
import contextlib
import json
import os
import re
import socket
import threading
import time
import traceback

LOCK = 'compute_resources'
# What libvirt's client answers by itself.
LOCAL = re.compile(
    r'vir(Event|Stream|GetLastError|Conn(GetLast|ResetLast)Error|Secret'
    r'GetUsage)\w*$'
    r'|vir(Initialize|GetVersion|ResetLastError|RegisterErrorHandler)$'
    r'|virConnect(IsAlive|IsSecure|IsEncrypted|GetURI|SetKeepAlive)$'
    r'|virDomainGetID$|virStorageVolGetKey$|virInterfaceGetMACString$'
    r'|virNWFilterBindingGet(PortDev|FilterName)$'
    r'|vir\w+(Free|Ref|GetUUID|GetUUIDString|GetName|GetConnect|_pointer)$'
)
# What it asks once for each connection.
ONCE = {'virConnectGetType'}
# What libvirt's Python binding makes more than one request of.
REQUESTS = {
    'virDomainGetVcpus': 3,
    'virDomainPinVcpu': 2,
    'virDomainPinVcpuFlags': 2,
    'virDomainPinEmulator': 2,
    'virDomainPinIOThread': 2,
    'virDomainGetVcpuPinInfo': 3,
    'virDomainGetEmulatorPinInfo': 2,
    'virDomainGetIOThreadInfo': 2,
    'virConnectListDomainsID': 2,
    'virNodeListDevices': 2,
    'virNodeGetCPUStats': 2,
    'virNodeGetMemoryStats': 2,
    'virDomainBlockStatsFlags': 2,
    'virDomainGetBlkioParameters': 2,
    'virDomainGetBlockIoTune': 2,
    'virDomainGetDiskErrors': 2,
    'virDomainGetInterfaceParameters': 2,
    'virDomainGetMemoryParameters': 2,
    'virDomainGetNumaParameters': 2,
    'virDomainGetSchedulerParameters': 2,
    'virDomainGetSchedulerParametersFlags': 2,
}
UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


class Recorder:
    """What was asked: (kind, name, start, end, of an event, more) each."""

    def __init__(self):
        self._records = collections.deque()
        self._here = threading.local()

    def add(self, kind, name, start, more=None, event=None):
        if event is None:
            event = getattr(self._here, 'event', False)
        self._records.append(
            (kind, name, start, time.monotonic(), event, more)
        )

    def drain(self):
        result = []
        with contextlib.suppress(IndexError):
            while True:
                result.append(self._records.popleft())
        return result

    @contextlib.contextmanager
    def event(self):
        """What this thread asks meanwhile is of a life-cycle event."""
        self._here.event = True
        try:
            yield
        finally:
            self._here.event = False


def wrap_libvirt(module, recorder):
    """Counts calls that reach libvirtd, in the C module below libvirt.py."""
    connections = set()

    def wrap(name, function):
        requests = REQUESTS.get(name, 1)

        def call(*args):
            if name in ONCE:
                # The objects live as long as their connection.
                if id(args[0]) in connections:
                    return function(*args)
                connections.add(id(args[0]))
            start = time.monotonic()
            try:
                return function(*args)
            finally:
                # No thread of eventlet's own: it does not know of an event.
                recorder.add('libvirt', name, start, requests, event=False)

        return call

    for name in dir(module):
        if name.startswith('vir') and not LOCAL.match(name):
            setattr(module, name, wrap(name, getattr(module, name)))


def _object(value):
    """A versioned object as it is sent: its name and its data."""
    if not isinstance(value, dict):
        return '', {}, ()
    return (
        value.get('nova_object.name', ''),
        value.get('nova_object.data', {}),
        value.get('nova_object.changes', ()),
    )


def describe_message(message):
    """What an RPC is, and which instance it shows to be active or gone."""
    method = message.get('method', '')
    arguments = message.get('args', {})
    if method == 'object_action':
        name, data, changes = _object(arguments.get('objinst'))
        action = f'{name}.{arguments.get("objmethod")}'
        shown = None
        if action == 'Instance.destroy':
            shown = ('gone', data.get('uuid'))
        elif (
            action == 'Instance.save'
            and 'vm_state' in changes
            and data.get('vm_state') in ('active', 'error')
        ):
            shown = (data['vm_state'], data.get('uuid'))
        return action, shown
    if method.startswith('object_class_action'):
        name = f'{arguments.get("objname")}.{arguments.get("objmethod")}'
        return name, None
    return method, None


def wrap_rpc(transport, recorder):
    send = transport._send

    def _send(self, target, ctxt, message, *args, **kwargs):
        name, shown = describe_message(message)
        start = time.monotonic()
        try:
            return send(self, target, ctxt, message, *args, **kwargs)
        finally:
            recorder.add('rpc', name, start, shown)

    transport._send = _send


def wrap_placement(session, recorder):
    request = session.request

    def counted(self, url, method, *args, **kwargs):
        found = kwargs.get('endpoint_filter') or {}
        if found.get('service_type') != 'placement':
            return request(self, url, method, *args, **kwargs)
        start = time.monotonic()
        try:
            return request(self, url, method, *args, **kwargs)
        finally:
            path = UUID.sub('{}', url.partition('?')[0])
            recorder.add('placement', f'{method} {path}', start)

    session.request = counted


class TimedLock:
    """The tracker's fair lock, and how long it is waited for and held."""

    def __init__(self, lock, recorder):
        self._lock = lock
        self._recorder = recorder

    def __getattr__(self, name):
        return getattr(self._lock, name)

    @contextlib.contextmanager
    def write_lock(self):
        if self._lock.is_writer(check_pending=False):
            with self._lock.write_lock():
                yield self
            return
        asked = time.monotonic()
        with self._lock.write_lock():
            got = time.monotonic()
            try:
                yield self
            finally:
                self._recorder.add('lock', LOCK, asked, got)


def wrap_lock(lockutils, recorder):
    get = lockutils.internal_fair_lock

    def internal_fair_lock(name):
        lock = get(name)
        return TimedLock(lock, recorder) if name == LOCK else lock

    lockutils.internal_fair_lock = internal_fair_lock


class Control:
    """A socket by which the benchmark reads the records and starts tasks.

    Its threads are Nova's: green ones where eventlet is in place.
    """

    def __init__(self, recorder, path):
        self._recorder = recorder
        self._path = path
        self._manager = None
        self._probing = None

    def start(self, manager):
        self._manager = manager
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path)
        os.chmod(self._path, 0o600)
        listener.listen(16)
        threading.Thread(
            target=self._accept, args=(listener,), daemon=True
        ).start()

    def _accept(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            ).start()

    def _serve(self, connection):
        with connection, connection.makefile('rw') as stream:
            for line in stream:
                request = json.loads(line)
                try:
                    method = getattr(self, 'do_' + request.pop('do'))
                    answer = method(**request)
                except Exception:
                    answer = {'error': traceback.format_exc()}
                stream.write(json.dumps(answer) + '\n')
                stream.flush()

    def do_read(self):
        return {'records': self._recorder.drain()}

    def do_task(self, name):
        """Runs a periodic task of the manager's, once."""
        from nova import context

        start = time.monotonic()
        getattr(self._manager, name)(context.get_admin_context())
        return {'seconds': time.monotonic() - start}

    def do_probe(self, seconds):
        """Makes short calls one after another, until it is called with 0."""
        if self._probing is not None:
            self._probing.set()
            self._probing = None
        if seconds:
            self._probing = threading.Event()
            threading.Thread(
                target=self._probe,
                args=(self._probing, seconds),
                daemon=True,
            ).start()
        return {}

    def _probe(self, stopped, seconds):
        host = self._manager.driver._host
        while not stopped.wait(seconds):
            start = time.monotonic()
            # What nobody has a reason to remember, by the way that all of
            # Nova's calls take.
            host.get_connection().getFreeMemory()
            self._recorder.add('probe', 'getFreeMemory', start)


def wrap_service(service, recorder, control):
    """Knows the manager when it is there; listens once it serves."""
    start = service.start

    def started(self):
        handle = self.manager.handle_lifecycle_event

        def handle_lifecycle_event(*args, **kwargs):
            with recorder.event():
                return handle(*args, **kwargs)

        self.manager.handle_lifecycle_event = handle_lifecycle_event
        start(self)
        control.start(self.manager)

    service.start = started


def install(path):
    """Wraps all; nova-compute has been imported, and not been started."""
    from keystoneauth1 import session
    import libvirtmod
    from nova import service
    from oslo_concurrency import lockutils
    from oslo_messaging import transport

    recorder = Recorder()
    wrap_libvirt(libvirtmod, recorder)
    wrap_rpc(transport.Transport, recorder)
    wrap_placement(session.Session, recorder)
    wrap_lock(lockutils, recorder)
    wrap_service(service.Service, recorder, Control(recorder, path))
