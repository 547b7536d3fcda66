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

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt

from nova_numa_ext import figures
from nova_numa_ext.topology import affinity
from nova_numa_ext.virt import affinity_ledger
from tests.unit.domain import test_standing
from tests.unit.host import test_affine
from tests.unit.host import tree
from tests.unit.virt import affine_libvirt

A, B, C = (affine_libvirt.guest(name) for name in 'abc')
#: What moving a guest of two vCPUs takes, and finding out who runs.
MOVED = ['list', 'XMLDesc', 'pinVcpuFlags', 'pinVcpuFlags', 'pinEmulator']


class Killed(BaseException):
    """As eventlet ends a thread."""


def strict(guest):
    return dataclasses.replace(guest, strict=True)


class LedgerTest(affine_libvirt.TestCase):

    def test_who_comes_is_told_where(self):
        self.start(A, B, C)
        self.assertEqual([[0], [1], [0]], self.nodes(A, B, C))
        # Once it has to be known who is here.
        self.assertEqual(['list'], self.libvirt.take())

    def test_who_goes_makes_room(self):
        self.start(A, B, C)
        self.libvirt.take()
        self.stop(B)
        self.assertEqual(MOVED, self.libvirt.take())
        moved, stays = sorted(
            (A, C), key=lambda guest: self.nodes(guest), reverse=True)
        self.assertEqual([[1], [0]], self.nodes(moved, stays))
        for which in affine_libvirt.LIVE, affine_libvirt.CONFIG:
            self.assertEqual(
                (frozenset(range(4, 8)),) * 2,
                self.libvirt.standing(moved, which).pins)
        self.assertIn(
            'moved from NUMA node 0 to NUMA node 1: cell 0 had a load of '
            '1.00\n', self.log.output)

    def test_how_much_memory_followed(self):
        self.start(A, B, C)
        self.stop(B)
        moved, = (guest for guest in (A, C) if self.nodes(guest) == [[1]])
        files = test_affine.files()
        files['proc/4000/cmdline'] = f'qemu\\x00-uuid\\x00{moved.name}'
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(files)).reader))
        self.ledger.report()
        said = ('of the memory of the guest that moved, 75.0 % is not on '
                'NUMA node 1 yet\n')
        self.assertEqual(1, self.log.output.count(said))
        self.ledger.report()
        self.assertEqual(1, self.log.output.count(said))

    def test_memory_that_cannot_be_read(self):
        self.start(A, B, C)
        self.stop(B)
        before = self.log.output
        self.ledger.report()
        self.assertEqual(before, self.log.output)

    def test_nobody_is_asked_where_nobody_moves(self):
        self.start(A, B)
        self.libvirt.take()
        for after in 'stopped', 'gone':
            self.stop(B, after)
            self.start(B)
        self.assertEqual([], self.libvirt.take())
        self.assertEqual([[0], [1]], self.nodes(A, B))

    def test_others_are_nobodys_concern(self):
        self.start(A)
        self.libvirt.take()
        for after in ('started', 'restarted', 'stopped', 'unsure', 'gone'):
            with self.ledger.operation('another', after):
                self.ledger.happened('another', True)
                self.ledger.happened('another', False)
        self.assertEqual([], self.libvirt.take())

    def test_where_there_is_none(self):
        self.ledger.settle()
        with self.ledger.operation('another', 'started'):
            pass
        self.assertEqual([], self.libvirt.take())
        self.assertFalse(self.ledger.has_any())

    def test_io_threads_stand_beside_the_emulator(self):
        self.start(A, B, C, iothreads=1)
        self.stop(B)
        self.assertIn('pinIOThread', self.libvirt.take())
        for guest in A, C:
            self.assertIn(
                '<iothreadpin iothread="1" cpuset="{}" />'.format(
                    '0-3' if self.nodes(guest) == [[0]] else '4-7'),
                self.libvirt.domains[guest.name].XMLDesc())

    def test_each_vcpu_its_own_cpu_as_long_as_there_are_enough(self):
        self.host.over = False
        self.start(A, B, C)
        self.assertEqual(
            [[1, 1], [1, 1], [1, 1]],
            [[len(cpus) for cpus in self.libvirt.standing(guest).pins]
             for guest in (A, B, C)])
        self.libvirt.take()
        # More than there are CPUs.
        late = affine_libvirt.guest('late', vcpus=4)
        self.start(late)
        shares = [guest for guest in (A, B, C)
                  if self.nodes(guest) == self.nodes(late)]
        self.assertEqual(
            [[4, 4]] * len(shares),
            [[len(cpus) for cpus in self.libvirt.standing(guest).pins]
             for guest in shares])

    def test_a_guest_without_room_gets_it_when_there_is_some(self):
        big = dataclasses.replace(A, memory_mib=4096)
        self.start(big, dataclasses.replace(B, memory_mib=4096))
        late = dataclasses.replace(C, memory_mib=4096)
        self.start(late)
        self.assertEqual([[]], self.nodes(late))
        self.stop(big)
        self.assertEqual([[0]], self.nodes(late))
        self.assertIn('moved from any NUMA node to NUMA node 0',
                      self.log.output)

    def test_policy(self):
        affinity_ledger.CONF.set_override(
            'numa_affinity_policy', 'pack', 'numa_ext')
        self.addCleanup(affinity_ledger.CONF.clear_override,
                        'numa_affinity_policy', 'numa_ext')
        self.start(A, B, C)
        self.assertEqual([[0], [0], [1]], self.nodes(A, B, C))

    def test_who_is_started_anew_stays(self):
        self.host.over = False
        self.start(A, B, C)
        before = [self.libvirt.standing(guest) for guest in (A, B, C)]
        for guest in A, B, C:
            place = self.ledger.place(guest)
            self.assertEqual(
                self.libvirt.standing(guest).pins, place.pins)
        self.assertEqual(
            before, [self.libvirt.standing(guest) for guest in (A, B, C)])

    def test_why_not(self):
        self.assertIsNone(self.ledger.why_not(A))
        self.assertIn('memory', self.ledger.why_not(
            dataclasses.replace(A, memory_mib=1 << 20)))
        self.start(B)
        # Nobody has a place by being asked about.
        self.assertEqual([[0]], self.nodes(B))


class RestartTest(affine_libvirt.TestCase):
    """nova-compute, or libvirtd, was started anew."""

    def setUp(self):
        super().setUp()
        self.start(A, B, C)
        self.libvirt.take()

    def restart(self):
        self.ledger = affinity_ledger.Ledger(self.libvirt, self.host)
        for guest in A, B, C:
            self.ledger.may_stand(guest.name)

    def test_nobody_moves(self):
        for over in True, False:
            self.host.over = over
            self.restart()
            self.ledger.settle(look=True)
            self.libvirt.take()
            self.restart()
            self.ledger.settle(look=True)
            self.assertEqual(['list', *['XMLDesc'] * 3], self.libvirt.take())

    def test_who_goes_then(self):
        self.restart()
        self.stop(B, 'gone')
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))

    def test_who_comes_then(self):
        self.restart()
        self.stop(B, 'gone')
        self.start(B)
        self.assertEqual(3, len(self.nodes(A, B, C)))
        self.assertEqual(2, len({str(node) for node in self.nodes(A, B, C)}))

    def test_guests_without_affinity_are_passed_over(self):
        for number, xml in enumerate((
                '<domain/>', test_standing.domain('none'))):
            self.libvirt.domains[str(number)] = mock.Mock(
                spec=['UUIDString', 'XMLDesc'], **{
                    'UUIDString.return_value': str(number),
                    'XMLDesc.return_value': xml})
        self.restart()
        self.ledger.settle(look=True)
        self.assertEqual(
            {A.name, B.name, C.name},
            {guest.name for guest in self.ledger._guests()})

    def test_an_audit_that_reads_all(self):
        self.ledger = affinity_ledger.Ledger(self.libvirt, self.host)
        self.assertTrue(self.ledger.is_new)
        self.ledger.settle(look=True)
        self.assertTrue(self.ledger.has_any())
        self.assertFalse(self.ledger.is_new)

    def test_events_were_lost(self):
        del self.libvirt.domains[B.name]
        self.ledger.doubt()
        self.ledger.settle()
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))

    def test_devices_are_found_again(self):
        near = affine_libvirt.guest('near', near=frozenset({1}))
        self.start(near)
        self.assertEqual([[1]], self.nodes(near))
        devices = self.libvirt.domains[near.name].xml[1].find('devices')
        hostdev = affine_libvirt.ElementTree.fromstring(
            '<hostdev type="pci"><source><address domain="0x0" bus="0x81" '
            'slot="0x0" function="0x0"/></source></hostdev>')
        devices.append(hostdev)
        files = {'sys/bus/pci/devices/0000:81:00.0/numa_node': '1'}
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(files)).reader))
        self.restart()
        self.ledger.settle(look=True)
        self.assertEqual(
            [frozenset({1})],
            [guest.near for guest in self.ledger._guests()
             if guest.name == near.name])


class StrictTest(affine_libvirt.TestCase):

    def setUp(self):
        super().setUp()
        self.guests = [strict(guest) for guest in (A, B, C)]
        self.start(*self.guests)
        self.libvirt.take()

    def memory(self, which):
        return sorted(
            sorted(self.libvirt.standing(guest, which).memory)
            for guest in self.guests if guest.name in self.libvirt.domains)

    def test_memory_moves_with_the_guest(self):
        self.stop(self.guests[1])
        self.assertEqual([[0], [1]], self.memory(affine_libvirt.LIVE))
        self.assertEqual([[0], [1]], self.memory(affine_libvirt.CONFIG))
        self.assertEqual([[0], [1]], sorted(self.nodes(
            self.guests[0], self.guests[2])))

    def test_memory_that_cannot_move(self):
        self.libvirt.fails['setNumaParameters', affine_libvirt.LIVE] = (
            affine_libvirt.error())
        self.stop(self.guests[1])
        left = self.guests[0], self.guests[2]
        # It runs on as it is, threads and memory.
        self.assertEqual([[0], [0]], self.memory(affine_libvirt.LIVE))
        self.assertEqual([[0], [0]], self.nodes(*left))
        self.assertEqual([[0], [1]], self.memory(affine_libvirt.CONFIG))
        self.assertEqual([[0], [1]], sorted(self.nodes(
            *left, which=affine_libvirt.CONFIG)))
        self.assertIn('from NUMA node 0 to NUMA node 1 at its next start: ',
                      self.log.output)
        self.assertIn('cannot be moved while it runs: no cgroup\n',
                      self.log.output)

        # It is said once.
        self.libvirt.take()
        self.ledger.settle(look=True)
        self.assertEqual(['list'], self.libvirt.take())

        # A reboot from within Nova's own definition has it there.
        waits, = (guest for guest in left if self.nodes(
            guest, which=affine_libvirt.CONFIG) == [[1]])
        with self.ledger.operation(waits.name, 'restarted'):
            domain = self.libvirt.domains[waits.name]
            domain.xml[affine_libvirt.LIVE] = domain.xml[
                affine_libvirt.CONFIG]
        self.assertEqual(['list', 'XMLDesc'], self.libvirt.take())
        self.assertEqual([[0], [1]], sorted(self.nodes(*left)))


class FailureTest(affine_libvirt.TestCase):

    def setUp(self):
        super().setUp()
        self.start(A, B, C)
        self.libvirt.take()
        self.errors = figures.value('affinity_errors_total')

    def assertErrors(self, number):
        self.assertEqual(
            number, figures.value('affinity_errors_total') - self.errors)

    def test_a_move_that_fails(self):
        self.libvirt.fails['pinEmulator'] = affine_libvirt.error()
        self.stop(B)
        self.assertIn('stays on NUMA node 0, and was to be on NUMA node 1: '
                      'no cgroup. This is tried again in the next audit.',
                      self.log.output)
        self.assertErrors(1)

        self.libvirt.fails.clear()
        self.ledger.settle(look=True)
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))
        self.assertErrors(1)

    def test_who_stops_while_being_moved(self):
        self.libvirt.fails['pinVcpuFlags'] = affine_libvirt.error(
            fakelibvirt.VIR_ERR_NO_DOMAIN)
        self.stop(B)
        self.assertIn('pinVcpuFlags', self.libvirt.take())
        self.libvirt.fails['pinVcpuFlags'] = affine_libvirt.error(
            fakelibvirt.VIR_ERR_OPERATION_INVALID)
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.virt.affine_libvirt.Domain.isActive',
            lambda domain: False))
        self.ledger.settle(look=True)
        self.assertIn('pinVcpuFlags', self.libvirt.take())
        self.assertErrors(0)
        self.assertNotIn('tried again', self.log.output)

    def test_who_stops_before_being_read(self):
        self.libvirt.fails['XMLDesc'] = affine_libvirt.error(
            fakelibvirt.VIR_ERR_NO_DOMAIN)
        with self.ledger.operation(A.name, 'unsure'):
            pass
        self.assertErrors(0)
        self.libvirt.fails['XMLDesc'] = affine_libvirt.error()
        with self.ledger.operation(B.name, 'unsure'):
            pass
        self.assertErrors(1)

    def test_a_libvirt_that_does_not_answer(self):
        self.libvirt.fails['list'] = affine_libvirt.error(said='no answer')
        self.stop(B)
        self.assertIn('(no answer)', self.log.output)
        self.assertErrors(1)
        self.libvirt.fails.clear()
        self.start(B)
        self.ledger.settle(look=True)
        self.assertEqual(3, len(self.nodes(A, B, C)))

    def test_a_host_that_is_not_known(self):
        self.host.host = ValueError('no nodes')
        late = affine_libvirt.guest('late')
        self.assertEqual('it is not known who stands here: no nodes',
                         self.ledger.place(late))
        self.assertEqual('it is not known who stands here: no nodes',
                         self.ledger.why_not(late))
        self.ledger.settle()
        self.assertErrors(3)

    def test_an_operation_that_fails_is_still_its_own_failure(self):
        def fail():
            with self.ledger.operation(B.name, 'started'):
                del self.libvirt.domains[B.name]
                raise ValueError
        self.libvirt.fails['pinEmulator'] = affine_libvirt.error()
        self.assertRaises(ValueError, fail)
        self.assertErrors(1)

    def test_what_ends_the_thread_ends_no_other(self):
        with mock.patch.object(
                affinity, 'plan', autospec=True, side_effect=Killed):
            self.assertRaises(Killed, self.ledger.settle)
        self.stop(B)
        self.assertIn('list', self.libvirt.take())


class MeanwhileTest(affine_libvirt.TestCase):
    """Operations and events at the same time."""

    def setUp(self):
        super().setUp()
        self.start(A, B, C)
        self.libvirt.take()

    def test_they_coalesce(self):
        def others_end():
            self.libvirt.on_call = lambda: None
            before = list(self.libvirt.calls)
            for _number in range(3):
                self.ledger.settle(look=True)
            self.assertEqual(before, self.libvirt.calls)

        self.libvirt.on_call = others_end
        self.stop(B)
        # Once more for the three of them.
        self.assertEqual([*MOVED, 'list'], self.libvirt.take())

    def test_who_is_being_changed_is_left_alone(self):
        with self.ledger.operation(A.name, 'started'):
            with self.ledger.operation(C.name, 'started'):
                self.stop(B)
                self.assertEqual([[0], [0]], self.nodes(A, C))
                self.assertEqual([], self.libvirt.take())
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))

    def test_who_is_being_restarted_is_not_forgotten(self):
        with self.ledger.operation(B.name, 'started'):
            domain = self.libvirt.domains.pop(B.name)
            self.ledger.settle(look=True)
            self.libvirt.domains[B.name] = domain
        self.assertEqual([[0], [1], [0]], self.nodes(A, B, C))

    def test_what_is_done_within_ends_with_the_whole(self):
        with self.ledger.operation(B.name, 'started'):
            domain = self.libvirt.domains[B.name]
            self.stop(B)
            self.assertEqual([], self.libvirt.take())
            self.ledger.place(B)
            self.libvirt.domains[B.name] = domain
        self.assertEqual([], self.libvirt.take())
        self.assertEqual([[0], [1], [0]], self.nodes(A, B, C))

    def test_who_is_changed_while_being_moved_is_read_again(self):
        def changes():
            self.libvirt.on_call = lambda: None
            for guest in A, C:
                with self.ledger.operation(guest.name, 'unsure'):
                    pass

        self.libvirt.on_call = changes
        self.stop(B)
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))
        self.libvirt.take()
        self.ledger.settle(look=True)
        self.assertEqual(['list'], self.libvirt.take())

    def test_who_is_restarted_while_being_moved_is_read_again(self):
        def restart():
            self.libvirt.on_call = lambda: None
            # Where it was to go is no longer the least loaded.
            self.start(B, A, C)

        self.libvirt.on_call = restart
        self.stop(B)
        self.assertEqual(
            {guest.name: [*guest.nodes] for guest in self.ledger._guests()},
            {guest.name: self.nodes(guest)[0] for guest in (A, B, C)})

    def test_events_of_what_guests_do_themselves(self):
        domain = self.libvirt.domains.pop(B.name)
        self.ledger.happened(B.name, False)
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))
        self.libvirt.take()

        self.libvirt.domains[B.name] = domain
        self.ledger.happened(B.name, True)
        self.assertEqual(['list', 'XMLDesc'], self.libvirt.take())

    def test_events_of_what_nova_did(self):
        with self.ledger.operation(A.name, 'restarted'):
            self.ledger.happened(A.name, False)
            self.ledger.happened(A.name, True)
        self.assertEqual([], self.libvirt.take())
        self.stop(B, 'gone')
        self.libvirt.take()
        self.ledger.happened(B.name, False)
        self.ledger.happened(A.name, True)
        self.assertEqual([], self.libvirt.take())

    def test_who_comes_from_another_host(self):
        late = affine_libvirt.guest('late')
        with self.ledger.operation(late.name, 'came'):
            self.libvirt.start(late)
        self.assertEqual([[1]], self.nodes(late))
        self.assertIn('moved from any NUMA node to NUMA node 1',
                      self.log.output)

    def test_who_was_woken_up(self):
        domain = self.libvirt.domains[B.name]
        self.stop(B)
        with self.ledger.operation(B.name, 'unsure'):
            self.libvirt.domains[B.name] = domain
        self.assertEqual(2, len({
            str(node) for node in self.nodes(A, B, C)}))

    def test_a_rebuild(self):
        self.stop(B, 'kept')
        self.assertEqual([], self.libvirt.take())
        self.start(B)
        self.assertEqual([[0], [1], [0]], self.nodes(A, B, C))
        # One that fails later is seen by the next audit.
        self.stop(B, 'kept')
        self.ledger.settle(look=True)
        self.assertEqual([[0], [1]], sorted(self.nodes(A, C)))

    def test_a_spawn_that_failed(self):
        late = affine_libvirt.guest('late')
        with self.ledger.operation(late.name, 'started'):
            self.ledger.place(late)
            self.ledger.gone(late.name)
        self.assertEqual([], self.libvirt.take())
