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

"""What disks may still grow by, without asking for all guests again.

Nova's audit asks the conductor for each instance on the host and for its
volumes, to leave those out. A file in the folder that Nova has for the
instance's own disks is no volume. Of other files it is known once Nova has
asked, and kept with the domain's XML, which changes when one is attached.
"""

import collections
import os

from nova import exception
import nova.conf
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as nova_driver

from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import disk_images
from nova_numa_ext.virt import disks

CONF = nova.conf.CONF

RELIED_ON = {
    nova_driver.LibvirtDriver: {
        '_get_disk_over_committed_size_total': '(self)',
        '_get_instance_disk_info_from_config':
            '(self, guest_config, block_device_info)',
    },
}

#: Of a domain with this XML, the local disks are a disk_images.Domain's.
_Local = collections.namedtuple('_Local', 'xml name key')


def _own_disks(uuid, xml):
    """Return what a domain has where only its own disks are, or None."""
    config = vconfig.LibvirtConfigGuest()
    config.parse_str(xml)
    key = disk_images.local(config, None)
    folder = os.path.join(CONF.instances_path, uuid, '')
    if all(path.startswith(folder) for path, _target, _format in key):
        return _Local(xml, config.name, key)
    return None


class DiskTotal(disks.Disks):
    """A part of the driver: how much more than they have disks may take.

    Dropped when a domain goes or has other XML.
    """

    def _init_disks(self):
        super()._init_disks()
        self._local = {}
        self._total_path = fast_path.FastPath(
            'disk_total', 'reduce_libvirt_calls',
            CONF.numa_ext.reduce_libvirt_calls, RELIED_ON)

    def _get_disk_over_committed_size_total(self):
        stock = super()._get_disk_over_committed_size_total
        if not self._in_audit():
            return stock()
        self._audit.xmls = None
        return self._total_path.answer(
            self._known_total, lambda: self._asked_total(stock))

    def _known_total(self):
        self._audit.xmls = xmls = self._xmls()
        self._local = {
            uuid: local for uuid, local in self._local.items()
            if xmls.get(uuid) == local.xml}
        for uuid in xmls.keys() - self._local.keys():
            local = _own_disks(uuid, xmls[uuid])
            if local is not None:
                self._local[uuid] = local
        if CONF.numa_ext.shadow or len(self._local) < len(xmls):
            raise fast_path.Unknown
        return sum(
            self._more(uuid, local) for uuid, local in self._local.items())

    def _xmls(self):
        """Return the XML of each domain, by its UUID."""
        known = getattr(self._host, 'domains', None)
        if known is None or not known.is_followed:
            raise fast_path.Unknown
        return {
            domain.UUIDString(): domain.XMLDesc(0) for domain in
            self._host.list_instance_domains(only_running=False)}

    def _more(self, uuid, local):
        try:
            domain = self._looked_at(
                uuid, local.name, lambda: disk_images.Domain(local.key))
        except exception.DiskNotFound:
            # Nova leaves such a guest out, too.
            return 0
        return sum(int(disk['over_committed_disk_size'])
                   for disk in self._disks_of(domain))

    def _asked_total(self, stock):
        before = self._audit.xmls
        if before is None:
            return stock()
        self._audit.noted = noted = {}
        try:
            total = stock()
        finally:
            self._audit.noted = None
        # That it cannot be kept is nothing to an audit that has its answer.
        self._total_path.answer(
            lambda: self._keep(before, noted), lambda: None)
        return total

    def _keep(self, before, noted):
        """Keep what was noted of domains that are as they were before it."""
        now = self._xmls()
        found = {
            uuid: _Local(now[uuid], name, key)
            for uuid, (name, key) in noted.items()
            if uuid in now and before.get(uuid) == now[uuid]}
        if CONF.numa_ext.shadow:
            self._compare(found)
        self._local.update(found)

    def _compare(self, found):
        for uuid, local in found.items():
            known = self._local.get(uuid)
            if known is not None and known != local:
                fast_path.mismatch(
                    self._total_path.name, known.key, local.key)

    def _note_disks(self, config, key):
        super()._note_disks(config, key)
        noted = getattr(self._audit, 'noted', None)
        if noted is not None:
            noted[config.uuid] = (config.name, key)
