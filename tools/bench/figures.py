# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Figures from the records of nova-compute, and CPU time from /proc."""

import collections
import dataclasses
import os
import pathlib
import typing

# A service says every ten seconds that it lives: of no operation.
HEARTBEATS = {'Service.save'}
CREATES = ('virDomainCreateWithFlags', 'virDomainCreate')
QEMU = ('qemu-system', 'qemu-kvm')


class Record(typing.NamedTuple):
    kind: str
    name: str
    start: float
    end: float
    event: bool
    more: typing.Any

    @property
    def counts(self):
        """Whether it is something that an operation of Nova's did."""
        return self.kind != 'probe' and self.name not in HEARTBEATS


def shown(records, state):
    """When each instance was said to be in that state, by its UUID."""
    return {
        record.more[1]: record.end
        for record in records
        if record.kind == 'rpc' and record.more and record.more[0] == state
    }


def _by_name(records, weight=lambda record: 1):
    result = collections.Counter()
    for record in records:
        result[record.name] += weight(record)
    return dict(result.most_common())


def counts(records, qemu_img=()):
    """What was asked, as plain figures; calls by name below `by_name`."""
    records = [record for record in records if record.counts]
    of = collections.defaultdict(list)
    for record in records:
        of[record.kind].append(record)
    rpc_of_events = [record for record in of['rpc'] if record.event]
    libvirt = _by_name(of['libvirt'], lambda record: record.more)
    rpc = _by_name(of['rpc'])
    return {
        'libvirt': sum(libvirt.values()),
        'rpc': len(of['rpc']) - len(rpc_of_events),
        'rpc_events': len(rpc_of_events),
        'placement': len(of['placement']),
        'qemu_img': len(qemu_img),
        'saves': rpc.get('ComputeNode.save', 0),
        'lock_taken': len(of['lock']),
        'lock_wait': sum(each.more - each.start for each in of['lock']),
        'lock_held': sum(each.end - each.more for each in of['lock']),
        'by_name': {
            'libvirt': libvirt,
            'rpc': rpc,
            'placement': _by_name(of['placement']),
            'qemu_img': dict(collections.Counter(qemu_img)),
        },
    }


def percentile(values, percent):
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    place = -(-len(ordered) * percent // 100)
    return ordered[max(place, 1) - 1]


def probes(records):
    """Seconds that short calls took that ran beside a create."""
    creates = [
        (record.start, record.end)
        for record in records
        if record.kind == 'libvirt' and record.name in CREATES
    ]
    return [
        probe.end - probe.start
        for probe in records
        if probe.kind == 'probe'
        and any(
            start < probe.end and probe.start < end for start, end in creates
        )
    ]


def as_asked(took, interval):
    """What calls would have taken that are asked for at a steady pace.

    One caller waits for its call, and asks for none meanwhile: a second in
    which nobody gets an answer would count as one call. As HdrHistogram does
    (recordValueWithExpectedInterval), each call that took longer counts for
    those that would have been asked for while it waited.
    """
    result = []
    for seconds in took:
        result.append(seconds)
        missed = int(seconds / interval)
        result += [seconds - interval * n for n in range(1, missed)]
    return result


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    name: str
    session: int
    # Of itself, and of children that it has waited for.
    own: int
    children: int


def process(path):
    """One process of /proc, or None where it has just ended."""
    try:
        stat = (path / 'stat').read_text()
    except OSError:
        return None
    name = stat[stat.index('(') + 1 : stat.rindex(')')]
    fields = stat.rpartition(')')[2].split()
    ticks = [int(field) for field in fields[11:15]]
    return Process(
        pid=int(path.name),
        name=name,
        session=int(fields[3]),
        own=ticks[0] + ticks[1],
        children=ticks[2] + ticks[3],
    )


def _environment(path):
    try:
        return (path / 'environ').read_bytes().split(b'\0')
    except OSError:
        return []


def cpu_seconds(pids, proc=pathlib.Path('/proc')):
    """CPU seconds of services and what they started, but not of guests.

    pids: a service's name by the process that was started for it, each with
    a session and a folder for temporary files of its own. tini inherits the
    guests that libvirtd has ended: what its children used is theirs.
    """
    found = [
        one
        for one in (process(path) for path in proc.glob('[0-9]*'))
        if one is not None
    ]
    by_folder = {
        variable: pids[one.pid]
        for one in found
        if one.pid in pids
        for variable in _environment(proc / str(one.pid))
        if variable.startswith(b'TMPDIR=')
    }
    ticks = dict.fromkeys(pids.values(), 0)
    for one in found:
        if one.name.startswith(QEMU):
            continue
        service = pids.get(one.session)
        if service is None:
            for variable in _environment(proc / str(one.pid)):
                service = service or by_folder.get(variable)
        if service is not None:
            ticks[service] += one.own
            if one.name != 'tini':
                ticks[service] += one.children
    second = os.sysconf('SC_CLK_TCK')
    return {name: value / second for name, value in ticks.items()}
