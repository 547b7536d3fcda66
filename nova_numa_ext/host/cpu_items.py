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

"""Items of the CPUs themselves: frequency, idle states, threads.

TuneD's profile realtime-virtual-host builds on latency-performance, which
sets the governor and keeps CPUs from idle states that they are slow to leave
(force_latency). What threads of a core share is in the kernel's
admin-guide/hw-vuln and in Nova's hw:cpu_thread_policy.
"""

from __future__ import annotations

from nova_numa_ext.host.item import Host
from nova_numa_ext.host.item import Item
from nova_numa_ext.topology import cpuset

_CPU = 'sys/devices/system/cpu'

#: Microseconds; C1 and C1E are left faster than this, deeper states are not.
SLOW = 10


def governor(host: Host) -> Item:
    """The dedicated CPUs do not change their frequency with the load."""
    found = sorted({
        word for word in (
            host.reader.text(f'{_CPU}/cpu{cpu}/cpufreq/scaling_governor')
            for cpu in _cpus(host)) if word})
    return Item(
        'governor', ', '.join(found) or 'none of the kernel', 'performance',
        found == ['performance'] if found else None,
        'cpupower frequency-set -g performance, or tuned-adm profile '
        'realtime-virtual-host')


def idle_states(host: Host) -> Item:
    """The dedicated CPUs wake fast.

    Who asks for a latency at /dev/cpu_dma_latency, as tuned does, keeps all
    CPUs out of slower states; ``n/a`` of a CPU's own limit stands for none.
    """
    latency = host.reader.counter('dev/cpu_dma_latency')
    slow = {}
    seen = False
    for cpu in _cpus(host):
        folder = f'{_CPU}/cpu{cpu}/cpuidle'
        for state in host.reader.numbered(folder, 'state'):
            seen = True
            path = f'{folder}/state{state}'
            if host.reader.number(f'{path}/disable'):
                continue
            if (host.reader.number(f'{path}/latency') or 0) > SLOW:
                name = host.reader.text(f'{path}/name') or str(state)
                slow[name] = host.reader.number(f'{path}/latency')
    wanted = f'left within {SLOW} us'
    remedy = (
        'tuned-adm profile realtime-virtual-host, or boot with '
        'processor.max_cstate=1 intel_idle.max_cstate=1')
    if not seen:
        return Item('idle states', 'none of the kernel', wanted, None, remedy)
    if latency is not None and latency <= SLOW:
        return Item('idle states', f'held to {latency} us', wanted, True,
                    remedy)
    own = {
        host.reader.text(f'{_CPU}/cpu{cpu}/power/pm_qos_resume_latency_us')
        for cpu in _cpus(host)}
    if own == {'n/a'}:
        return Item('idle states', 'held to 0 us', wanted, True, remedy)
    found = ', '.join(f'{name} {us} us' for name, us in slow.items())
    return Item('idle states', found or 'fast ones', wanted, not slow, remedy)


def threads(host: Host) -> Item:
    """A dedicated CPU shares its core with no other kind of work."""
    wanted = 'off, or both threads of a core dedicated'
    remedy = (
        'Turn it off (echo off > /sys/devices/system/cpu/smt/control), or '
        'name all siblings in [compute] cpu_dedicated_set')
    active = host.reader.number(f'{_CPU}/smt/active')
    if active is None:
        return Item('SMT', 'unknown', wanted, None, remedy)
    if not active:
        return Item('SMT', 'off', wanted, True, remedy)
    strangers = frozenset().union(*(
        host.reader.cpus(f'{_CPU}/cpu{cpu}/topology/thread_siblings_list')
        or frozenset() for cpu in host.dedicated)) - host.dedicated
    if not host.dedicated:
        return Item('SMT', 'on', wanted, None, remedy)
    if strangers:
        return Item(
            'SMT', f'on; siblings that are not dedicated: '
            f'{cpuset.show(strangers)}', wanted, False, remedy)
    return Item('SMT', 'on, siblings dedicated too', wanted, True, remedy)


def _cpus(host: Host) -> tuple[int, ...]:
    """Return the dedicated CPUs; all that are online where none are."""
    return tuple(sorted(host.dedicated or (
        host.reader.cpus(f'{_CPU}/online') or ())))
