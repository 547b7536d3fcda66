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

"""Hosts whose guests come, go, stop, start and grow, many times.

As nova-compute does it: who comes is given a place while the others stay, and
then all are planned anew. ``NUMA_EXT_PLAN_HOSTS=200
NUMA_EXT_PLAN_OPERATIONS=1000`` is the long run.
"""

import collections
import dataclasses
import os
import random

import testtools
from testtools import content

from nova_numa_ext.topology import affinity
from tests.unit.topology import affine

HOSTS = int(os.environ.get('NUMA_EXT_PLAN_HOSTS', 8))
OPERATIONS = int(os.environ.get('NUMA_EXT_PLAN_OPERATIONS', 60))
SEED = int(os.environ.get('NUMA_EXT_PLAN_SEED', 20_261))

FLAVORS = ((1, 1), (1, 2), (2, 4), (2, 8), (4, 4), (4, 16), (8, 16), (12, 40))


class Life:
    """One host and its guests.

    :ivar guests: those that run, by name
    """

    def __init__(self, chosen):
        self._chosen = chosen
        nodes = chosen.choice((1, 2, 2, 4, 4, 8))
        sizes = [(chosen.choice((4, 8, 16)), chosen.choice((16, 64)))] * nodes
        if chosen.random() < 0.2:
            sizes[0] = (2, 8)
        self.host = affine.host(*sizes, siblings=chosen.random() < 0.7)
        self.policy = chosen.choice((affinity.SPREAD, affinity.PACK))
        self.overcommitted = chosen.random() < 0.5
        self.guests = {}
        self._stopped = {}
        self._count = 0

    def operate(self):
        """Do something with a guest; return what."""
        operation = self._chosen.choice((
            'create', 'create', 'create', 'delete', 'stop', 'start',
            'reboot', 'resize', 'migrate away'))
        getattr(self, '_' + operation.split()[0])()
        return operation

    def _pick(self, guests):
        return self._chosen.choice(sorted(guests)) if guests else None

    def _come(self, guest):
        place = affinity.place(
            self.host, list(self.guests.values()), guest, self.policy,
            self.overcommitted)
        if isinstance(place, affinity.Place):
            guest = dataclasses.replace(
                guest, nodes=place.nodes, pins=place.pins)
        elif guest.strict:
            self.guests.pop(guest.name, None)
            return
        self.guests[guest.name] = guest

    def _create(self):
        self._count += 1
        vcpus, memory = self._chosen.choice(FLAVORS)
        nodes = [node.id for node in self.host.nodes]
        self._come(affine.guest(
            f'g{self._count}', vcpus, memory, self._chosen.random() < 0.4,
            near=[self._chosen.choice(nodes)]
            if self._chosen.random() < 0.1 else ()))

    def _delete(self):
        self.guests.pop(self._pick(self.guests), None)

    _migrate = _delete

    def _stop(self):
        name = self._pick(self.guests)
        if name:
            self._stopped[name] = self.guests.pop(name)

    def _start(self):
        name = self._pick(self._stopped)
        if name:
            self._come(dataclasses.replace(
                self._stopped.pop(name), nodes=frozenset(), pins=()))

    def _reboot(self):
        name = self._pick(self.guests)
        if name:
            self._come(self.guests[name])

    def _resize(self):
        name = self._pick(self.guests)
        if name:
            vcpus, memory = self._chosen.choice(FLAVORS)
            self._come(dataclasses.replace(
                self.guests.pop(name), vcpus=vcpus,
                memory_mib=memory * affine.GIB, nodes=frozenset(), pins=()))


class RunsTest(testtools.TestCase):

    def test_each_plan(self):
        seen = collections.Counter()
        for number in range(HOSTS):
            life = Life(random.Random(f'{SEED} {number}'))
            for at in range(OPERATIONS):
                operation = life.operate()
                self.addDetail('where', content.text_content(
                    f'host {number}, operation {at} ({operation}) of seed '
                    f'{SEED}'))
                guests = list(life.guests.values())
                plan = affinity.plan(
                    life.host, guests, life.policy, life.overcommitted)
                affine.check(
                    self, life.host, guests, plan, life.overcommitted)
                # None that stood before has to start anew without a place.
                self.assertLessEqual(
                    {guest.name for guest in guests if guest.nodes},
                    set(plan.places))
                stand = affine.standing(guests, plan)
                affine.check_settled(
                    self, life.host, stand, life.policy, life.overcommitted)
                life.guests = {guest.name: guest for guest in stand}
                seen.update(plans=1, moves=len(plan.moves),
                            guests=len(guests),
                            floating=len(plan.refused))
        print(f'{HOSTS} hosts of seed {SEED}: {dict(seen)}')
        self.assertEqual(HOSTS * OPERATIONS, seen['plans'])
        # It tells nothing unless there is something to move.
        for what in ('moves', 'floating'):
            self.assertGreater(seen[what], 0, seen)
        # Most operations move nobody.
        self.assertLess(seen['moves'], seen['plans'])
