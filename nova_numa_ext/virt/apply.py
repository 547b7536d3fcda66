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

"""Elements of a domain onto Nova's configuration of a guest."""

from lxml import etree
from nova.objects import fields
from nova.virt.libvirt import config as vconfig

from nova_numa_ext.domain import iothreads
from nova_numa_ext.domain import metadata

# Nova writes its domains with lxml.
etree.register_namespace(metadata.PREFIX, metadata.NAMESPACE)


class TunedGuest(vconfig.LibvirtConfigGuest):
    """Nova's guest, with elements that Nova's classes cannot express.

    The elements are written when Nova asks for the XML, so that they are the
    last word.
    """

    elements = ()

    @classmethod
    def of(cls, guest, elements):
        """Return a guest like this one of Nova's, with these elements."""
        tuned = cls()
        vars(tuned).update(vars(guest))
        tuned.elements = tuple(elements)
        return tuned

    def format_dom(self):
        domain = super().format_dom()
        for element in self.elements:
            element.write(domain)
        return domain


class TunedDisk(vconfig.LibvirtConfigGuestDisk):
    """Nova's disk, served by an IO thread.

    :ivar iothread: the thread's number
    """

    def format_dom(self):
        disk = super().format_dom()
        iothreads.use(disk, self.iothread)
        return disk


def can_be_served(disk):
    """Return whether a disk of Nova's can be served by an IO thread."""
    return (type(disk) is vconfig.LibvirtConfigGuestDisk
            and iothreads.can_use(disk.format_dom()))


def serve(disk, domain):
    """Have a disk that is to be attached be served by an IO thread.

    By the one with the fewest disks. Nova's disk is changed in place: Nova
    attaches the one that it has.

    :param disk: a disk that can_be_served()
    :param domain: the XML of the guest that it is attached to
    """
    thread = iothreads.least_used(etree.fromstring(domain))
    if thread is not None:
        disk.__class__ = TunedDisk
        disk.iothread = thread


def cpu_of(guest):
    """Return the CPU of a guest as its XML has it, in Nova's own terms.

    Nova's objects do not know mode maximum. What Nova does with the mode it
    does for a host-passthrough CPU too, which has no model either.

    :param guest: a LibvirtConfigGuest
    :returns: a LibvirtConfigGuestCPU, or None for a guest without
    """
    node = guest.format_dom().find('cpu')
    if node is None:
        return None
    cpu = vconfig.LibvirtConfigGuestCPU()
    cpu.parse_dom(node)
    # Nova's parser passes over features that are disabled.
    cpu.features = set()
    for feature in node.findall('feature'):
        kept = vconfig.LibvirtConfigGuestCPUFeature(feature.get('name'))
        kept.policy = feature.get('policy')
        cpu.add_feature(kept)
    topology = node.find('topology')
    if topology is not None:
        # Nova's objects know of no dies: these are all cores of a socket.
        for group in ('dies', 'clusters'):
            cpu.cores *= int(topology.get(group) or 1)
    if cpu.mode == 'maximum':
        cpu.mode = fields.CPUMode.HOST_PASSTHROUGH
    return cpu
