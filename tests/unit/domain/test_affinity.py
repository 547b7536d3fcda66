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

from nova_numa_ext.domain import affinity
from nova_numa_ext.topology import affinity_model
from tests import golden
from tests.unit.domain import base

PLACE = affinity_model.Place(
    frozenset({1, 3}), (frozenset({4}), frozenset({12, 13, 14})),
    frozenset({4, 5, 12, 13, 14}), 'a test')
CPUTUNE = (
    '<cputune>{}<vcpupin vcpu="0" cpuset="4"/>'
    '<vcpupin vcpu="1" cpuset="12-14"/><emulatorpin cpuset="4-5,12-14"/>{}'
    '</cputune>')
BOUND = '<numatune><memory mode="strict" nodeset="1,3"/></numatune>'


class TestConfigure(base.ElementTestCase):

    def test_without_place(self):
        self.assertIsNone(affinity.configure(base.guest(
            golden.specs(numa_affinity='strict'))))

    def test_with_place(self):
        for word in ('soft', 'strict'):
            self.assertEqual(
                affinity.Affinity(PLACE, word == 'strict'),
                affinity.configure(base.guest(
                    golden.specs(numa_affinity=word), place=PLACE)))


class TestWrite(base.ElementTestCase):

    def test_soft(self):
        self.assertWrites(
            f'<vcpu>2</vcpu>{CPUTUNE.format("", "")}<devices/>',
            affinity.Affinity(PLACE, False), '<vcpu>2</vcpu><devices/>')

    def test_strict(self):
        self.assertWrites(
            f'{BOUND}<vcpu>2</vcpu>{CPUTUNE.format("", "")}<clock/>',
            affinity.Affinity(PLACE, True), '<vcpu>2</vcpu><clock/>')

    def test_what_nova_has_written(self):
        """Shares and quota stay; libvirt takes pins in any order."""
        quota = '<shares>2</shares><quota>1000</quota>'
        self.assertWrites(
            f'<os/>{CPUTUNE.format(quota, "")}',
            affinity.Affinity(PLACE, False),
            f'<os/><cputune>{quota}<vcpupin vcpu="0" cpuset="0"/>'
            '<emulatorpin cpuset="0"/></cputune>')

    def test_iothreads(self):
        pins = ''.join(
            f'<iothreadpin iothread="{number}" cpuset="4-5,12-14"/>'
            for number in (1, 2))
        self.assertWrites(
            f'<iothreads>2</iothreads>{CPUTUNE.format("", pins)}',
            affinity.Affinity(PLACE, False), '<iothreads>2</iothreads>')
