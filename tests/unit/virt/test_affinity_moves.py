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

import dataclasses
from unittest import mock

from nova.tests.fixtures import libvirt as fakelibvirt

from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affinity_known
from nova_numa_ext.virt import affinity_moves
from tests.unit.virt import affine_libvirt

HERE, THERE = (
    affinity.Place(
        frozenset({node}), (frozenset({4 * node}), frozenset({4 * node + 1})),
        frozenset(range(4 * node, 4 * node + 4)), 'it is')
    for node in (0, 1))


class MoveTest(affine_libvirt.TestCase):

    def move(self, place=THERE, strict=False, **known):
        guest = affine_libvirt.guest('a', strict=strict)
        self.libvirt.start(guest, HERE, iothreads=2)
        self.domain = self.libvirt.domains[guest.name]
        known = affinity_known.Known(guest, **known).at(HERE)
        return affinity_moves.move(
            self.domain, dataclasses.replace(known, iothreads=(1, 2)), place)

    def assertStands(self, place, nodes, which):
        found = self.domain.standing(which)
        self.assertEqual(
            (place.pins, place.emulator, frozenset(nodes)),
            (found.pins, found.emulator, found.memory))

    def test_soft(self):
        self.assertIsNone(self.move())
        for which in affine_libvirt.LIVE, affine_libvirt.CONFIG:
            self.assertStands(THERE, (), which)
        self.assertEqual(
            ['pinVcpuFlags', 'pinVcpuFlags', 'pinEmulator', 'pinIOThread',
             'pinIOThread'], self.libvirt.take())

    def test_strict(self):
        self.assertIsNone(self.move(strict=True))
        for which in affine_libvirt.LIVE, affine_libvirt.CONFIG:
            self.assertStands(THERE, {1}, which)
        # Its threads come after its memory, which may be refused.
        self.assertEqual('setNumaParameters', self.libvirt.take()[0])

    def test_strict_on_the_same_nodes(self):
        self.libvirt.fails['setNumaParameters'] = affine_libvirt.error()
        self.assertIsNone(self.move(HERE, strict=True))
        self.assertStands(HERE, {0}, affine_libvirt.LIVE)

    def test_strict_that_has_to_wait(self):
        self.libvirt.fails['setNumaParameters', affine_libvirt.LIVE] = (
            affine_libvirt.error(fakelibvirt.VIR_ERR_OPERATION_INVALID))
        self.assertEqual('no cgroup', self.move(strict=True))
        self.assertStands(HERE, {0}, affine_libvirt.LIVE)
        self.assertStands(THERE, {1}, affine_libvirt.CONFIG)

    def test_strict_that_does_not_run(self):
        self.useFixture(affine_libvirt.fixtures.MonkeyPatch(
            'tests.unit.virt.affine_libvirt.Domain.isActive',
            lambda domain: False))
        self.libvirt.fails['setNumaParameters'] = affine_libvirt.error(
            fakelibvirt.VIR_ERR_OPERATION_INVALID)
        found = self.assertRaises(
            fakelibvirt.libvirtError, self.move, strict=True)
        self.assertTrue(affinity_moves.is_gone(self.domain, found))
        self.assertStands(HERE, {0}, affine_libvirt.CONFIG)

    def test_who_is_gone(self):
        self.move()
        invalid, no_domain, other = (affine_libvirt.error(code) for code in (
            fakelibvirt.VIR_ERR_OPERATION_INVALID,
            fakelibvirt.VIR_ERR_NO_DOMAIN,
            fakelibvirt.VIR_ERR_INTERNAL_ERROR))
        self.assertEqual(
            [False, True, False],
            [affinity_moves.is_gone(self.domain, error)
             for error in (invalid, no_domain, other)])
        domain = mock.Mock(spec=['isActive'])
        for answer, gone in ((0, True), (no_domain, True), (other, False)):
            domain.isActive.side_effect = [answer]
            self.assertIs(gone, affinity_moves.is_gone(domain, invalid))
