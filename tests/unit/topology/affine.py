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

"""Hosts, guests and what holds of every plan for them."""

import collections
import dataclasses

from nova_numa_ext.topology import affinity

GIB = 1024


def host(*sizes, siblings=False, distances=None):
    """Return a host.

    :param sizes: CPUs and GiB of each node
    :param siblings: whether two CPUs each are a core
    :param distances: rows of its SLIT
    """
    nodes = []
    first = 0
    for number, (cpus, memory_gib) in enumerate(sizes):
        nodes.append(affinity.Node(
            number, frozenset(range(first, first + cpus)), memory_gib * GIB,
            dict(enumerate(distances[number])) if distances else {}))
        first += cpus
    cores = {cpu: frozenset((cpu & ~1, cpu | 1)) for cpu in range(first)}
    return affinity.Host(tuple(nodes), cores if siblings else {})


def guest(name, vcpus=1, memory_gib=1, strict=False, nodes=(), near=()):
    return affinity.Guest(
        name, vcpus, memory_gib * GIB, strict, frozenset(nodes),
        frozenset(near))


def standing(guests, plan):
    """Return guests where a plan puts them."""
    return [
        dataclasses.replace(
            found, nodes=plan.places[found.name].nodes,
            pins=plan.places[found.name].pins)
        if found.name in plan.places
        else dataclasses.replace(found, nodes=frozenset(), pins=())
        for found in guests]


def nodes_of(plan):
    """Return the nodes of each guest, as sorted lists."""
    return {name: sorted(place.nodes) for name, place in plan.places.items()}


def loads(host, guests):
    """Return vCPUs over CPUs, or memory over memory, of each node.

    :param guests: that stand on one node each
    """
    found = {}
    for node in host.nodes:
        here = [guest for guest in guests if guest.nodes == {node.id}]
        found[node.id] = max(
            sum(guest.vcpus for guest in here) / max(len(node.cpus), 1),
            sum(guest.memory_mib for guest in here) / max(
                node.memory_mib, 1))
    return found


def check(test, host, guests, plan, overcommitted):
    """Assert what holds of a plan, whoever was there before it."""
    test.assertEqual(
        sorted(guest.name for guest in guests),
        sorted([*plan.places, *plan.refused]))
    shared = {node.id: node.cpus for node in host.nodes}
    memory = {node.id: node.memory_mib for node in host.nodes}
    single = collections.Counter()
    for guest in guests:
        place = plan.places.get(guest.name)
        if place is None:
            test.assertNotEqual('', plan.refused[guest.name])
            test.assertNotIn('\n', plan.refused[guest.name])
            continue
        cpus = frozenset().union(*(shared[node] for node in place.nodes))
        test.assertLessEqual(guest.vcpus, len(cpus))
        test.assertEqual(guest.vcpus, len(place.pins))
        test.assertEqual(cpus, place.emulator)
        test.assertTrue(place.reason)
        if overcommitted or any(len(pin) > 1 for pin in place.pins):
            test.assertEqual({cpus}, set(place.pins))
        elif len(cpus) > 1:
            single.update(frozenset().union(*place.pins))
            for pin in place.pins:
                test.assertEqual(1, len(pin & cpus))
    test.assertLessEqual(set(single.values()), {1})
    # Guests that can be on no other nodes than these fit into them.
    for nodes in {place.nodes for place in plan.places.values()}:
        test.assertLessEqual(
            sum(guest.memory_mib for guest in guests
                if guest.name in plan.places
                and plan.places[guest.name].nodes <= nodes),
            sum(memory[node] for node in nodes))
    moved = [
        guest.name for guest in guests
        if guest.nodes and guest.name in plan.places
        and plan.places[guest.name].nodes != guest.nodes]
    test.assertEqual(sorted(moved), sorted(plan.moves))


def check_settled(test, host, guests, policy, overcommitted):
    """Assert that guests that stand as planned stay as they are.

    :param guests: as of standing()
    """
    again = affinity.plan(host, guests, policy, overcommitted)
    test.assertEqual((), again.moves)
    test.assertEqual(
        {guest.name: (guest.nodes, guest.pins)
         for guest in guests if guest.nodes},
        {name: (place.nodes, place.pins)
         for name, place in again.places.items()})
