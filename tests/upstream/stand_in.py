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

"""Puts a class in the place of one of Nova's, for all who import it.

A module that defines a class sees its own one still: some say
``super(LibvirtDriver, self)``, which must not mean a subclass.
"""

import sys
import types


class StandIn(types.ModuleType):
    """A module that is another one but for a class.

    What is set here is set there, so that tests can patch what they like.
    """

    def __init__(self, module, name, replacement):
        super().__init__(module.__name__, module.__doc__)
        super().__setattr__('_replaced', (
            module, name, getattr(module, name), replacement))
        for key in ('__loader__', '__package__', '__spec__'):
            super().__setattr__(key, getattr(module, key))

    @property
    def __dict__(self):
        # mock takes an attribute that is not in here for one that it made,
        # and removes it.
        return vars(self._replaced[0])

    def __getattr__(self, key):
        module, name, original, replacement = self._replaced
        value = getattr(module, key)
        if key == name and value is original:
            return replacement
        return value

    def __setattr__(self, key, value):
        module, name, original, replacement = self._replaced
        if key == name and value is replacement:
            value = original
        setattr(module, key, value)

    def __delattr__(self, key):
        delattr(self._replaced[0], key)

    def __dir__(self):
        return dir(self._replaced[0])


def leaf(ours, novas):
    """Return a subclass that passes for the class it replaces.

    Tests compare its name. Fixtures look for a static method in the class
    itself, and take an inherited one for a method of instances.
    """
    own = {}
    for base in ours.__mro__:
        for name, value in vars(base).items():
            if (isinstance(value, (staticmethod, classmethod))
                    and not name.startswith('__')):
                own.setdefault(name, value)
    own.update(__module__=novas.__module__, __doc__=novas.__doc__)
    return type(novas.__name__, (ours,), own)


def replace(novas, replacement):
    """Have all of Nova, and its tests, get another class than its own.

    Not the module that defines it, and not who is not of Nova.

    :param novas: a class of Nova's
    :param replacement: a subclass of it
    """
    module = sys.modules[novas.__module__]
    stand_in = StandIn(module, novas.__name__, replacement)
    sys.modules[module.__name__] = stand_in
    root = module.__name__.partition('.')[0]
    for name, other in list(sys.modules.items()):
        if other is stand_in or name.partition('.')[0] != root:
            continue
        for key, value in list(vars(other).items()):
            if value is module:
                setattr(other, key, stand_in)
    package = sys.modules[module.__name__.rpartition('.')[0]]
    if getattr(package, novas.__name__, None) is novas:
        setattr(package, novas.__name__, replacement)
