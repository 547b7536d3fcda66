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

"""Allocations of a host's guests, asked for only where somebody looks.

Nova's tracker asks placement for the allocations of each guest on the host,
one by one, whenever it sends the host's inventory. It looks at them where the
inventory is moved between providers, and for PCI devices in placement.
"""

from __future__ import annotations

import collections
import copy
import functools


class LazyAllocations(collections.UserDict):
    """What ``get_allocations_for_provider_tree`` returns, asked for late.

    Any look at it asks, once. Errors of asking are raised there.
    """

    def __init__(self, ask):
        self._ask = ask

    @functools.cached_property
    def data(self):
        return self._ask()

    def __eq__(self, other):
        return self.data == other

    __hash__ = None

    def __copy__(self):
        return copy.copy(self.data)

    def __deepcopy__(self, memo):
        return copy.deepcopy(self.data, memo)


class LazyClient:
    """Nova's report client, with allocations that are asked for late.

    To be handed to a resource tracker; all else goes to Nova's own.
    """

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_allocations_for_provider_tree(self, context, nodename):
        return LazyAllocations(functools.partial(
            self._client.get_allocations_for_provider_tree,
            context, nodename))

    def update_from_provider_tree(self, context, new_tree, allocations=None):
        # They go into the body of a request, which takes only a true dict.
        if isinstance(allocations, LazyAllocations):
            allocations = allocations.data
        return self._client.update_from_provider_tree(
            context, new_tree, allocations=allocations)
