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

"""Calls to libvirtd as they are made: counted, and the slow ones named."""

import itertools
import sys
import time

from oslo_log import log as logging

from nova_numa_ext import figures

LOG = logging.getLogger(__name__)

# Modules through which a call goes on its way to libvirtd: not its callers.
_ON_THE_WAY = frozenset((
    'nova_numa_ext.compat.fast_path', 'nova_numa_ext.virt.calls',
    'nova_numa_ext.virt.connection', 'nova_numa_ext.virt.domain_host',
    'nova_numa_ext.virt.followed', 'nova_numa_ext.virt.remembered',
    'nova_numa_ext.virt.second_connection'))
_MANAGER = 'nova.compute.manager'
# The manager's own decorators, around each of its tasks.
_DECORATED = 'decorated_function'


def caller():
    """Return who makes the call now, and for which task of the manager."""
    nearest = task = None
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get('__name__', '?')
        name = frame.f_code.co_name
        if nearest is None and module not in _ON_THE_WAY:
            nearest = f'{module}.{name}'
        if module == _MANAGER and name != _DECORATED:
            task = f'{module}.{name}'
        frame = frame.f_back
    if task in (None, nearest):
        return nearest
    return f'{nearest} for {task}'


class _Call:

    def __init__(self, name, domain, at):
        self.name = name
        self.domain = domain
        self.at = at
        self.by = caller()
        self.is_named = False

    def __str__(self):
        of = f' of {self.domain}' if self.domain else ''
        return f'{self.name}{of}, called by {self.by},'


class Calls:
    """The calls to libvirtd of one nova-compute.

    :param slow_after: seconds after which a call is named in the log; 0 for
        never
    """

    def __init__(self, slow_after, clock=time.monotonic):
        self._slow_after = slow_after
        self._clock = clock
        self._numbers = itertools.count()
        self._pending = {}

    def make(self, name, method, args=(), kwargs=None, domain=None):
        """Make a call.

        Whoever is next to have an answer names those that still wait for
        theirs for too long: one that hangs has none to be named with.

        :param name: as libvirt's API has it
        :param domain: what to call the domain in the log
        """
        number = next(self._numbers)
        call = _Call(name, domain, self._clock())
        self._pending[number] = call
        try:
            return method(*args, **(kwargs or {}))
        finally:
            del self._pending[number]
            now = self._clock()
            figures.LIBVIRT_CALLS.labels(name).observe(now - call.at)
            if self._slow_after:
                self._name_slow(call, now)

    def _name_slow(self, done, now):
        if now - done.at > self._slow_after:
            LOG.warning('libvirt: %(call)s took %(seconds).1f s.',
                        {'call': done, 'seconds': now - done.at})
        for call in list(self._pending.values()):
            if now - call.at > self._slow_after and not call.is_named:
                call.is_named = True
                LOG.warning(
                    'libvirt: %(call)s has no answer after %(seconds).1f s.',
                    {'call': call, 'seconds': now - call.at})
