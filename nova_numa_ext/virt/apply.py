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

from nova.objects import fields
from nova.virt.libvirt import config as vconfig


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
    if cpu.mode == 'maximum':
        cpu.mode = fields.CPUMode.HOST_PASSTHROUGH
    return cpu
