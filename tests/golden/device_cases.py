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

"""Golden cases of balloon, pages, hints of KVM, and profiles."""

from tests.golden.model import Case
from tests.golden.model import EVERYWHERE
from tests.golden.model import KVM_ONLY
from tests.golden.model import LOCKS
from tests.golden.model import NO_PASSTHROUGH
from tests.golden.model import nodes
from tests.golden.model import nova
from tests.golden.model import RUNS
from tests.golden.model import specs
from tests.golden.model import unpinned

DEDICATED = nova(cpu_policy='dedicated')
REALTIME = {**DEDICATED, **nova(cpu_realtime='yes', cpu_realtime_mask='^0')}
# Neither type is run: QEMU does without KVM neither the one nor the other.
REALTIME_ONLY = {'qemu': LOCKS, 'kvm': LOCKS}
ALL_DEVICES = ('vda', 'vdb', 'agent', 'balloon')


def profile(name, **names):
    return specs(profile=name, **names)


CASES = (
    Case('memballoon-off', EVERYWHERE, RUNS, specs(memballoon='off'),
         devices=('balloon',)),
    Case('memballoon-off-without-novas', EVERYWHERE, RUNS,
         specs(memballoon='off')),
    Case('memballoon-on', EVERYWHERE, RUNS, specs(memballoon='on'),
         devices=('balloon',)),
    Case('ksm-off', EVERYWHERE, RUNS, specs(ksm='off')),
    Case('ksm-on', EVERYWHERE, RUNS, specs(ksm='on')),
    Case('kvm-hints', EVERYWHERE, KVM_ONLY,
         {**DEDICATED, **specs(kvm_hints='auto',
                               cpu_mode='host-passthrough')},
         vcpus=2, cells=nodes([0, 1])),
    Case('kvm-hints-host-model', EVERYWHERE, RUNS,
         {**DEDICATED, **specs(kvm_hints='auto')},
         vcpus=2, cells=nodes([0, 1])),
    Case('kvm-hints-off', EVERYWHERE, RUNS,
         {**DEDICATED, **specs(kvm_hints='off')},
         vcpus=2, cells=nodes([0, 1])),
    Case('kvm-hints-mixed', EVERYWHERE, RUNS, specs(kvm_hints='auto'),
         vcpus=2, cells=({0: 0, 1: None},)),
    Case('kvm-hints-emulated', EVERYWHERE, RUNS,
         {**DEDICATED, **specs(kvm_hints='auto')},
         vcpus=2, cells=nodes([0, 1]), capabilities='qemu'),
    Case(
        'profile-high-performance', EVERYWHERE, KVM_ONLY,
        {**DEDICATED, **profile('high-performance')},
        vcpus=2, cells=nodes([0], [1]), with_pins=True, devices=ALL_DEVICES,
        nova_iothread=True,
    ),
    Case(
        # What emulation has not is left out: the mode of the CPU.
        'profile-high-performance-emulated', EVERYWHERE, RUNS,
        profile('high-performance'), cells=unpinned(2, 2), with_pins=True,
        devices=ALL_DEVICES, capabilities='qemu',
    ),
    Case(
        'profile-overridden', EVERYWHERE, RUNS,
        profile('high-performance', cpu_mode='maximum', cpu_cache='disable',
                iothreads='1', memballoon='on', ksm='on'),
        cells=unpinned(2, 2), devices=ALL_DEVICES, capabilities='qemu',
    ),
    Case(
        'profile-realtime', EVERYWHERE,
        {'qemu': f'{NO_PASSTHROUGH}|cannot limit locked memory',
         'kvm': LOCKS},
        {**REALTIME, **profile('realtime')},
        vcpus=2, cells=nodes([0, 1]), realtime=frozenset({1}),
        with_pins=True, locked=True, devices=ALL_DEVICES,
    ),
    Case(
        'profile-realtime-with-pmu', EVERYWHERE, REALTIME_ONLY,
        {**REALTIME, **nova(pmu='on'),
         **profile('realtime', cpu_mode='maximum', realtime_priority='5')},
        vcpus=2, cells=nodes([0, 1]), realtime=frozenset({1}),
        with_pins=True, locked=True, devices=ALL_DEVICES,
        capabilities='qemu',
    ),
    Case(
        # All of it that starts where memory cannot be locked.
        'profile-realtime-unlocked', EVERYWHERE, RUNS,
        {**REALTIME,
         **profile('realtime', cpu_mode='maximum', realtime_scheduler='rr',
                   realtime_priority='5', emulator_scheduler='fifo:2',
                   iothread_scheduler='fifo:3')},
        vcpus=2, cells=nodes([0, 1]), realtime=frozenset({1}),
        with_pins=True, devices=ALL_DEVICES, capabilities='qemu',
    ),
)
