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

"""The guests with NUMA affinity that a host has, and where they stand."""

import dataclasses
import threading
from xml.etree import ElementTree

import nova.conf

from nova_numa_ext.conf import opts
from nova_numa_ext.domain import metadata
from nova_numa_ext.topology import affinity
from nova_numa_ext.topology import cpuset

CONF = nova.conf.CONF

opts.register_opts(CONF)


class Ledger:
    """Where guests stand; who comes is told where, one at a time.

    Filled by each guest that is given a place, and once, before the first
    one, from the domains that run; emptied by each that goes. A guest is in
    it from the moment that it has a place, so that those who come at the
    same time see it.

    :param host: a nova.virt.libvirt.host.Host
    :param affinity_host: a nova_numa_ext.virt.affinity_host.AffinityHost
    """

    def __init__(self, host, affinity_host):
        self._host = host
        self._affinity_host = affinity_host
        # Its own: libvirt may be slow, and Nova's locks are everybody's.
        self._lock = threading.Lock()
        self._guests = None

    def place(self, guest):
        """Give a guest a place that comes, or is started anew.

        :param guest: a nova_numa_ext.topology.affinity.Guest, by its UUID
        :returns: a Place, or why there is none
        """
        with self._lock:
            place = self._place(guest)
            if isinstance(place, affinity.Place):
                guest = dataclasses.replace(
                    guest, nodes=place.nodes, pins=place.pins)
            self._guests[guest.name] = guest
            return place

    def why_not(self, guest):
        """Return why there is no place for a guest, None for there is."""
        with self._lock:
            place = self._place(guest)
        return place if isinstance(place, str) else None

    def gone(self, uuid):
        """Have a guest stand nowhere."""
        with self._lock:
            if self._guests is not None:
                self._guests.pop(uuid, None)

    def _place(self, guest):
        if self._guests is None:
            self._guests = self._running()
        known = self._guests.get(guest.name)
        if known is not None:
            guest = dataclasses.replace(
                guest, nodes=known.nodes, pins=known.pins)
        return affinity.place(
            self._affinity_host.nodes(), tuple(self._guests.values()), guest,
            CONF.numa_ext.numa_affinity_policy,
            self._affinity_host.is_overcommitted())

    def _running(self):
        nodes = self._affinity_host.nodes().nodes
        found = (_of_domain(domain.XMLDesc(0), nodes)
                 for domain in self._host.list_instance_domains())
        return {guest.name: guest for guest in found if guest is not None}


def _of_domain(xml, nodes):
    """Return the guest of a domain, None for one without affinity.

    Its emulator threads are on all of its nodes, and on no others.
    """
    domain = ElementTree.fromstring(xml)
    asked = next((
        setting.value for setting in metadata.read(domain)
        if setting.name == 'numa_affinity'), None)
    if asked not in ('soft', 'strict'):
        return None
    emulator = domain.find('cputune/emulatorpin')
    cpus = cpuset.parse(
        emulator.get('cpuset', '') if emulator is not None else '')
    return affinity.Guest(
        domain.findtext('uuid'),
        int(domain.findtext('vcpu')),
        # libvirt writes it in KiB.
        int(domain.findtext('memory')) >> 10,
        asked == 'strict',
        frozenset(node.id for node in nodes if node.cpus & cpus),
        pins=tuple(
            cpuset.parse(pin.get('cpuset', ''))
            for pin in sorted(
                domain.iterfind('cputune/vcpupin'),
                key=lambda pin: int(pin.get('vcpu')))),
    )
