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

"""The visible list: whether a host is ready for realtime guests."""

from __future__ import annotations

from typing import Iterable

from nova_numa_ext.host import cpu_items
from nova_numa_ext.host import kernel_items
from nova_numa_ext.host import memory_items
from nova_numa_ext.host.item import Host
from nova_numa_ext.host.item import Item
from nova_numa_ext.host.reader import HostReader

#: In the order in which they are shown. Each has its rule, and where that
#: comes from, in its docstring or that of its module.
ITEMS = (
    kernel_items.kernel,
    kernel_items.isolcpus,
    kernel_items.nohz_full,
    kernel_items.rcu_nocbs,
    kernel_items.irqs,
    kernel_items.throttling,
    kernel_items.groups,
    kernel_items.clocksource,
    memory_items.locking,
    cpu_items.governor,
    cpu_items.idle_states,
    cpu_items.threads,
    memory_items.ksm,
    memory_items.transparent_huge_pages,
    memory_items.numa_balancing,
    memory_items.huge_pages,
    memory_items.swap,
    memory_items.misses,
)


def judge(
    reader: HostReader, dedicated: frozenset[int] | None = None,
) -> tuple[Item, ...]:
    """Return each item of a host.

    :param dedicated: the CPUs that guests are pinned to, [compute]
        cpu_dedicated_set; those of isolcpus where nobody has said
    """
    if not dedicated:
        dedicated = reader.cpus('sys/devices/system/cpu/isolated')
    host = Host(reader, dedicated or frozenset())
    return tuple(item(host) for item in ITEMS)


def missing(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items without which a realtime guest should not be here."""
    return tuple(item for item in items if item.missing)


def refusal(items: Iterable[Item]) -> str | None:
    """Return why realtime guests should not be here, None where they may.

    In the words that a message has room for; the command has the rest.
    """
    names = [item.name for item in missing(items)]
    return f'host is not ready: {", ".join(names)}' if names else None
