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

from nova.compute import resource_tracker as nova_tracker
import testtools

from nova_numa_ext.compute import resource_tracker


class Manager:

    host = 'here'
    driver = object()

    def __init__(self, tracker):
        self.reportclient = mock.create_autospec(
            nova_tracker.report.SchedulerReportClient, instance=True)
        self.rt = tracker(
            self.host, self.driver, reportclient=self.reportclient)


class InstallTest(testtools.TestCase):

    def installed(self, tracker):
        """Return the tracker in place of such a one, and the manager."""
        manager = Manager(tracker)
        virtapi = mock.Mock(spec=['_compute'], _compute=manager)
        before = manager.rt
        resource_tracker.install(virtapi)
        return before, manager

    def test_novas_tracker_is_replaced(self):
        _before, manager = self.installed(nova_tracker.ResourceTracker)
        self.assertIsInstance(
            manager.rt, resource_tracker.NumaResourceTracker)
        self.assertEqual(
            (manager.host, manager.driver, manager.reportclient),
            (manager.rt.host, manager.rt.driver, manager.rt.reportclient))

    def test_ours_stays(self):
        before, manager = self.installed(resource_tracker.NumaResourceTracker)
        self.assertIs(before, manager.rt)

    def test_somebody_elses_stays(self):

        class Other(nova_tracker.ResourceTracker):
            pass

        before, manager = self.installed(Other)
        self.assertIs(before, manager.rt)

    def test_no_manager(self):
        resource_tracker.install(mock.Mock(spec=[]))


class DeleteAllocationTest(testtools.TestCase):

    def removed(self, host, node_type):
        """Return whether the allocation of a guest on this host goes."""
        manager = Manager(resource_tracker.NumaResourceTracker)
        manager.rt.compute_nodes = {'node': mock.Mock(uuid='a node')}
        manager.rt.delete_allocation_for_evacuated_instance(
            'context', mock.Mock(uuid='a guest', host=host), 'node',
            node_type=node_type)
        remove = (
            manager.reportclient.remove_provider_tree_from_instance_allocation)
        if remove.called:
            remove.assert_called_once_with('context', 'a guest', 'a node')
        return remove.called

    def test_a_rebuild_where_the_guest_is(self):
        self.assertFalse(self.removed('here', 'destination'))

    def test_an_evacuation_to_here(self):
        self.assertTrue(self.removed('there', 'destination'))

    def test_an_evacuation_from_here(self):
        self.assertTrue(self.removed('here', 'source'))
