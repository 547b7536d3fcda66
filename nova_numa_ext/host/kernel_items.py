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

"""Items of the kernel: what it is, and what it leaves dedicated CPUs out of.

The rules are those of the kernel's documentation (admin-guide/
kernel-parameters, timers/no_hz, core-api/irq/irq-affinity, scheduler/
sched-rt-group) and of TuneD's profile realtime-virtual-host, which sets
``isolcpus``, ``nohz_full``, ``rcu_nocbs``, ``irqaffinity`` and
``sched_rt_runtime_us`` for the same purpose.
"""

from __future__ import annotations

import re

from nova_numa_ext.host.item import covers
from nova_numa_ext.host.item import Host
from nova_numa_ext.host.item import Item
from nova_numa_ext.host.item import list_of
from nova_numa_ext.topology import cpuset

_CPU = 'sys/devices/system/cpu'
#: Where cgroup v1 has the controller of CPU time.
_GROUPS = ('sys/fs/cgroup/cpu', 'sys/fs/cgroup/cpu,cpuacct')
#: Time sources that are read without leaving the CPU: of x86, arm64, POWER
#: and s390x.
_CLOCKS = ('tsc', 'arch_sys_counter', 'timebase', 'tod')
#: Interrupts of disks that have a queue for each CPU, by the names that their
#: drivers give them.
_DISK_QUEUE = re.compile(
    r'nvme\d+q\d+|virtio\d+-req\.\d+|(megasas|mpt3sas)\d+-msix\d+')


def kernel(host: Host) -> Item:
    """A kernel that can be pre-empted nearly everywhere."""
    version = host.reader.text('proc/version')
    realtime = host.reader.number('sys/kernel/realtime') == 1 or (
        'PREEMPT_RT' in (version or ''))
    if version is None and not realtime:
        found, ok = 'unknown', None
    else:
        release = (version or '').split()
        found = f'{"PREEMPT_RT" if realtime else "ordinary"}' + (
            f', {release[2]}' if len(release) > 2 else '')
        ok = realtime
    return Item(
        'kernel', found, 'PREEMPT_RT', ok,
        'Install and boot a PREEMPT_RT kernel: linux-image-rt-amd64 on '
        'Debian, kernel-rt on RHEL, linux-image-realtime on Ubuntu',
        needed=True)


def isolcpus(host: Host) -> Item:
    """No other task is scheduled on the dedicated CPUs."""
    found = host.reader.cpus(f'{_CPU}/isolated')
    if found is None:
        found = list_of(host, 'isolcpus')
    return covers(
        host, 'isolcpus', found,
        f'Boot with isolcpus=managed_irq,domain,{host.cpus}')


def nohz_full(host: Host) -> Item:
    """No tick on a dedicated CPU where one task runs."""
    path = f'{_CPU}/nohz_full'
    found = host.reader.cpus(path)
    remedy = f'Boot with nohz=on nohz_full={host.cpus}'
    if found is None:
        # "(null)" for none; no file where the kernel has no such thing.
        found = frozenset()
        if not host.reader.has(path):
            remedy = 'Boot a kernel with CONFIG_NO_HZ_FULL, and ' + (
                remedy[0].lower() + remedy[1:])
    return covers(host, 'nohz_full', found, remedy)


def rcu_nocbs(host: Host) -> Item:
    """RCU's callbacks run elsewhere; nohz_full implies that."""
    found = list_of(host, 'rcu_nocbs')
    implied = host.reader.cpus(f'{_CPU}/nohz_full') or frozenset()
    return covers(
        host, 'rcu_nocbs', None if found is None else found | implied,
        f'Boot with rcu_nocbs={host.cpus}')


def _is_quiet(host: Host, number: int, managed: frozenset[int]) -> bool:
    """Return whether an interrupt is of a disk's queue for these CPUs only.

    The kernel says of no interrupt whether it is a managed one; those of
    disks' queues are, where nobody but their driver can say what CPUs they
    are for.
    """
    cpus = host.reader.cpus(f'proc/irq/{number}/smp_affinity_list')
    return cpus is not None and bool(cpus) and cpus <= managed and any(
        map(_DISK_QUEUE.fullmatch, host.reader.names(f'proc/irq/{number}')))


def irqs(host: Host) -> Item:
    """No interrupt is delivered to a dedicated CPU.

    Where an interrupt may go is less than where it goes: the kernel keeps
    managed ones away from isolated CPUs by themselves (isolcpus=managed_irq).
    A disk's queue that is for such CPUs only has nowhere else to go, and is
    quiet as long as nothing there reads or writes: a guest's vCPUs do not.
    """
    remedy = (
        f'Boot with irqaffinity={host.others}, and have irqbalance leave '
        f'{host.cpus} out (IRQBALANCE_BANNED_CPULIST)')
    astray = {}
    managed: frozenset[int] = frozenset()
    if 'managed_irq' in (host.arguments.get('isolcpus') or '').split(','):
        managed = list_of(host, 'isolcpus') or managed
    numbers = host.reader.numbered('proc/irq')
    for number in numbers:
        cpus = (
            host.reader.cpus(f'proc/irq/{number}/effective_affinity_list')
            if host.reader.has(f'proc/irq/{number}/effective_affinity_list')
            else host.reader.cpus(f'proc/irq/{number}/smp_affinity_list'))
        if cpus and cpus & host.dedicated and not (
                _is_quiet(host, number, managed)):
            astray[number] = cpus & host.dedicated
    mask = (host.reader.text('proc/irq/default_smp_affinity') or '').replace(
        ',', '')
    later = frozenset(
        cpu for cpu in host.dedicated if mask and int(mask, 16) >> cpu & 1)
    words = []
    if astray:
        cpus = frozenset().union(*astray.values())
        words.append(f'{cpuset.show(astray)} on CPUs {cpuset.show(cpus)}')
    if later:
        words.append(f'new ones may go to {cpuset.show(later)}')
    wanted = f'none on {cpuset.show(host.dedicated) or "the dedicated CPUs"}'
    if not numbers or not host.dedicated:
        return Item('IRQ affinity', 'unknown', wanted, None, remedy, True)
    return Item('IRQ affinity', '; '.join(words) or 'none there', wanted,
                not words, remedy, needed=True)


def throttling(host: Host) -> Item:
    """Realtime tasks may use all of a CPU's time."""
    found = host.reader.number('proc/sys/kernel/sched_rt_runtime_us')
    return Item(
        'sched_rt_runtime_us', 'unknown' if found is None else str(found),
        '-1', None if found is None else found == -1,
        'sysctl -w kernel.sched_rt_runtime_us=-1, and keep it in '
        '/etc/sysctl.d', needed=True)


def groups(host: Host) -> Item:
    """Guests' control groups may have realtime threads at all.

    With CONFIG_RT_GROUP_SCHED each group has a budget of its own, 0 for a new
    one, and libvirt starts no guest with realtime threads in it ("Cannot set
    scheduler parameters"). PREEMPT_RT kernels do not have it.
    """
    remedy = (
        'Boot with rt_group_sched=0 (Linux 6.16), or a kernel without '
        'CONFIG_RT_GROUP_SCHED; or take cpu out of cgroup_controllers in '
        'qemu.conf')
    wanted = 'none'
    path = next((path for path in _GROUPS if host.reader.has(
        f'{path}/cpu.rt_runtime_us')), None)
    if path is not None:
        budgets = [
            host.reader.number(f'{path}/{name}/cpu.rt_runtime_us')
            for name in host.reader.names(path)
            if name.startswith('machine')]
        # Without a group of libvirt's there it may not use that controller.
        return Item(
            'RT groups', 'RT_GROUP_SCHED', wanted,
            False if 0 in budgets else None, remedy, needed=True)
    release = host.reader.text('proc/sys/kernel/osrelease')
    config = host.reader.text(f'boot/config-{release}') or ''
    if 'CONFIG_RT_GROUP_SCHED=y' in config and host.arguments.get(
            'rt_group_sched') != '0':
        return Item('RT groups', 'RT_GROUP_SCHED', wanted, False,
                    remedy, needed=True)
    return Item('RT groups', 'none', wanted, True, remedy, needed=True)


def clocksource(host: Host) -> Item:
    """Time is read from the CPU's own counter."""
    found = host.reader.text(
        'sys/devices/system/clocksource/clocksource0/current_clocksource')
    return Item(
        'clocksource', found or 'unknown', 'tsc',
        None if found is None else found in _CLOCKS,
        'Boot with tsc=reliable where the TSC is invariant; else see in '
        'dmesg why the kernel does not trust it', needed=True)
