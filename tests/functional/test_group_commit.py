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

"""Many guests at once: few saves, and nobody goes on before its own."""

import threading
import time

import fixtures
from nova import objects
from nova.scheduler.client import report
import oslo_messaging

from tests.functional import base
from tests.functional import claimed

GUESTS = 20


class GroupCommitTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.start_host()
        self.tracker = self.computes['compute1'].manager.rt
        self.before = self.memory_in_row()
        self.bits = 0
        self.saves = []
        # Which saves fail, by their number.
        self.failing = set()
        self.fail_after = False
        node_save = objects.ComputeNode.save

        def save(node):
            self.saves.append(threading.current_thread().name)
            fails = len(self.saves) in self.failing
            if not fails or self.fail_after:
                node_save(node)
            if fails:
                raise oslo_messaging.MessagingTimeout('no answer')

        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.ComputeNode.save', save))
        instance_save = objects.Instance.save

        def yielding(instance, *args, **kwargs):
            # In production that is a call to the conductor.
            time.sleep(0)
            return instance_save(instance, *args, **kwargs)

        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.Instance.save', yielding))

    def memory_in_row(self):
        return objects.ComputeNode.get_by_host_and_nodename(
            self.context, 'compute1', 'compute1').memory_mb_used

    def guests(self, number):
        """Return guests of 1, 2, 4, 8... MiB, so that a sum tells which."""
        first, self.bits = self.bits, self.bits + number
        return [claimed.create(self.context, bit + 1, 1 << bit)
                for bit in range(first, self.bits)]

    def at_once(self, call, guests):
        """Do it to all guests at once.

        :returns: for each the MiB in the row when it was done, or its error
        """
        results = [None] * len(guests)
        all_are_here = threading.Barrier(len(guests))

        def run(number):
            all_are_here.wait()
            try:
                call(guests[number])
                results[number] = self.memory_in_row() - self.before
            except Exception as error:
                results[number] = error

        threads = [threading.Thread(target=run, args=(number,))
                   for number in range(len(guests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def claim(self, instance):
        claimed.claim(self.context, self.tracker, instance, 'compute1')

    def delete(self, instance):
        instance.destroy()
        instance.vm_state = 'deleted'
        self.tracker.update_usage(
            self.context.elevated(), instance, 'compute1')

    def test_twenty(self):
        guests = self.guests(GUESTS)

        results = self.at_once(self.claim, guests)

        for bit, row in enumerate(results):
            self.assertIsInstance(row, int, row)
            self.assertTrue(row & 1 << bit, (bit, row))
        self.assertEqual((1 << GUESTS) - 1, self.memory_in_row() - self.before)
        self.assertLessEqual(len(self.saves), 6, self.saves)

        self.saves.clear()
        results = self.at_once(self.delete, guests)

        for bit, row in enumerate(results):
            self.assertIsInstance(row, int, row)
            self.assertFalse(row & 1 << bit, (bit, row))
        self.assertEqual(self.before, self.memory_in_row())
        self.assertLessEqual(len(self.saves), 6, self.saves)

    def test_one(self):
        (guest,) = self.guests(1)
        self.assertEqual([1], self.at_once(self.claim, [guest]))
        self.assertEqual(1, len(self.saves))
        self.assertEqual([0], self.at_once(self.delete, [guest]))
        self.assertEqual(2, len(self.saves))

    def claim_with(self, **failing):
        """Claim five guests at once, with saves that fail.

        Whose call returns is in the row, and after an audit all are.

        :returns: the errors of the others
        """
        vars(self).update(failing)
        first = self.bits
        results = self.at_once(self.claim, self.guests(5))
        self.failing = set()
        for bit, row in enumerate(results, first):
            if not isinstance(row, Exception):
                self.assertTrue(row & 1 << bit, (bit, row))
        self.tracker.update_available_resource(self.context, 'compute1')
        self.assertEqual(
            (1 << self.bits) - 1, self.memory_in_row() - self.before)
        return [type(result) for result in results
                if isinstance(result, Exception)]

    def test_failures(self):
        # The conductor is down.
        self.assertEqual(
            [oslo_messaging.MessagingTimeout] * 5,
            self.claim_with(failing=set(range(1, 6))))

        # It does not answer once, after it has saved.
        self.saves.clear()
        self.assertEqual(
            [oslo_messaging.MessagingTimeout],
            self.claim_with(failing={1}, fail_after=True))

        with fixtures.MockPatchObject(
                report.SchedulerReportClient, '_ensure_resource_provider',
                side_effect=[report.ks_exc.ConnectFailure('down')] * 5 + [
                    None]):
            self.assertEqual(
                [report.ks_exc.ConnectFailure] * 5, self.claim_with())

    def test_a_conflict(self):
        """Somebody else has changed the provider: Nova asks, sends again."""
        provider = self.compute_rp_uuids['compute1']
        self._create_trait('CUSTOM_SOMEBODY')
        self._set_provider_traits(
            provider,
            [*self._get_provider_traits(provider), 'CUSTOM_SOMEBODY'])
        self.flags(reserved_host_cpus=1)

        self.assertEqual([], self.claim_with())

        inventory = self._get_provider_inventory(provider)
        self.assertEqual(1, inventory['VCPU']['reserved'])
        self.assertIn('CUSTOM_SOMEBODY', self._get_provider_traits(provider))
