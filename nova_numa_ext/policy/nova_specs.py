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

"""What Nova's own specs say, as far as rules of this project depend on it."""

from __future__ import annotations

from dataclasses import dataclass
import re
from typing import Mapping

from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.errors import Origin

#: What oslo.utils' strutils.bool_from_string takes for true.
_TRUE = ('1', 't', 'true', 'on', 'y', 'yes')

#: Nova's two refusals of realtime guests, each with what to set.
DEDICATED_REASON = 'realtime vCPUs need CPUs of their own'
DEDICATED_REMEDY = 'Set hw:cpu_policy=dedicated (or mixed) on the flavor'
MASK_REASON = (
    'realtime vCPUs need an ordinary one beside them, or emulator threads '
    'elsewhere')
MASK_REMEDY = (
    'Set hw:cpu_realtime_mask=^0, or hw:emulator_threads_policy=share or '
    'isolate')


#: Nova's own way to dedicated CPUs without hw:cpu_policy.
_PCPUS = re.compile('resources([1-9][0-9]*)?:PCPU')

#: The spec that rules can name -> the field that has it.
FIELDS = {
    'hw:cpu_policy': 'cpu_policy',
    'hw:cpu_realtime': 'realtime',
    'hw:cpu_realtime_mask': 'realtime_mask',
    'hw:emulator_threads_policy': 'emulator_threads_policy',
    'hw:mem_page_size': 'page_size',
    'hw:numa_cpus.0': 'numa_cpus',
    'hw:numa_nodes': 'numa_nodes',
    'hw:pmem': 'pmem',
}

#: What messages show for a spec that can have any value.
EXAMPLES = {'hw:cpu_realtime_mask': '^0'}


@dataclass(frozen=True)
class NovaSpecs:
    """Nova's ``hw:`` extra specs and ``hw_`` image properties.

    What Nova refuses it refuses by itself; here is only what this project's
    rules ask about (nova/virt/hardware.py has each one's meaning).

    :ivar cpu_policy: ``dedicated``, ``mixed`` or ``shared``, None for unset;
        ``dedicated`` for resources:PCPU, too
    :ivar realtime: hw:cpu_realtime
    :ivar realtime_mask: hw:cpu_realtime_mask; the image's comes first
    :ivar emulator_threads_policy: ``isolate`` or ``share``
    :ivar pmu: hw:pmu, None for unset
    :ivar locked_memory: hw:locked_memory
    :ivar page_size: hw:mem_page_size
    :ivar numa_nodes: hw:numa_nodes
    :ivar numa_cpus: hw:numa_cpus.0, which is there where any of its kind is
    :ivar pmem: hw:pmem, persistent memory, which comes with a NUMA node
    """

    cpu_policy: str | None = None
    realtime: bool = False
    realtime_mask: str | None = None
    emulator_threads_policy: str | None = None
    pmu: bool | None = None
    locked_memory: bool = False
    page_size: str | None = None
    numa_nodes: str | None = None
    numa_cpus: str | None = None
    pmem: str | None = None

    def has(self, spec: str, words: tuple[str, ...] = ()) -> bool:
        """Return whether a spec is set, to one of some words.

        :param spec: one of those that rules can name
        :param words: none for any value
        """
        value = getattr(self, FIELDS[spec])
        if isinstance(value, bool):
            value = 'yes' if value else None
        return bool(value) and (not words or value in words)


def read(
    extra_specs: Mapping[str, str],
    image_properties: Mapping[str, str],
) -> NovaSpecs:
    """Return Nova's specs of a flavor and an image."""

    def of_flavor(name: str) -> str | None:
        value = extra_specs.get(f'hw:{name}')
        return None if value is None else str(value).strip()

    def of_image(name: str) -> str | None:
        value = image_properties.get(f'hw_{name}')
        return None if value is None else str(value).strip()

    pmu = of_flavor('pmu') or of_image('pmu')
    return NovaSpecs(
        cpu_policy=(
            of_flavor('cpu_policy') or of_image('cpu_policy')
            or ('dedicated' if _asks_for_pcpus(extra_specs) else None)),
        realtime=_true(of_flavor('cpu_realtime')),
        realtime_mask=(
            of_image('cpu_realtime_mask') or of_flavor('cpu_realtime_mask')),
        emulator_threads_policy=of_flavor('emulator_threads_policy'),
        pmu=None if pmu is None else _true(pmu),
        locked_memory=_true(
            of_flavor('locked_memory') or of_image('locked_memory')),
        page_size=of_flavor('mem_page_size') or of_image('mem_page_size'),
        numa_nodes=of_flavor('numa_nodes') or of_image('numa_nodes'),
        numa_cpus=of_flavor('numa_cpus.0') or of_image('numa_cpus.0'),
        pmem=of_flavor('pmem'),
    )


def judge(nova: NovaSpecs, extra_specs: Mapping[str, str]) -> None:
    """Refuse the realtime guests that Nova refuses, saying what to set.

    A mask that names every vCPU is left to Nova, which knows their number.

    :param extra_specs: what it was read from
    :raises InvalidRequest: for realtime without CPUs of its own, or without
        anything that leaves the emulator threads a CPU
    """
    if not nova.realtime:
        return
    origin = Origin(
        'flavor', 'hw:cpu_realtime', str(extra_specs['hw:cpu_realtime']))
    if not nova.has('hw:cpu_policy', ('dedicated', 'mixed')):
        raise InvalidRequest(origin, DEDICATED_REASON, DEDICATED_REMEDY)
    if not (nova.has('hw:cpu_realtime_mask')
            or nova.has('hw:emulator_threads_policy')):
        raise InvalidRequest(origin, MASK_REASON, MASK_REMEDY)


def _asks_for_pcpus(extra_specs: Mapping[str, str]) -> bool:
    return any(
        _PCPUS.match(key) and str(value).strip().lstrip('0').isdigit()
        for key, value in extra_specs.items())


def _true(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE
