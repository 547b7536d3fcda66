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


import copy
from unittest import mock

from nova.scheduler.client import report
import testscenarios
import testtools

from nova_numa_ext.compute import allocations

ASKED = {'a guest': {'allocations': {'a node': {'resources': {'VCPU': 1}}}}}


class LookTest(testscenarios.WithScenarios, testtools.TestCase):
    """Any way to look at them asks, once, and shows what placement says."""

    scenarios = [
        ('truth', {'look': bool, 'seen': True}),
        ('length', {'look': len, 'seen': 1}),
        ('iteration', {'look': list, 'seen': ['a guest']}),
        ('items', {'look': lambda lazy: dict(lazy.items()), 'seen': ASKED}),
        ('item', {'look': lambda lazy: lazy['a guest'],
                  'seen': ASKED['a guest']}),
        ('get', {'look': lambda lazy: lazy.get('nobody'), 'seen': None}),
        ('membership', {'look': lambda lazy: 'nobody' in lazy,
                        'seen': False}),
        ('equality', {'look': lambda lazy: lazy == ASKED, 'seen': True}),
        ('text', {'look': str, 'seen': str(ASKED)}),
        ('copy', {'look': copy.copy, 'seen': ASKED}),
        ('own copy', {'look': lambda lazy: lazy.copy(), 'seen': ASKED}),
        ('deep copy', {'look': copy.deepcopy, 'seen': ASKED}),
    ]

    def test_look(self):
        ask = mock.Mock(spec=[], return_value=copy.deepcopy(ASKED))
        lazy = allocations.LazyAllocations(ask)
        ask.assert_not_called()
        self.assertEqual(self.seen, self.look(lazy))
        self.look(lazy)
        ask.assert_called_once_with()


class LazyAllocationsTest(testtools.TestCase):

    def lazy(self):
        return allocations.LazyAllocations(lambda: copy.deepcopy(ASKED))

    def test_a_deep_copy_is_as_it_was(self):
        # Nova keeps one to log what it changed.
        lazy = self.lazy()
        before = copy.deepcopy(lazy)
        lazy['a guest']['allocations'].clear()
        lazy['another'] = {}
        self.assertIs(dict, type(before))
        self.assertEqual(ASKED, before)
        self.assertEqual(
            {'a guest': {'allocations': {}}, 'another': {}}, lazy.data)

    def test_an_error_is_raised_by_the_look(self):
        lazy = allocations.LazyAllocations(
            mock.Mock(spec=[], side_effect=[ValueError('down'), ASKED]))
        self.assertRaises(ValueError, len, lazy)
        self.assertEqual(1, len(lazy))


class LazyClientTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = mock.create_autospec(
            report.SchedulerReportClient, instance=True)
        self.nova.get_allocations_for_provider_tree.return_value = ASKED
        self.client = allocations.LazyClient(self.nova)

    def test_nobody_looks(self):
        self.client.get_allocations_for_provider_tree('context', 'node')
        self.nova.get_allocations_for_provider_tree.assert_not_called()

    def test_somebody_looks(self):
        lazy = self.client.get_allocations_for_provider_tree(
            'context', 'node')
        self.assertEqual(1, len(lazy))
        self.nova.get_allocations_for_provider_tree.assert_called_once_with(
            'context', 'node')

    def test_a_reshape_sends_a_true_dict(self):
        lazy = self.client.get_allocations_for_provider_tree(
            'context', 'node')
        self.client.update_from_provider_tree(
            'context', 'tree', allocations=lazy)
        (call,) = self.nova.update_from_provider_tree.call_args_list
        self.assertEqual(
            mock.call('context', 'tree', allocations=ASKED), call)
        self.assertIs(dict, type(call.kwargs['allocations']))

    def test_no_reshape(self):
        self.client.update_from_provider_tree('context', 'tree')
        self.nova.update_from_provider_tree.assert_called_once_with(
            'context', 'tree', allocations=None)

    def test_all_else_is_novas(self):
        self.client.invalidate_resource_provider(name_or_uuid='a node')
        self.nova.invalidate_resource_provider.assert_called_once_with(
            name_or_uuid='a node')
