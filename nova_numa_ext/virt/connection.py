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

"""libvirt's objects as Nova gets them: every call goes through here.

Nova's own, under eventlet one that calls from a thread of eventlet's pool, is
within; so that what is done here runs where Nova runs. To Nova, and to
libvirt's C code, these are what they hold.
"""

import functools

from nova.virt.libvirt import host as nova_host

from nova_numa_ext.compat import concurrency
from nova_numa_ext.virt import call_kinds
from nova_numa_ext.virt import remembered


def is_proxy(thing):
    """Return whether this is eventlet's proxy of something."""
    return (not concurrency.is_threading()
            and type(thing) is concurrency.eventlet().tpool.Proxy)


def raw(thing):
    """Return libvirt's own object, without what is around it."""
    if isinstance(thing, Watched):
        thing = thing._held()
    return thing._obj if is_proxy(thing) else thing


def is_real(connection):
    """Return whether a connection is to a libvirtd, rather than a test's."""
    libvirt = nova_host.libvirt
    return (libvirt.__name__ == 'libvirt'
            and isinstance(raw(connection), libvirt.virConnect))


class Watch:
    """What the objects of one connection share.

    :ivar connection: the connection, as Nova has it
    :ivar reconnect: gets a new connection where this one broke, None while
        this one is being made
    :ivar seen: domain objects that came with events, by UUID; for a domain
        that is known only over the second connection, they save a lookup
    :param inner: the connection as Nova made it
    :param wrap: Nova's own way to wrap an object of libvirt's
    :param kinds: classes of such objects
    :param calls: makes and counts the calls
    :param liveness: the fast path of whether the connection is alive
    :param values: the fast path of what is remembered
    :param second: the connection for what takes long, None for none
    """

    def __init__(self, inner, wrap, kinds, calls, liveness=None, values=None,
                 second=None):
        self._wrap = wrap
        self._kinds = kinds
        self.calls = calls
        self.liveness = liveness
        self.values = values
        self.second = second
        self.reconnect = None
        self.seen = {}
        self.connection = WatchedConnection(inner, self)

    def is_alive(self, novas):
        """Return whether the connection is, without asking libvirtd.

        :param novas: Nova's own way, which asks
        """
        asked = functools.partial(
            self.calls.make, 'getLibVersion', novas,
            (self.connection._inner,))
        if self.liveness is None:
            return asked()
        return self.liveness.answer(
            lambda: bool(self.connection.isAlive()), asked,
            passes=(nova_host.libvirt.libvirtError,))

    def after(self, error):
        """Return the connection that came after this one, None if it holds.

        Nova's way is to ask for the version before each call, and to connect
        anew where that fails. Here the call itself finds out.

        :param error: what a call over this one failed with
        """
        libvirt = nova_host.libvirt
        broke = (
            error.get_error_code() in (
                libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR)
            and error.get_error_domain() in (
                libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC))
        if not broke or self.reconnect is None:
            return None
        connection = self.reconnect()
        return None if connection is self.connection else connection

    def proxied(self, thing):
        """Return an object of libvirt's that does not block eventlet."""
        return thing if is_proxy(thing) else self._wrap(thing)

    def watched(self, result):
        """Return what a call returned, with each object in it watched."""
        if isinstance(result, list):
            return [self.watched(item) for item in result]
        if isinstance(result, tuple):
            return tuple(self.watched(item) for item in result)
        thing = raw(result)
        if not isinstance(thing, self._kinds) or isinstance(result, Watched):
            return result
        if isinstance(thing, nova_host.libvirt.virDomain):
            return WatchedDomain(self.proxied(result), self)
        return Watched(self.proxied(result), self)

    def forget(self, uuid):
        """Drop the objects of a domain that is gone."""
        self.seen.pop(uuid, None)
        if self.second is not None:
            self.second.forget(uuid)


class Watched:
    """Any object of libvirt's."""

    def __init__(self, inner, watch):
        self._inner = inner
        self._watch = watch

    def _held(self):
        """Return what answers that which libvirt's library knows itself."""
        return self._inner

    @property
    def __class__(self):
        return type(self._held())

    def __eq__(self, other):
        return raw(self) == raw(other)

    def __hash__(self):
        return hash(raw(self))

    def __repr__(self):
        return repr(self._held())

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        if name in call_kinds.LOCAL:
            return getattr(raw(self), name)
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute
        return functools.partial(self._call, name)

    def _call(self, name, *args, **kwargs):
        return self._watch.watched(self._watch.calls.make(
            name, getattr(self._inner, name), args, kwargs))


class WatchedConnection(Watched):
    """A connection: what it said of the host is remembered."""

    def __init__(self, inner, watch):
        super().__init__(inner, watch)
        self._remembered = remembered.Remembered()

    def _call(self, name, *args, **kwargs):
        if name in remembered.REMEMBERED and not args and not kwargs:
            return self._value(name)
        if name == 'getCPUStats':
            # They are reported with the clock of the CPUs, now.
            self._remembered.forget('getInfo')
        if name in call_kinds.LONG or name in call_kinds.WITH_LONG:
            domain = self._over_second(name, args, kwargs)
            if domain is not None:
                return domain
        return self._ask(name, args, kwargs)

    def _ask(self, name, args, kwargs):
        try:
            return self._once(name, args, kwargs)
        except nova_host.libvirt.libvirtError as error:
            connection = None
            if name.startswith(call_kinds.ASKS):
                connection = self._watch.after(error)
            if connection is None:
                raise
        return connection._once(name, args, kwargs)

    def _once(self, name, args, kwargs):
        asked_of = args[0] if name.startswith('lookup') and args else None
        return self._watch.watched(self._watch.calls.make(
            name, getattr(self._inner, name), args, kwargs, asked_of))

    def _value(self, name):
        ask = functools.partial(self._ask, name, (), {})
        values = self._watch.values
        if values is None or not self.isAlive():
            return ask()
        return values.answer(
            functools.partial(self._remembered.get, name, ask), ask,
            functools.partial(remembered.is_same, name),
            passes=(nova_host.libvirt.libvirtError,))

    def _over_second(self, name, args, kwargs):
        if self._watch.second is None:
            return None
        connection = self._watch.second.connection()
        if connection is None:
            return None
        result = self._watch.calls.make(
            name, getattr(connection, name), args, kwargs)
        if isinstance(raw(result), nova_host.libvirt.virDomain):
            return WatchedDomain(None, self._watch, result)
        return result


class WatchedDomain(Watched):
    """A domain; libvirt has an object of it for each connection.

    :param short: the one of Nova's connection, None if not known yet
    :param long: the one of the connection for what takes long, None if not
        known yet
    """

    def __init__(self, short, watch, long=None):
        self._watch = watch
        self._short = short
        self._long = long
        self._known = short or long

    @property
    def _inner(self):
        if self._short is None:
            uuid = self.UUIDString()
            seen = self._watch.seen.get(uuid)
            self._short = (
                self._watch.proxied(seen) if seen is not None
                else self._watch.connection.lookupByUUIDString(uuid)._inner)
        return self._short

    def _held(self):
        return self._known

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        attribute = getattr(raw(self), name)
        if name in call_kinds.LOCAL:
            return attribute
        if callable(attribute):
            return functools.partial(self._call, name)
        # libvirt's C code takes it for the connection it is used with.
        return getattr(self._inner, name)

    def _call(self, name, *args, **kwargs):
        try:
            return self._once(name, args, kwargs)
        except nova_host.libvirt.libvirtError as error:
            connection = None
            if name in call_kinds.ASKS_DOMAIN:
                connection = self._watch.after(error)
            if connection is None:
                raise
        domain = connection._once(
            'lookupByUUIDString', (self.UUIDString(),), {})
        return domain._once(name, args, kwargs)

    def _once(self, name, args, kwargs):
        uuid = self.UUIDString()
        half = self._half_for(name, uuid)
        result = self._watch.calls.make(
            name, getattr(half, name), args, kwargs,
            f'{self.name()} ({uuid})')
        if name in call_kinds.STARTS:
            self._known = half
        if name in call_kinds.UNDEFINES:
            self._watch.forget(uuid)
        return self._watch.watched(result)

    def is_novas(self):
        """Return whether the object of Nova's connection is at hand.

        That of a domain which was defined over the second one comes with the
        event of that.
        """
        return (self._short is not None
                or self.UUIDString() in self._watch.seen)

    def _half_for(self, name, uuid):
        second = self._watch.second
        if second is None:
            return self._inner
        if name not in call_kinds.LONG_OF_DOMAIN:
            # A lookup would be one call more.
            if self.is_novas() or self._long is None or (
                    not second.is_of(self._long)):
                return self._inner
            return self._long
        if self._long is None or not second.is_of(self._long):
            self._long = second.domain(uuid)
        return self._inner if self._long is None else self._long
