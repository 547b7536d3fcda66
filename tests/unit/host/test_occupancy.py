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

from nova_numa_ext.host import occupancy
from nova_numa_ext.picture.model import Share
from nova_numa_ext.picture.model import Stand
from tests.unit.host import base

FLOATING = (
    '<domain><name>b-1</name><vcpu cpuset="2-3">2</vcpu><cputune>'
    '<emulatorpin cpuset="0,2-3"/></cputune></domain>')
PINNED = (
    '<domain><name>a-1</name><metadata><i:instance '
    'xmlns:i="http://openstack.org/xmlns/libvirt/nova/1.1">'
    '<i:name>web</i:name></i:instance></metadata><vcpu>2</vcpu><cputune>'
    '<vcpupin vcpu="0" cpuset="4"/><vcpupin vcpu="1" cpuset="5"/>'
    '<emulatorpin cpuset="4"/><vcpusched vcpus="1" scheduler="rr"/>'
    '</cputune><numatune><memnode cellid="0" mode="strict" nodeset="1"/>'
    '<memnode cellid="1" mode="preferred" nodeset="0-1"/></numatune>'
    '<cpu><numa><cell id="0" memory="1024"/><cell id="1" memory="2048"/>'
    '</numa></cpu></domain>')


class OccupancyTest(base.TestCase):

    def test_nobody(self):
        self.assertEqual(
            occupancy.Occupancy((), {}, {}, frozenset()),
            occupancy.of_domains([]))

    def test_a_pinned_guest(self):
        found = occupancy.of_domains([PINNED])
        self.assertEqual(('a: a-1 (web)',), found.guests)
        self.assertEqual(
            {4: Stand('vcpu', 'a0', 0), 5: Stand('realtime', 'a1', 0)},
            found.stands)
        self.assertEqual({4, 5}, found.dedicated)
        self.assertEqual(
            {1: (Share('a node 0', 1024, 0), Share('a node 1', 1024, 0)),
             0: (Share('a node 1', 1024, 0),)}, found.shares)

    def test_a_guest_that_floats(self):
        found = occupancy.of_domains([FLOATING])
        self.assertEqual(
            {0: Stand('emulator', guest=0), 2: Stand('shared'),
             3: Stand('shared')}, found.stands)
        self.assertEqual(frozenset(), found.dedicated)

    def test_two_that_float_on_the_same_cpus(self):
        plain = '<domain><vcpu cpuset="2">1</vcpu></domain>'.replace(
            '"2"', '"2-3"')
        self.assertEqual(
            {2: Stand('shared'), 3: Stand('shared')},
            occupancy.of_domains([plain, plain]).stands)

    def test_two_on_one_cpu(self):
        found = occupancy.of_domains([PINNED, PINNED, PINNED])
        self.assertEqual(Stand('vcpu', 'a0+', 0), found.stands[4])

    def test_a_guest_without_pins(self):
        found = occupancy.of_domains(
            ['<domain><name>n</name><vcpu>4</vcpu></domain>'])
        self.assertEqual((('a: n',), {}), (found.guests, found.stands))

    def test_many_guests_have_letters_of_their_own(self):
        found = occupancy.of_domains([PINNED] * 800)
        letters = {name.partition(':')[0] for name in found.guests}
        self.assertEqual(800, len(letters))
        self.assertLess({'z', 'aa', 'zz', 'aaa'}, letters)
