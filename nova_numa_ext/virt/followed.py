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

"""A domain as Nova has it: what it does with it is followed."""

import functools
import re

from lxml import etree

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import domains

# What changes neither a domain's state nor its XML. All else may.
_READS = frozenset((
    'ID', 'OSType', 'UUID', 'UUIDString', 'abortJob', 'autostart',
    'blockInfo', 'blockJobInfo', 'blockStats', 'blockStatsFlags', 'connect',
    'controlInfo', 'fsFreeze', 'fsInfo', 'fsThaw', 'getCPUStats', 'getTime',
    'guestInfo', 'hasCurrentSnapshot', 'hasManagedSaveImage', 'hostname',
    'info', 'injectNMI', 'interfaceAddresses', 'interfaceStats', 'isActive',
    'isPersistent', 'isUpdated', 'jobInfo', 'jobStats', 'listAllSnapshots',
    'maxMemory', 'maxVcpus', 'memoryStats', 'metadata',
    'migrateSetMaxDowntime', 'migrateSetMaxSpeed', 'name',
    'schedulerParameters', 'screenshot', 'setTime', 'setUserPassword',
    'state', 'vcpus', 'vcpusFlags'))
_START_PAUSED = 1
_ID = re.compile(r'<domain\b[^>]*\sid=[\'"](\d+)')
_UUID = re.compile(r'<uuid>\s*([0-9a-fA-F-]+)\s*</uuid>')


def uuid_in(xml):
    """Return the UUID that a domain's XML asks for, None for none."""
    # Nova's tests have things of their own for it.
    found = _UUID.search(xml) if isinstance(xml, str) else None
    return found.group(1) if found else None


def id_in(xml):
    """Return the ID of the run that a domain's XML is of, -1 for none."""
    found = _ID.search(xml[:1000])
    return int(found.group(1)) if found else -1


class Followed:
    """A domain; what Nova does to it itself is known to ``Domains``."""

    def __init__(self, domain, known):
        self._domain = domain
        self._known = known

    @property
    def __class__(self):
        return self._domain.__class__

    def __eq__(self, other):
        if type(other) is Followed:
            other = other._domain
        return self._domain == other

    def __hash__(self):
        return hash(self._domain)

    def __repr__(self):
        return repr(self._domain)

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        attribute = getattr(self._domain, name)
        if name in _READS or not callable(attribute):
            return attribute
        return functools.partial(self._change, name, attribute)

    def XMLDesc(self, flags=0):
        stamp = self._known.stamp()
        xml = self._domain.XMLDesc(flags)
        if not flags:
            self._known.keep_xml(self.UUIDString(), stamp, xml, id_in(xml))
        return xml

    def _change(self, name, method, *args, **kwargs):
        with self._known.changing(self.UUIDString()) as change:
            result = method(*args, **kwargs)
            if name.startswith('undefine'):
                self._known.drop_object(self.UUIDString())
            change.state = self._state_after(name, *args)
            if change.state is not None:
                change.id = self.ID()
                change.keeps_xml = name == 'createWithFlags'
            return result

    @staticmethod
    def _state_after(name, *args):
        if name == 'createWithFlags' and args in ((0,), (_START_PAUSED,)):
            return domains.PAUSED if args[0] else domains.RUNNING
        return {'destroy': domains.SHUT_OFF, 'suspend': domains.PAUSED,
                'resume': domains.RUNNING}.get(name)


class Read(Followed):
    """A domain whose XML is read for what a change of it is known of.

    :param path: the fast path that this is
    :param find: returns what is known, a domains.Xml, or None
    """

    def __init__(self, followed, path, find):
        super().__init__(followed._domain, followed._known)
        self._path = path
        self._find = find

    def _remembered(self):
        known = self._find()
        if known is None:
            raise fast_path.Unknown
        return known.text

    def XMLDesc(self, flags=0):
        ask = functools.partial(super().XMLDesc, flags)
        if flags:
            return ask()
        return self._path.answer(self._remembered, ask, is_same)

    def vcpus(self):
        """Return what libvirt does, of which Nova takes the number."""
        return self._path.answer(
            lambda: _vcpus(self.XMLDesc()), self._domain.vcpus,
            lambda one, other: len(one[0]) == len(other[0]))


def _vcpus(xml):
    vcpu = etree.fromstring(xml).find('vcpu')
    number = int(vcpu.get('current', vcpu.text))
    # Its number, running, its time and where it runs; and where it may.
    return [(vcpu, 1, 0, -1) for vcpu in range(number)], [()] * number


def is_same(xml, other):
    """Return whether what Nova reads of remembered XML is the same."""
    return _read(xml) == _read(other)


def _read(xml):
    tree = etree.fromstring(xml)
    vcpu = tree.find('vcpu')
    disks = [(disk.get('type'), disk.get('device'), [
        dict(part.attrib, index=None)
        for name in ('driver', 'source', 'target')
        for part in disk.findall(name)]) for disk in tree.iter('disk')]
    return (
        vcpu.get('current', vcpu.text), disks, tree.findtext('os/type'),
        [(device.tag, device.get('type'), device.get('bus'))
         for name in ('input', 'graphics') for device in tree.iter(name)])
