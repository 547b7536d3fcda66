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

"""This project's classes, as Nova's tests meet them."""

import functools
import inspect
import os

from nova.compute import resource_tracker as nova_tracker
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import host as nova_host

from nova_numa_ext.compute import resource_tracker
from nova_numa_ext.host import reader
from nova_numa_ext.virt import driver
from nova_numa_ext.virt import host
from tests.unit.host import tree
from tests.upstream import stand_in

#: Each of Nova's, and what takes its place.
CLASSES = (
    (nova_driver.LibvirtDriver, driver.NumaLibvirtDriver),
    (nova_host.Host, host.NumaHost),
    (nova_tracker.ResourceTracker, resource_tracker.NumaResourceTracker),
)


def overrides(ours, novas):
    """Return what a class of ours has in place of Nova's, by name.

    :returns: of each method's name, the class that has it
    """
    found = {}
    for base in ours.__mro__:
        if issubclass(novas, base):
            continue
        for name, value in vars(base).items():
            if (name != '__init_subclass__' and hasattr(novas, name)
                    and not hasattr(object, name) or name == '__init__'):
                if callable(getattr(value, '__func__', value)):
                    found.setdefault(name, base)
    return found


def _label(base, name):
    return f'{base.__module__}.{base.__qualname__}.{name}'


def labels():
    """Return the names of all overrides of the classes here."""
    return sorted({
        _label(base, name) for novas, ours in CLASSES
        for name, base in overrides(ours, novas).items()})


class Record:
    """Notes in a file, once for each, which overrides ran."""

    def __init__(self, folder):
        self._path = os.path.join(folder, f'ran-{os.getpid()}')
        self._seen = set()

    def note(self, label):
        if label not in self._seen:
            self._seen.add(label)
            # At once: a process that is killed has run them too.
            with open(self._path, 'a') as file:
                file.write(label + '\n')

    def wrap(self, base, name, novas=None):
        """Have calls of a method noted.

        :param novas: the class whose method it replaces
        """
        value = vars(base)[name]
        label = _label(base, name)
        method = getattr(value, '__func__', value)

        @functools.wraps(method)
        def noted(*args, **kwargs):
            self.note(label)
            return method(*args, **kwargs)
        noted.__signature__ = inspect.signature(method)
        # Of one that remembers, Nova's TestCase empties the memory.
        clear = getattr(getattr(novas, name, None), 'cache_clear', None)
        if clear is not None:
            noted.cache_clear = clear
        setattr(base, name, noted if value is method else type(value)(noted))


def _host_of_its_own(novas_host):
    """Return a Host that is ours from the start.

    In production Nova's driver makes Nova's and this project's adopts it;
    Nova's tests of the Host have no driver.
    """
    class Host(host.NumaHost):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._remember_nothing()

    own = stand_in.leaf(Host, novas_host)
    # What the driver adopts is the class that the tests patch.
    host.NumaHost = own
    return own


def install(folder):
    """Put the classes in place, on a host that realtime guests can have.

    :param folder: where to note which overrides ran
    :returns: what to call at the end
    """
    # This machine's own /sys and /proc are none of Nova's hosts'.
    host_tree = tree.Tree(tree.saved('realtime'))
    host_tree.setUp()
    reader.THIS = host_tree.reader
    with open(os.path.join(folder, 'all'), 'w') as file:
        file.writelines(f'{label}\n' for label in labels())
    record = Record(folder)
    for novas, ours in CLASSES:
        for name, base in overrides(ours, novas).items():
            record.wrap(base, name, novas)
    for novas, ours in CLASSES:
        own = (_host_of_its_own(novas) if novas is nova_host.Host
               else stand_in.leaf(ours, novas))
        stand_in.replace(novas, own)
    return host_tree.cleanUp
