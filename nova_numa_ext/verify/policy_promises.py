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

"""Promises of flavor and image: what was asked for is in the domain.

Whether QEMU does what the domain says is what the other promises are about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable
from typing import Iterator
from xml.etree import ElementTree

from nova_numa_ext.domain import iothreads
from nova_numa_ext.domain import metadata
from nova_numa_ext.policy import table
from nova_numa_ext.policy.values import BadValue
from nova_numa_ext.policy.values import CacheShare
from nova_numa_ext.policy.values import CpuFeature
from nova_numa_ext.policy.values import Scheduler
from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise

_Found = Callable[[ElementTree.Element, object], 'tuple[str, bool]']


@dataclass(frozen=True)
class Setting:
    """A setting reached the domain."""

    subject: str
    what: str
    asked: str
    got: str
    kept: bool

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        return self.got, self.kept


def of_domain(domain: ElementTree.Element) -> Iterator[Promise]:
    """Return what the domain says it was asked for."""
    for setting in metadata.read(domain):
        judge = JUDGES.get(setting.name)
        row = table.BY_NAME.get(setting.name)
        if judge is None or row is None:
            continue
        try:
            value = row.type.parse(setting.value)
        except BadValue:
            continue
        got, kept = judge(domain, value)
        yield Setting(
            setting.source, row.spec, setting.value, got, kept)


def _attribute(path: str, name: str) -> _Found:
    """Judge by an attribute that has to be the value itself."""
    def judge(
        domain: ElementTree.Element, value: object,
    ) -> tuple[str, bool]:
        word = {True: 'on', False: 'off'}.get(value) if isinstance(
            value, bool) else str(value)
        there = {node.get(name, 'none') for node in domain.iterfind(path)}
        return ', '.join(sorted(there)) or 'none', there == {word}
    return judge


def _unless(words: tuple[object, ...], judge: _Found) -> _Found:
    """Judge all but the values that leave the outcome to the host."""
    def found(
        domain: ElementTree.Element, value: object,
    ) -> tuple[str, bool]:
        if value in words:
            return str(value), True
        return judge(domain, value)
    return found


def _scheduler(path: str) -> _Found:
    def judge(
        domain: ElementTree.Element, value: object,
    ) -> tuple[str, bool]:
        there = {
            f'{node.get("scheduler")}:{node.get("priority")}'
            for node in domain.iterfind(path)}
        wanted = value if isinstance(value, Scheduler) else None
        return ', '.join(sorted(there)) or 'none', wanted is not None and (
            there == {f'{wanted.policy}:{wanted.priority}'})
    return judge


def _models(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    model = domain.findtext('cpu/model', 'none')
    wanted = value if isinstance(value, tuple) else ()
    return model, model.lower() in [name.lower() for name in wanted]


def _features(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    there = {
        CpuFeature(node.get('name', ''), node.get('policy', 'require'))
        for node in domain.iterfind('cpu/feature')}
    missing = [
        feature.name for feature in (
            value if isinstance(value, tuple) else ())
        if feature not in there]
    return f'without {", ".join(missing)}' if missing else 'all', not missing


def _topology(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    there = domain.find('cpu/topology') is not None
    return 'a topology' if there else 'none', there


def _distances(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    cells = domain.findall('cpu/numa/cell')
    there = [cell for cell in cells if cell.find('distances') is not None]
    kept = not there if value == 'off' else len(there) == len(cells)
    return f'of {len(there)} of {len(cells)} nodes', kept or len(cells) < 2


def _iothreads(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    there = int(domain.findtext('iothreads', '0'))
    if value == 'off':
        wanted = 0
    elif value == 'per-node':
        wanted = max(len(domain.findall('cpu/numa/cell')), 1)
    else:
        wanted = value if isinstance(value, int) else 0
    if not iothreads.users(domain):
        # None is made that no device would use.
        wanted = 0
    return str(there), there == wanted


def _memballoon(
    domain: ElementTree.Element, value: object,
) -> tuple[str, bool]:
    node = domain.find('devices/memballoon')
    # libvirt adds one where the domain does not say.
    there = 'off' if node is not None and node.get(
        'model') == 'none' else 'on'
    return there, (there == 'on') == value


def _ksm(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    node = domain.find('memoryBacking/nosharepages')
    there = 'on' if node is None else 'off'
    return there, (there == 'on') == value


def _l3(domain: ElementTree.Element, value: object) -> tuple[str, bool]:
    wanted = sorted(
        share.size_kib for share in (
            value if isinstance(value, tuple) else ())
        if isinstance(share, CacheShare))
    there = sorted(
        int(node.get('size', 0))
        for node in domain.iterfind('cputune/cachetune/cache'))
    return ', '.join(f'{size} KiB' for size in there) or 'none', (
        there == wanted)


#: How each setting shows in a domain. What is not here shows in nothing of
#: its own: a profile in what it sets, kvm_hints=auto in what the host has,
#: numa_nodes=auto in the nodes that Nova has placed, numa_affinity in pins and
#: memory, which have promises of their own.
JUDGES: dict[str, _Found] = {
    'cpu_mode': _attribute('cpu', 'mode'),
    'cpu_models': _models,
    'cpu_features': _features,
    'cpu_migratable': _attribute('cpu', 'migratable'),
    'cpu_cache': _unless(('auto',), _attribute('cpu/cache', 'mode')),
    'cpu_topology': _topology,
    'cpu_dies': _unless(('auto',), _attribute('cpu/topology', 'dies')),
    'numa_mempolicy': _attribute('numatune/memnode', 'mode'),
    'numa_distances': _distances,
    'realtime_scheduler': _attribute('cputune/vcpusched', 'scheduler'),
    'realtime_priority': _attribute('cputune/vcpusched', 'priority'),
    'emulator_scheduler': _scheduler('cputune/emulatorsched'),
    'iothread_scheduler': _scheduler('cputune/iothreadsched'),
    'iothreads': _iothreads,
    'memballoon': _memballoon,
    'ksm': _ksm,
    'l3_allocation': _l3,
}
