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

"""Promises of threads: the CPUs they run on, scheduler and priority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator
from xml.etree import ElementTree

from nova_numa_ext.host.processes import REALTIME
from nova_numa_ext.host.processes import Thread
from nova_numa_ext.topology import cpuset
from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise

VCPU = 'vCPU'
EMULATOR = 'emulator'
IOTHREAD = 'IO thread'


@dataclass(frozen=True)
class Who:
    """A vCPU, an IO thread, or all threads that are neither."""

    kind: str
    number: int | None = None

    def __str__(self) -> str:
        if self.number is None:
            return self.kind
        return f'{self.kind} {self.number}'

    def threads(self, evidence: Evidence) -> tuple[Thread, ...]:
        return tuple(
            thread for thread in evidence.threads if self.has(thread))

    def has(self, thread: Thread) -> bool:
        if self.kind == VCPU:
            return thread.vcpu == self.number
        if self.kind == IOTHREAD:
            return thread.iothread == self.number
        # Threads of the kernel's KVM (kvm-nx-lpage-recovery) are born where
        # a vCPU ran.
        return (thread.vcpu is None and thread.iothread is None
                and not thread.name.startswith('kvm-'))


@dataclass(frozen=True)
class Cpus:
    """Threads run on these CPUs and on no others.

    :ivar others: CPUs of the IO threads, where QEMU's workers for their
        requests are born
    """

    who: Who
    cpus: frozenset[int]
    others: tuple[frozenset[int], ...] = ()
    what: str = 'CPUs'

    @property
    def subject(self) -> str:
        return str(self.who)

    @property
    def asked(self) -> str:
        return cpuset.show(self.cpus)

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        threads = self.who.threads(evidence)
        if not threads:
            return 'no thread of its own', False
        online = evidence.online
        wanted = [
            cpus if online is None else cpus & online
            for cpus in (self.cpus, *self.others)]
        astray = [
            thread for thread in threads
            if thread.cpus != wanted[0] and not (
                thread.name == 'worker' and thread.cpus in wanted[1:]
                or _filled_memory(thread) and thread.cpus <= wanted[0])]
        if not astray:
            return cpuset.show(threads[0].cpus), True
        if self.who.kind != EMULATOR:
            return cpuset.show(astray[0].cpus), False
        return '; '.join(
            f'{thread.name} ({thread.tid}) on {cpuset.show(thread.cpus)}'
            for thread in astray), False


@dataclass(frozen=True)
class Scheduler:
    """Threads have this scheduler, or none of the realtime ones.

    Of the emulator it is QEMU's main thread, as libvirt sets it.

    :ivar policy: as libvirt writes it, None for none of the realtime ones
    """

    who: Who
    policy: str | None
    priority: int = 0
    what: str = 'scheduler'

    @property
    def subject(self) -> str:
        return str(self.who)

    @property
    def asked(self) -> str:
        return _scheduler(self.policy or 'other', self.priority)

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        threads = self.who.threads(evidence)
        if self.who.kind == EMULATOR:
            threads = tuple(
                thread for thread in threads if thread.tid == evidence.pid)
        if not threads:
            return 'no thread of its own', False
        (thread, *_none) = threads
        got = _scheduler(thread.policy, thread.priority)
        if self.policy is None:
            return got, thread.policy not in REALTIME
        return got, got == self.asked


def _filled_memory(thread: Thread) -> bool:
    """Return whether a thread has touched the hugepages of a guest node.

    libvirt has QEMU start one per node (thread-context), on the node's CPUs
    as far as the emulator may use them. It is idle from then on.
    """
    return thread.name.startswith('TC ')


def _scheduler(policy: str, priority: int) -> str:
    return f'{policy}:{priority}' if policy in REALTIME else policy


def of_domain(domain: ElementTree.Element) -> Iterator[Promise]:
    """Return what a domain's ``<vcpu>`` and ``<cputune>`` promise."""
    vcpus = [Who(VCPU, number) for number in range(_count(domain, 'vcpu'))]
    iothreads = [Who(IOTHREAD, number) for number in _iothreads(domain)]
    # libvirt pins to vcpu's cpuset= what has no pin of its own.
    rest = domain.find('vcpu')
    default = cpuset.parse(rest.get('cpuset', '') if rest is not None else '')
    pins = dict.fromkeys((*vcpus, Who(EMULATOR), *iothreads), default)
    for kind, tag, key in ((VCPU, 'vcpupin', 'vcpu'),
                           (IOTHREAD, 'iothreadpin', 'iothread'),
                           (EMULATOR, 'emulatorpin', '')):
        for node in domain.iterfind(f'cputune/{tag}'):
            number = int(node.get(key, '')) if key else None
            pins[Who(kind, number)] = cpuset.parse(node.get('cpuset', ''))
    others = tuple(pins[who] for who in iothreads)
    for who, cpus in pins.items():
        if cpus:
            yield Cpus(who, cpus, others if who.kind == EMULATOR else ())
    yield from _schedulers(domain, tuple(pins))


def _schedulers(
    domain: ElementTree.Element, everybody: tuple[Who, ...],
) -> Iterator[Promise]:
    found = {}
    for kind, tag, key in ((VCPU, 'vcpusched', 'vcpus'),
                           (IOTHREAD, 'iothreadsched', 'iothreads'),
                           (EMULATOR, 'emulatorsched', '')):
        for node in domain.iterfind(f'cputune/{tag}'):
            numbers = cpuset.parse(node.get(key, '')) if key else [None]
            for number in numbers:
                who = Who(kind, number)
                found[who] = Scheduler(
                    who, node.get('scheduler', ''),
                    int(node.get('priority', 0)))
    # A guest with realtime threads promises that the others are none.
    if found:
        for who in everybody:
            yield found.get(who, Scheduler(who, None))


def _count(domain: ElementTree.Element, tag: str) -> int:
    return int(domain.findtext(tag, '0').strip() or 0)


def _iothreads(domain: ElementTree.Element) -> tuple[int, ...]:
    named = [int(node.get('id', ''))
             for node in domain.iterfind('iothreadids/iothread')]
    # libvirt numbers those that have no number of their own from 1.
    free = (number for number in range(1, 1 << 16) if number not in named)
    while len(named) < _count(domain, 'iothreads'):
        named.append(next(free))
    return tuple(sorted(named))
