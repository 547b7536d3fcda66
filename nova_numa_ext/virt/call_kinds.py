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

"""Calls of libvirt's API, by what they cost and what they do."""

#: What libvirt's library answers itself, from what the object holds.
LOCAL = frozenset((
    'ID', 'MACString', 'UUID', 'UUIDString', 'c_pointer', 'getURI',
    'isAlive', 'key', 'name', 'usageID', 'usageType'))
#: What takes long, or may: of a connection, and
LONG = frozenset((
    'createXML', 'createXMLWithFiles', 'restore', 'restoreFlags'))
#: what is sent with it, as the domain that it returns is about to be started.
WITH_LONG = frozenset(('defineXML', 'defineXMLFlags'))
#: Of a domain: what makes libvirtd or a QEMU work. What asks after such work
#: or ends it must not wait for it.
LONG_OF_DOMAIN = frozenset((
    'attachDevice', 'attachDeviceFlags', 'blockCommit', 'blockCopy',
    'blockJobAbort', 'blockPull', 'blockRebase', 'blockResize', 'coreDump',
    'coreDumpWithFormat', 'create', 'createWithFiles', 'createWithFlags',
    'destroy', 'destroyFlags', 'detachDevice', 'detachDeviceAlias',
    'detachDeviceFlags', 'fsFreeze', 'fsThaw', 'managedSave', 'migrate',
    'migrate2', 'migrate3', 'migrateToURI', 'migrateToURI2', 'migrateToURI3',
    'reboot', 'reset', 'resume', 'save', 'saveFlags', 'shutdown',
    'shutdownFlags', 'snapshotCreateXML', 'suspend'))
#: After which libvirt's object of a domain has another ID.
STARTS = frozenset(('create', 'createWithFiles', 'createWithFlags'))
UNDEFINES = frozenset(('undefine', 'undefineFlags'))
# What only asks can be asked again: of a connection, by how it begins, and
ASKS = ('baseline', 'compare', 'get', 'list', 'lookup', 'nodeDeviceLookup')
#: of a domain.
ASKS_DOMAIN = frozenset((
    'XMLDesc', 'blockInfo', 'blockStats', 'hasManagedSaveImage', 'info',
    'interfaceStats', 'isActive', 'isPersistent', 'jobInfo', 'jobStats',
    'memoryStats', 'state', 'vcpus'))
