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
from typing import Mapping

from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.errors import Origin

#: What oslo.utils' strutils.bool_from_string takes for true.
_TRUE = ('1', 't', 'true', 'on', 'y', 'yes')

#: Nova's two refusals of realtime guests, each with what to set.
DEDICATED_REASON = 'realtime vCPUs need CPUs of their own'
DEDICATED_REMEDY = 'Set hw:cpu_policy=dedicated (or mixed) on the flavor'
MASK_REASON = (
    'realtime leaves no ordinary vCPU, and the emulator threads no CPU')
MASK_REMEDY = (
    'Set hw:cpu_realtime_mask=^0, or hw:emulator_threads_policy=share or '
    'isolate')


@dataclass(frozen=True)
class NovaSpecs:
    """Nova's ``hw:`` extra specs and ``hw_`` image properties.

    What Nova refuses it refuses by itself; here is only what this project's
    rules ask about (nova/virt/hardware.py has each one's meaning).

    :ivar cpu_policy: ``dedicated``, ``mixed`` or ``shared``, None for unset
    :ivar realtime: hw:cpu_realtime
    :ivar realtime_mask: hw:cpu_realtime_mask; the image's comes first
    :ivar emulator_threads_policy: ``isolate`` or ``share``
    :ivar pmu: hw:pmu, None for unset
    :ivar locked_memory: hw:locked_memory
    :ivar page_size: hw:mem_page_size
    """

    cpu_policy: str | None = None
    realtime: bool = False
    realtime_mask: str | None = None
    emulator_threads_policy: str | None = None
    pmu: bool | None = None
    locked_memory: bool = False
    page_size: str | None = None

    def has(self, spec: str) -> bool:
        """Return whether one of them is set so that it has an effect."""
        return bool(getattr(self, _FIELDS[spec]))


_FIELDS = {
    'hw:cpu_policy': 'cpu_policy',
    'hw:cpu_realtime': 'realtime',
    'hw:cpu_realtime_mask': 'realtime_mask',
    'hw:emulator_threads_policy': 'emulator_threads_policy',
    'hw:mem_page_size': 'page_size',
}


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
        cpu_policy=of_flavor('cpu_policy') or of_image('cpu_policy'),
        realtime=_true(of_flavor('cpu_realtime')),
        realtime_mask=(
            of_image('cpu_realtime_mask') or of_flavor('cpu_realtime_mask')),
        emulator_threads_policy=of_flavor('emulator_threads_policy'),
        pmu=None if pmu is None else _true(pmu),
        locked_memory=_true(
            of_flavor('locked_memory') or of_image('locked_memory')),
        page_size=of_flavor('mem_page_size') or of_image('mem_page_size'),
    )


def judge(nova: NovaSpecs) -> None:
    """Refuse the realtime guests that Nova refuses, saying what to set.

    :raises InvalidRequest: for realtime without CPUs of its own, or without
        anything that leaves the emulator threads a CPU
    """
    if not nova.realtime:
        return
    origin = Origin('flavor', 'hw:cpu_realtime', 'yes')
    if not has_dedicated_cpus(nova):
        raise InvalidRequest(origin, DEDICATED_REASON, DEDICATED_REMEDY)
    if not has_room_for_emulator(nova):
        raise InvalidRequest(origin, MASK_REASON, MASK_REMEDY)


def judge_realtime_profile(nova: NovaSpecs, profile: Origin) -> None:
    """Refuse profile=realtime without what it needs of Nova, all at once.

    :raises InvalidRequest: naming each spec that is missing
    """
    missing = []
    if not nova.realtime:
        missing.append('hw:cpu_realtime=yes')
    if not has_dedicated_cpus(nova):
        missing.append('hw:cpu_policy=dedicated (or mixed)')
    if not has_room_for_emulator(nova):
        missing.append('hw:cpu_realtime_mask=^0')
    if missing:
        raise InvalidRequest(
            profile,
            "needs Nova's own specs of realtime guests",
            f'Set {" and ".join(missing)} on the flavor',
        )


def has_dedicated_cpus(nova: NovaSpecs) -> bool:
    """Return whether some vCPUs have host CPUs of their own."""
    return nova.cpu_policy in ('dedicated', 'mixed')


def has_room_for_emulator(nova: NovaSpecs) -> bool:
    """Return whether emulator threads run elsewhere than realtime vCPUs."""
    return bool(nova.realtime_mask) or nova.emulator_threads_policy in (
        'isolate', 'share')


def _true(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE
