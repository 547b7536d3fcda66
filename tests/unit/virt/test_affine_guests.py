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

import inspect
import re
import types
from unittest import mock

import fixtures
from lxml import etree
from nova import objects
from nova.compute import task_states
import nova.conf
from nova.virt import event as virtevent
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import guest as nova_guest
import testtools

from nova_numa_ext import policy
from nova_numa_ext.conf import opts
from nova_numa_ext.virt import affine_guests
from nova_numa_ext.virt import affinity_ledger
from nova_numa_ext.virt import driver
from tests.unit.domain import test_standing

CONF = nova.conf.CONF
opts.register_opts(CONF)

#: What a guest's life consists of, as Nova has it.
LIFE = (
    'create', 'delete', 'stop', 'start', 'reboot', 'rebuild', 'resize',
    'rescue', 'unrescue', 'soft delete', 'restore', 'shelve', 'migration in',
    'migration out', 'revert', 'live migration', 'rollback of it')
INSTANCE = types.SimpleNamespace(uuid='a', name='guest')


def table():
    """Return where each operation ends, as the module says it."""
    found = {}
    rows = inspect.getdoc(affine_guests).split('=\n')[2].splitlines()[:-1]
    for row in rows:
        operation, hooks = row[:27].strip(), row[28:]
        if operation and not operation.startswith('and '):
            last = found.setdefault(operation, [])
        last += re.findall('[a-z_]+(?=,|$)', hooks)
    return found


class Nova:
    """Methods of Nova's driver, each noted with what goes on then."""

    def __init__(self):
        self.ran = []
        self.asks = True
        self._affinity = mock.create_autospec(
            affinity_ledger.Ledger, instance=True)
        self._affinity.operation.side_effect = self._begin
        self.under_way = []

    def _begin(self, uuid, after):
        self.under_way.append((uuid, after))
        return mock.MagicMock(__exit__=self._end)

    def _end(self, *error):
        self.under_way.pop()

    def emit_event(self, event):
        self.ran.append('emit_event')

    def get_available_resource(self, nodename):
        self.ran.append(nodename)
        return nodename

    def _register_undefined_instance_details(self, context, instance):
        self.ran.append('_register_undefined_instance_details')

    def _live_migration_operation(self, context, instance, dest, *args,
                                  **kwargs):
        self.ran += args


def _noted(name):
    def method(self, *args, **kwargs):
        self.ran.append((name, args, kwargs, *self.under_way))
        return 'as Nova has it'
    return method


HOOKED = [name for name, value in vars(affine_guests.AffineGuests).items()
          if callable(value) and not name.startswith('_')
          and name not in ('emit_event', 'get_available_resource')]
for _name in HOOKED:
    setattr(Nova, _name, _noted(_name))


class Driver(affine_guests.AffineGuests, Nova):

    def _asks_affinity(self, instance):
        return self.asks

    def _follows(self):
        return True


class TableTest(testtools.TestCase):

    def test_it_has_the_life_of_guests(self):
        self.assertEqual(LIFE, tuple(table())[:len(LIFE)])

    def test_all_of_it_is_hooked(self):
        hooks = {hook for found in table().values() for hook in found}
        self.assertEqual(
            {*HOOKED, 'emit_event', 'get_available_resource'}, hooks)

    def test_hooks_are_called_as_novas(self):
        for name in HOOKED:
            self.assertEqual(
                inspect.signature(getattr(nova_driver.LibvirtDriver, name)),
                inspect.signature(getattr(
                    affine_guests.AffineGuests, name)), name)

    def test_they_are_around_all_that_ours_do(self):
        order = driver.NumaLibvirtDriver.__mro__
        ours = order.index(affine_guests.AffineGuests)
        others = {
            base.__name__ for base in order[1:ours]
            if any(name in vars(base) for name in HOOKED)}
        self.assertEqual(set(), others)


class HooksTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = Driver()

    def call(self, name, **kwargs):
        """Return what the ledger is told of an operation, while it runs."""
        given = {
            parameter.name: INSTANCE if parameter.name == 'instance'
            else parameter.name
            for parameter in inspect.signature(getattr(
                affine_guests.AffineGuests, name)).parameters.values()
            if parameter.name != 'self' and parameter.default is
            inspect.Parameter.empty}
        for args, more in (((), given), (tuple(given.values()), {})):
            self.driver.ran.clear()
            self.assertEqual('as Nova has it', getattr(self.driver, name)(
                *args, **more, **kwargs))
            (ran, novas, more_of_novas, told), = self.driver.ran
            self.assertEqual((name, args, {**more, **kwargs}),
                             (ran, novas, more_of_novas))
        self.assertEqual([], self.driver.under_way)
        self.assertEqual(INSTANCE.uuid, told[0])
        return told[1]

    def test_what_each_leaves_behind(self):
        self.assertEqual({
            'spawn': 'started',
            'destroy': 'gone',
            'power_off': 'stopped',
            'power_on': 'started',
            'reboot': 'restarted',
            'rescue': 'started',
            'unrescue': 'unsure',
            'resume_state_on_host_boot': 'started',
            'suspend': 'stopped',
            'resume': 'unsure',
            'migrate_disk_and_power_off': 'gone',
            'finish_migration': 'started',
            'finish_revert_migration': 'started',
            'live_migration': 'unsure',
            'post_live_migration_at_source': 'gone',
            'post_live_migration_at_destination': 'came',
            'rollback_live_migration_at_source': 'unsure',
            'rollback_live_migration_at_destination': 'gone',
        }, {name: self.call(name) for name in HOOKED})

    def test_a_guest_that_is_not_started(self):
        for name in ('spawn', 'finish_migration', 'finish_revert_migration'):
            self.assertEqual('stopped', self.call(name, power_on=False))

    def test_a_guest_that_is_rebuilt(self):
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.virt.test_affine_guests.INSTANCE', objects.Instance(
                uuid='a', task_state=task_states.REBUILDING)))
        self.assertEqual('kept', self.call('destroy'))
        self.assertEqual('kept', self.call('power_off'))
        self.assertEqual('started', self.call('spawn'))

    def test_a_guest_without_affinity_comes(self):
        self.driver.asks = False
        self.assertEqual(
            'gone', self.call('post_live_migration_at_destination'))

    def test_before_there_is_a_ledger(self):
        self.driver._affinity = None
        self.driver.destroy(None, INSTANCE, None)
        self.driver.emit_event(virtevent.LifecycleEvent(
            'a', virtevent.EVENT_LIFECYCLE_STOPPED))
        self.driver.get_available_resource('node')
        self.driver._register_undefined_instance_details(None, INSTANCE)
        self.assertEqual(4, len(self.driver.ran))

    def test_events(self):
        for transition in (virtevent.EVENT_LIFECYCLE_STARTED,
                           virtevent.EVENT_LIFECYCLE_PAUSED,
                           virtevent.EVENT_LIFECYCLE_STOPPED):
            self.driver.emit_event(
                virtevent.LifecycleEvent('a', transition))
        self.assertEqual(3, len(self.driver.ran))
        self.assertEqual(
            [mock.call('a', True), mock.call('a', False)],
            self.driver._affinity.happened.call_args_list)

    def audit(self, has_any, is_new, follows=True):
        ledger = self.driver._affinity
        ledger.settle.reset_mock()
        ledger.has_any.return_value = has_any
        ledger.is_new = is_new
        self.useFixture(fixtures.MockPatchObject(
            Driver, '_follows', return_value=follows))
        self.assertEqual(
            'node', self.driver.get_available_resource('node'))
        self.assertEqual(
            ledger.settle.call_count, ledger.report.call_count)
        ledger.report.reset_mock()
        return ledger.settle.mock_calls == [mock.call(look=True)]

    def test_audits(self):
        self.assertTrue(self.audit(has_any=True, is_new=False))
        self.assertFalse(self.audit(has_any=False, is_new=False))
        # Where it costs nothing.
        self.assertTrue(self.audit(has_any=False, is_new=True))
        self.assertFalse(
            self.audit(has_any=False, is_new=True, follows=False))

    def test_the_start_of_nova_compute(self):
        for asks in True, False:
            self.driver.asks = asks
            self.driver._register_undefined_instance_details(None, INSTANCE)
        self.driver._affinity.may_stand.assert_called_once_with('a')

    def test_a_guest_that_travels(self):
        guest = nova_guest.Guest(mock.Mock(spec=['XMLDesc']))
        self.driver._live_migration_operation(
            None, INSTANCE, 'there', False, 'data', guest, [])
        _block, data, traveller, devices = self.driver.ran
        self.assertEqual(('data', []), (data, devices))
        guest._domain.XMLDesc.return_value = test_standing.domain()
        found = traveller.get_xml_desc(dump_migratable=True)
        self.assertNotIn('pin', found)
        self.assertNotIn('numatune', found)


class AsksTest(testtools.TestCase):

    def asks(self, asked, **instance):
        CONF.set_override('numa_affinity', 'soft', 'numa_ext')
        self.addCleanup(CONF.clear_override, 'numa_affinity', 'numa_ext')
        driver = affine_guests.AffineGuests()
        driver._policy = mock.Mock(side_effect=[asked])
        return driver._asks_affinity(objects.Instance(**instance))

    def test_what_is_asked_for(self):
        self.assertTrue(self.asks(policy.GuestPolicy()))
        self.assertFalse(self.asks(policy.GuestPolicy(numa_affinity='none')))

    def test_a_guest_with_nodes_of_its_own(self):
        self.assertFalse(self.asks(
            policy.GuestPolicy(),
            numa_topology=objects.InstanceNUMATopology(cells=[])))
        self.assertTrue(self.asks(policy.GuestPolicy(), numa_topology=None))

    def test_what_cannot_be_told(self):
        for error in policy.Refused, KeyError('flavor'):
            self.assertFalse(self.asks(error))


class WithoutPlaceTest(testtools.TestCase):

    def test_the_rest_is_kept(self):
        before = test_standing.domain()
        after = etree.fromstring(affine_guests.without_place(before))
        self.assertEqual([], after.findall('cputune/*'))
        for path in ('metadata', 'devices', 'vcpu', 'memory'):
            self.assertEqual(
                etree.tostring(etree.fromstring(before).find(path)),
                etree.tostring(after.find(path)), path)

    def test_who_has_no_affinity(self):
        xml = test_standing.domain('none')
        self.assertIs(xml, affine_guests.without_place(xml))
