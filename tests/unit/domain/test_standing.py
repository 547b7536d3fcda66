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

import testtools

from nova_numa_ext.domain import metadata
from nova_numa_ext.domain import standing

DOMAIN = f"""
<domain type='kvm'>
  <name>instance-00000001</name>
  <uuid>6fd2a4f8-5a3c-4c5e-9d0a-8a1b2c3d4e5f</uuid>
  <metadata>
    <numa_ext:guest xmlns:numa_ext='{metadata.NAMESPACE}'>
      <numa_ext:setting name='numa_affinity' value='ASKED' source='option'/>
    </numa_ext:guest>
  </metadata>
  <memory unit='KiB'>524288</memory>
  <vcpu placement='static'>2</vcpu>
  PLACE
  <devices>
    <interface type='hostdev'>
      <source>
        <address type='pci' domain='0x0000' bus='0x81' slot='0x02'
                 function='0x1'/>
      </source>
    </interface>
    <hostdev mode='subsystem' type='pci'>
      <source>
        <address domain='0x0001' bus='0x06' slot='0x00' function='0x0'/>
      </source>
    </hostdev>
    <hostdev mode='subsystem' type='usb'>
      <source>
        <address bus='1' device='3'/>
      </source>
    </hostdev>
  </devices>
</domain>"""
PLACE = """
  <cputune>
    <vcpupin vcpu='1' cpuset='2'/>
    <vcpupin vcpu='0' cpuset='1'/>
    <emulatorpin cpuset='0-3'/>
    <iothreadpin iothread='1' cpuset='0-3'/>
  </cputune>
  <numatune>
    <memory mode='strict' nodeset='0'/>
  </numatune>"""


def domain(asked='soft', place=PLACE):
    return DOMAIN.replace('ASKED', asked).replace('PLACE', place)


class StandingTest(testtools.TestCase):

    def test_a_guest_with_a_place(self):
        self.assertEqual(
            standing.Standing(
                'instance-00000001', '6fd2a4f8-5a3c-4c5e-9d0a-8a1b2c3d4e5f',
                2, 512, True, (frozenset({1}), frozenset({2})),
                frozenset(range(4)), (1,), frozenset({0}),
                ('0000:81:02.1', '0001:06:00.0')),
            standing.of_domain(domain('strict')))

    def test_a_guest_without_a_place(self):
        found = standing.of_domain(domain(place=''))
        self.assertEqual(
            (False, (), frozenset(), (), frozenset()),
            (found.strict, found.pins, found.emulator, found.iothreads,
             found.memory))

    def test_who_asks_for_none(self):
        self.assertIsNone(standing.of_domain(domain('none')))
        self.assertIsNone(standing.of_domain(
            '<domain><vcpu>1</vcpu></domain>'))
