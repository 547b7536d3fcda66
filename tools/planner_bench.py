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

"""How long the planner of NUMA affinity takes, in milliseconds of CPU time.

``python3 tools/planner_bench.py [GUESTS [NODES]]``, from any folder: 200
guests on 8 nodes by default. Each line is the median of several plans: of
guests that all come at once, of the same where they stand, and after a tenth
of them went. The worst is guests that all stand on two of the nodes.
"""

import dataclasses
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from nova_numa_ext.topology import affinity  # noqa: E402

ROUNDS = 9
#: vCPUs and MiB.
FLAVORS = ((1, 2048), (2, 4096), (4, 8192), (8, 16384), (2, 8192),
           (4, 16384))
CPUS, MEMORY_MIB = 32, 512 * 1024


def host(nodes):
    return affinity.Host(tuple(
        affinity.Node(
            number, frozenset(range(number * CPUS, (number + 1) * CPUS)),
            MEMORY_MIB,
            {other: 10 + 11 * (other != number) for other in range(nodes)})
        for number in range(nodes)
    ), {cpu: frozenset((cpu & ~1, cpu | 1)) for cpu in range(nodes * CPUS)})


def guests(count, chosen):
    found = []
    for number in range(count):
        vcpus, memory_mib = chosen.choice(FLAVORS)
        found.append(affinity.Guest(
            f'guest-{number}', vcpus, memory_mib, chosen.random() < 0.3))
    return found


def standing(found, plan):
    return [
        dataclasses.replace(
            guest, nodes=plan.places[guest.name].nodes,
            pins=plan.places[guest.name].pins)
        for guest in found if guest.name in plan.places]


def measure(somewhere, found, policy, overcommitted):
    """Return the median of what plans take, and the last plan."""
    took = []
    for _round in range(ROUNDS):
        start = time.process_time()
        plan = affinity.plan(somewhere, found, policy, overcommitted)
        took.append((time.process_time() - start) * 1000)
    return statistics.median(took), plan


def main(words):
    count = int(words[0]) if words else 200
    nodes = int(words[1]) if len(words) > 1 else 8
    somewhere = host(nodes)
    print(f'{count} guests on {nodes} nodes, median of {ROUNDS}, ms of CPU')
    for policy in (affinity.SPREAD, affinity.PACK):
        for overcommitted in (False, True):
            chosen = random.Random(1)
            found = guests(count, chosen)
            bound = 'range' if overcommitted else 'one to one'
            args = (policy, overcommitted)
            took, plan = measure(somewhere, found, *args)
            stand = standing(found, plan)
            left = [guest for guest in stand if chosen.random() < 0.9]
            aslant = [
                dataclasses.replace(guest, nodes=frozenset((number % 2,)))
                for number, guest in enumerate(found)]
            print(f'{policy}, {bound}: all new {took:.1f}', end='')
            for what, some in (('as they stand', stand),
                               ('a tenth gone', left),
                               ('all on two nodes', aslant)):
                took, plan = measure(somewhere, some, *args)
                print(f', {what} {took:.1f} ({len(plan.moves)} moves)',
                      end='')
            print()


if __name__ == '__main__':
    main(sys.argv[1:])
