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

from unittest import mock

from lxml import etree
import nova.conf
from nova.virt.libvirt import host as nova_host
import testtools

from nova_numa_ext.domain import affinity as domain_affinity
from nova_numa_ext.domain import metadata
from nova_numa_ext.virt import affinity_host
from nova_numa_ext.virt import affinity_ledger
from tests.unit.topology import affine
from tests.unit.topology.affine import guest

CONF = nova.conf.CONF
FOUR = affine.host(*[(8, 16)] * 4)
DOMAIN = ('<domain><uuid>{}</uuid><memory>2097152</memory><vcpu>2</vcpu>'
          '<devices/></domain>')


def domain(found, place=None, word='soft'):
    """Return libvirt's domain of a guest."""
    tree = etree.fromstring(DOMAIN.format(found.name))
    metadata.Metadata((
        metadata.Setting('numa_affinity', word, 'option'),)).write(tree)
    if place is not None:
        domain_affinity.Affinity(place, word == 'strict').write(tree)
    made = mock.Mock(spec=['XMLDesc'])
    made.XMLDesc.return_value = etree.tostring(tree, encoding='unicode')
    return made


class LedgerTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = mock.create_autospec(nova_host.Host, instance=True)
        self.host.list_instance_domains.return_value = []
        self.facts = mock.create_autospec(
            affinity_host.AffinityHost, instance=True)
        self.facts.nodes.return_value = FOUR
        self.facts.is_overcommitted.return_value = False

    def ledger(self):
        return affinity_ledger.Ledger(self.host, self.facts)

    def test_each_sees_those_before_it(self):
        ledger = self.ledger()
        places = [ledger.place(guest(str(number), 2)) for number in range(5)]
        self.assertEqual([[0], [1], [2], [3], [0]],
                         [sorted(place.nodes) for place in places])
        self.assertFalse(
            frozenset().union(*places[0].pins)
            & frozenset().union(*places[4].pins))
        self.host.list_instance_domains.assert_called_once_with()

    def test_who_goes_makes_room(self):
        ledger = self.ledger()
        for number in range(4):
            ledger.place(guest(str(number), 2))
        ledger.gone('2')
        self.assertEqual([2], sorted(ledger.place(guest('new', 2)).nodes))
        ledger.gone('unknown')

    def test_who_is_started_anew(self):
        ledger = self.ledger()
        first = ledger.place(guest('a', 2))
        ledger.place(guest('b', 2))
        self.assertEqual(first, ledger.place(guest('a', 2)))

    def test_policy(self):
        CONF.set_override('numa_affinity_policy', 'pack', 'numa_ext')
        self.addCleanup(
            CONF.clear_override, 'numa_affinity_policy', 'numa_ext')
        ledger = self.ledger()
        places = [ledger.place(guest(str(number), 4)) for number in range(3)]
        self.assertEqual(
            [[0], [0], [1]], [sorted(place.nodes) for place in places])

    def test_where_there_is_no_room(self):
        ledger = self.ledger()
        self.assertIsNone(ledger.why_not(guest('a', 1, 64)))
        self.assertIn('cell 0 lacks', ledger.why_not(guest('a', 1, 65)))
        self.assertIn('cell 0 lacks', ledger.place(guest('a', 1, 65)))
        # Neither of them takes anything.
        self.assertIsNone(ledger.why_not(guest('b', 1, 64)))

    def test_after_a_restart(self):
        before = self.ledger()
        one = before.place(guest('1', 2, 2))
        two = before.place(guest('2', 2, 2, strict=True))
        self.host.list_instance_domains.return_value = [
            domain(guest('1'), one), domain(guest('2'), two, 'strict'),
            domain(guest('floats'), None), domain(guest('3'), one, 'none'),
            mock.Mock(**{'XMLDesc.return_value': '<domain/>'})]
        ledger = self.ledger()
        self.assertEqual([2], sorted(ledger.place(guest('4', 2)).nodes))
        self.assertEqual(one.nodes, ledger.place(guest('1', 2, 2)).nodes)
        self.assertEqual(one.pins, ledger.place(guest('1', 2, 2)).pins)
