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

import ddt

from nova_numa_ext.domain import vcpusched
from nova_numa_ext.policy.values import Scheduler
from tests import golden
from tests.unit.domain import base

REALTIME = golden.nova(
    cpu_policy='dedicated', cpu_realtime='yes', cpu_realtime_mask='^0')


def guest(priority=1, realtime=(1, 2, 3), **specs):
    made = base.guest(
        {**REALTIME, **golden.specs(**specs)}, max_priority=50,
        realtime=frozenset(realtime))
    return dataclasses.replace(made, nova_realtime_priority=priority)


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_not_asked_for(self):
        self.assertIsNone(vcpusched.configure(guest(cpu_cache='disable')))

    @ddt.data(
        ({'realtime_scheduler': 'rr'}, Scheduler('rr', 9)),
        ({'realtime_scheduler': 'fifo'}, Scheduler('fifo', 9)),
        ({'realtime_priority': '50'}, Scheduler('fifo', 50)),
        ({'realtime_scheduler': 'rr', 'realtime_priority': '2'},
         Scheduler('rr', 2)),
    )
    @ddt.unpack
    def test_what_is_not_asked_for_is_novas(self, specs, expected):
        self.assertEqual(
            vcpusched.VcpuScheduler(frozenset({1, 2, 3}), expected),
            vcpusched.configure(guest(priority=9, **specs)))

    def test_above_the_hosts_cap(self):
        refused = self.assertRaises(
            vcpusched.priority.HostCannot, vcpusched.configure,
            guest(realtime_priority='51'))

        self.assertEqual('numa_ext:realtime_priority', refused.origin.key)

    def test_novas_own_priority_is_not_judged(self):
        """The operator has set both, on the same host."""
        self.assertEqual(
            Scheduler('rr', 60),
            vcpusched.configure(
                guest(priority=60, realtime_scheduler='rr')).scheduler)

    def test_no_realtime_vcpus(self):
        self.assertIsNone(vcpusched.configure(
            guest(realtime=(), realtime_scheduler='rr')))


class TestWrite(base.ElementTestCase):

    ELEMENT = vcpusched.VcpuScheduler(
        frozenset({1, 2, 3}), Scheduler('rr', 7))

    def test_into_nothing(self):
        self.assertWrites(
            '<os/><cputune><vcpusched priority="7" scheduler="rr" '
            'vcpus="1-3"/></cputune><cpu/>', self.ELEMENT, '<os/><cpu/>')

    def test_in_place_of_novas(self):
        self.assertWrites(
            '<cputune><vcpupin/><vcpusched priority="7" scheduler="rr" '
            'vcpus="1-3"/></cputune>',
            self.ELEMENT,
            '<cputune><vcpupin/><vcpusched priority="1" scheduler="fifo" '
            'vcpus="1-3"/></cputune>')
