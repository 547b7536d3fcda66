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

"""Promises of the CPU, as QEMU's command line shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator
from xml.etree import ElementTree

from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise

#: What QEMU calls the CPU of a mode; other modes are models by then.
_MODES = {'host-passthrough': 'host', 'maximum': 'max'}

#: What libvirt makes of ``<cache>`` (src/qemu/qemu_command.c).
_CACHES = {
    'passthrough': ('host-cache-info=on', 'l3-cache=off'),
    'emulate': ('l3-cache=on',),
    'disable': ('l3-cache=off',),
}

_PARTS = ('sockets', 'dies', 'clusters', 'cores', 'threads')


@dataclass(frozen=True)
class Model:
    """The CPU is of this mode."""

    asked: str
    subject: str = 'CPU'
    what: str = 'mode'

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        model = evidence.option('-cpu').partition(',')[0]
        if model == _MODES[self.asked]:
            return self.asked, True
        return model or 'none', False


@dataclass(frozen=True)
class Flags:
    """The CPU has these properties of QEMU's.

    :ivar words: what has to be among them
    """

    what: str
    asked: str
    words: tuple[str, ...]
    subject: str = 'CPU'

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        there = evidence.option('-cpu').split(',')
        missing = [word for word in self.words if word not in there]
        if missing:
            return f'no {" and no ".join(missing)}', False
        return self.asked, True


@dataclass(frozen=True)
class Topology:
    """The guest sees so many sockets, cores and threads.

    :ivar parts: number of each, in QEMU's words
    """

    parts: tuple[tuple[str, str], ...]
    subject: str = 'CPU'
    what: str = 'topology'

    @property
    def asked(self) -> str:
        return ' x '.join(
            f'{number} {part if number != "1" else part[:-1]}'
            for part, number in self.parts)

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        words = evidence.option('-smp').split(',')
        got = {name: number for name, _, number in (
            word.partition('=') for word in words)}
        there = tuple(
            (part, got.get(part, '1')) for part, _number in self.parts)
        return Topology(there).asked, there == self.parts


def of_domain(domain: ElementTree.Element) -> Iterator[Promise]:
    """Return what a domain promises of its CPU."""
    cpu = domain.find('cpu')
    if cpu is not None:
        mode = cpu.get('mode', '')
        if mode in _MODES:
            yield Model(mode)
        topology = cpu.find('topology')
        if topology is not None:
            yield Topology(tuple(
                (part, number) for part, number in (
                    (part, topology.get(part)) for part in _PARTS)
                if number is not None))
        cache = cpu.find('cache')
        if cache is not None and cache.get('mode') in _CACHES:
            asked = cache.get('mode', '')
            yield Flags('L3 cache', asked, _CACHES[asked])
    for hint in ('hint-dedicated', 'poll-control', 'pv-ipi'):
        node = domain.find(f'features/kvm/{hint}')
        if node is not None and node.get('state') == 'on':
            yield Flags(
                f'KVM {hint}', 'on', (_HINTS[hint],))


_HINTS = {
    'hint-dedicated': 'kvm-hint-dedicated=on',
    'poll-control': 'kvm-poll-control=on',
    'pv-ipi': 'kvm-pv-ipi=on',
}
