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

"""An item of what a realtime host needs."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.topology import cpuset


@dataclass(frozen=True)
class Item:
    """Something that realtime guests want of their host.

    :ivar name: what it is about
    :ivar found: what there is
    :ivar wanted: what there should be
    :ivar ok: None where it cannot be told
    :ivar remedy: what to do where it is not ok
    :ivar needed: whether a realtime guest misses its deadlines, or does not
        start, without; others are advice
    """

    name: str
    found: str
    wanted: str
    ok: bool | None
    remedy: str
    needed: bool = False

    @property
    def missing(self) -> bool:
        """Whether a realtime guest should not be here because of it."""
        return self.needed and self.ok is False


@dataclass(frozen=True)
class Host:
    """What the items are judged from.

    :ivar reader: of /sys and /proc
    :ivar dedicated: the CPUs that guests are pinned to; none where nobody
        has said
    """

    reader: HostReader
    dedicated: frozenset[int]

    @property
    def arguments(self) -> dict[str, str]:
        """The kernel's command line, by name."""
        found = {}
        for word in (self.reader.text('proc/cmdline') or '').split():
            name, _equals, value = word.partition('=')
            found[name] = value
        return found

    @property
    def cpus(self) -> str:
        """The dedicated CPUs as a remedy names them."""
        return cpuset.show(self.dedicated) or 'CPUS'

    @property
    def others(self) -> str:
        """The CPUs that are not dedicated, as a remedy names them."""
        online = self.reader.cpus('sys/devices/system/cpu/online')
        rest = (online or frozenset()) - self.dedicated
        return cpuset.show(rest) if rest and self.dedicated else 'THE-OTHERS'

    @property
    def nodes(self) -> tuple[int, ...]:
        """The host nodes of the dedicated CPUs; all of them without."""
        numbers = self.reader.numbered('sys/devices/system/node', 'node')
        return tuple(
            number for number in numbers
            if not self.dedicated or self.dedicated & (self.reader.cpus(
                f'sys/devices/system/node/node{number}/cpulist')
                or frozenset()))


def covers(
    host: Host, name: str, found: frozenset[int] | None, remedy: str,
) -> Item:
    """Return the item of a set that all dedicated CPUs should be in."""
    wanted = cpuset.show(host.dedicated) or 'the dedicated CPUs'
    if found is None:
        return Item(name, 'unknown', wanted, None, remedy, needed=True)
    # Nobody has said which CPUs are dedicated: it is enough that some are.
    ok = host.dedicated <= found if host.dedicated else bool(found)
    return Item(
        name, cpuset.show(found) or 'none', wanted, ok, remedy, needed=True)


def list_of(host: Host, argument: str) -> frozenset[int] | None:
    """Return the CPUs of an argument of the kernel's; None for odd ones.

    Documentation/admin-guide/kernel-parameters.rst: a list may be ``all``,
    and flags may come before it, as in ``managed_irq,domain,2-7``.
    """
    text = host.arguments.get(argument, '')
    if text == 'all':
        return host.reader.cpus('sys/devices/system/cpu/online')
    words = [word for word in text.split(',') if not word[:1].isalpha()]
    try:
        return cpuset.parse(','.join(words))
    except ValueError:
        return None
