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

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
from nova import exception
from nova.compute import resource_tracker as nova_tracker

from tests.unit.compute import life
from tests.unit.compute import world
from tests.unit.compute.split import FAULTS
from tests.unit.compute.split import Split
from tests.unit.compute.test_resource_tracker import GUESTS


class Interleavings(stateful.RuleBasedStateMachine):
    """Any order of calls and of their second turns, with faults.

    Nova's own tracker does the same without faults, one call after the other.
    """

    def __init__(self):
        super().__init__()
        self.nova = world.Nova()
        self.nova.setUp()
        self.ours = world.World(Split)
        self.novas = world.World(nova_tracker.ResourceTracker)
        self.states = dict.fromkeys(GUESTS, 'gone')
        # Guests whose call has not returned, and the rest that it does.
        self.waiting = {}
        self.healthy = True

    @stateful.rule(calls=st.lists(st.tuples(
        st.sampled_from(GUESTS), st.integers(0, 3), st.integers(0, 3)),
        min_size=1, max_size=5))
    def calls(self, calls):
        """Do the next to some guests, up to where their calls wait."""
        for guest, choice, number in calls:
            steps = life.STEPS[self.states[guest]]
            if guest in self.waiting:
                self.second_turn_of(guest)
            elif steps:
                self.call(guest, number, *steps[choice])

    def call(self, guest, number, step, state):
        arguments = (number,) if step in (life.create, life.move_claim) else ()
        self.ours.changes += 1
        # Nova saves these before it has done all.
        at_once = step in (life.confirm, life.revert)
        if at_once:
            self.novas.faults[:] = self.ours.faults
        ours, novas = [self.outcome(step, host, guest, *arguments)
                       for host in (self.ours, self.novas)]
        self.novas.faults.clear()
        assert ours == novas, (step, ours, novas)
        if at_once and ours != 'done':
            # Nova's may not see that its row is not what it thinks.
            self.novas.tracker.old_resources.clear()
            self.healthy = False
            self.states[guest] = 'broken'
        elif ours == 'done':
            self.states[guest] = state
        if self.ours.tracker.waiting:
            self.waiting[guest] = (
                self.ours.changes, self.ours.tracker.waiting.pop())

    @staticmethod
    def outcome(step, *arguments):
        try:
            step(*arguments)
        except (exception.NovaException, *FAULTS) as error:
            return type(error).__name__
        return 'done'

    @stateful.precondition(lambda self: self.waiting)
    @stateful.rule(which=st.integers(0, 3))
    def step(self, which):
        self.step_of(sorted(self.waiting)[which % len(self.waiting)])

    def second_turn_of(self, guest):
        """Have a call return."""
        while guest in self.waiting:
            self.step_of(guest)

    def step_of(self, guest):
        """Have a call save its guest, or have its second turn."""
        change, rest = self.waiting[guest]
        saves_guest = len(rest.steps) == 2
        faults = len(self.ours.faults)
        try:
            rest.step()
        except FAULTS:
            assert len(self.ours.faults) == faults - 1
            if saves_guest:
                self.not_claimed(guest)
            else:
                self.healthy = False
        else:
            assert len(self.ours.faults) == faults
            assert saves_guest or (
                self.ours.saved_changes >= change or
                self.ours.row == self.ours.memory)
        if not rest.steps:
            del self.waiting[guest]

    def not_claimed(self, guest):
        """Have Nova take back a claim that ours has taken back."""
        life.give_up(self.ours, guest)
        life.abort(self.novas, guest)
        self.states[guest] = 'gone'

    @stateful.precondition(lambda self: not self.ours.faults)
    @stateful.rule(fault=st.sampled_from(['conductor', 'late', 'placement']))
    def fault(self, fault):
        self.ours.faults.append(fault)

    @stateful.rule(which=st.integers(0, 3))
    def audit_or_kill(self, which):
        if which:
            self.audit()
        else:
            self.kill()

    def audit(self):
        # Nova loses count of a guest between the two halves of a revert on
        # one host; where its CPUs are taken then, audits fail.
        novas, ours = [
            self.outcome(host.audit) for host in (self.novas, self.ours)]
        self.healthy = ours == 'done'
        if self.healthy:
            assert self.ours.row == self.ours.memory == self.novas.row
            if novas == 'done':
                assert self.ours.allocations == self.novas.allocations
                assert set(self.ours.allocations) == {
                    guest for guest, state in self.states.items()
                    if state != 'gone'}
        if novas != 'done':
            assert not self.healthy

    def kill(self):
        """Start nova-compute again; calls that waited are gone."""
        self.ours.faults.clear()
        for guest, (_change, rest) in self.waiting.items():
            if len(rest.steps) == 2:
                # Its row does not say that it is here.
                for host in (self.ours, self.novas):
                    life.give_up(host, guest)
                self.states[guest] = 'gone'
        self.waiting.clear()
        starts = {self.outcome(self.ours.start, Split),
                  self.outcome(self.novas.start, nova_tracker.ResourceTracker)}
        assert len(starts) == 1, starts
        self.healthy = starts == {'done'}

    @stateful.invariant()
    def same(self):
        assert self.ours.memory == self.novas.memory
        if self.healthy and not self.waiting:
            assert self.ours.row == self.novas.row

    def teardown(self):
        """Have all calls return; the next audit heals what is left."""
        try:
            while self.waiting:
                self.second_turn_of(min(self.waiting))
            self.ours.faults.clear()
            self.audit()
        finally:
            self.nova.cleanUp()


InterleavingsTest = Interleavings.TestCase
InterleavingsTest.settings = hypothesis.settings(
    max_examples=20, stateful_step_count=25)
