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

"""The NUMA host as QEMU runs it, and commands in it by ssh."""

import subprocess

from tools.demo import plan
from tools.demo import processes
from tools.numa_host import host

BOOT_SECONDS = 900
SSH_OPTIONS = {
    'BatchMode': 'yes',
    'ConnectTimeout': '60',
    'LogLevel': 'ERROR',
    # It is another machine after each `make numa-host-clean`.
    'StrictHostKeyChecking': 'no',
    'UserKnownHostsFile': '/dev/null',
}


def kernel_command_line():
    cpus = host.words(host.DEDICATED_CPUS)
    pages = ','.join(
        f'{node}:{host.HUGE_PAGES_PER_NODE}' for node in range(host.NODES)
    )
    return ' '.join(
        (
            'root=/dev/vda rw console=ttyS0 panic=-1 net.ifnames=0 no5lvl',
            f'isolcpus=managed_irq,domain,{cpus}',
            f'nohz_full={cpus} rcu_nocbs={cpus}',
            f'irqaffinity={host.words(host.SHARED_CPUS)}',
            f'hugepagesz={host.HUGE_PAGE_MIB}M hugepages={pages}',
            'transparent_hugepage=never numa_balancing=disable',
            'nmi_watchdog=0 nosoftlockup tsc=reliable mitigations=off',
        )
    )


def _numa():
    """Nodes with memory and a socket each, and how far they are apart."""
    for node in range(host.NODES):
        first = node * host.CPUS_PER_NODE
        last = first + host.CPUS_PER_NODE - 1
        size = f'{host.MIB_PER_NODE}M'
        yield from ('-object', f'memory-backend-ram,id=ram{node},size={size}')
        yield '-numa'
        yield f'node,nodeid={node},cpus={first}-{last},memdev=ram{node}'
    for one, distances in enumerate(host.DISTANCES):
        for other, distance in enumerate(distances):
            if one != other:
                yield '-numa'
                yield f'dist,src={one},dst={other},val={distance}'


def _share(name, path):
    yield '-virtfs'
    yield (
        f'local,path={path},mount_tag={name},security_model=none,'
        'readonly=on,multidevs=remap'
    )


class Machine:
    """The host: booted anew each time, from the same root filesystem."""

    def __init__(self, numa_host, image):
        self._host = numa_host
        self._image = image
        self._processes = numa_host.processes

    def _command(self):
        cpus = len(host.CPUS)
        console = self._host.console
        return [
            *('qemu-system-x86_64', '-name', host.NAME, '-nodefaults'),
            *('-machine', 'q35', '-accel', 'tcg,thread=multi'),
            *('-cpu', 'max', '-m', f'{host.NODES * host.MIB_PER_NODE}M'),
            '-smp',
            f'{cpus},sockets={host.NODES},cores={host.CPUS_PER_NODE}',
            *_numa(),
            *('-kernel', self._image.kernel, '-initrd', self._image.initrd),
            *('-append', kernel_command_line()),
            '-drive',
            f'file={self._image.root},format=raw,if=virtio,snapshot=on',
            *('-device', 'virtio-net-pci,netdev=net', '-netdev'),
            'user,id=net,'
            f'hostfwd=tcp:127.0.0.1:{self._host.ssh_port}-10.0.2.15:22',
            *_share('checkout', self._host.cloud.checkout),
            *_share('share', self._host.share),
            *('-device', 'virtio-rng-pci'),
            *('-display', 'none', '-no-reboot'),
            *('-serial', f'file:{console}'),
        ]

    def ssh(self, *words):
        options = [f'-o{key}={value}' for key, value in SSH_OPTIONS.items()]
        return [
            *('ssh', *options, '-p', str(self._host.ssh_port)),
            *('-i', str(self._image.key), 'root@127.0.0.1', *words),
        ]

    def output(self, *words, stdin='', seconds=300):
        """What a command in the host prints; a Failure where it fails."""
        try:
            answer = subprocess.run(
                self.ssh(*words),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise processes.Failure(
                f'`{" ".join(words)}` in the host: not within {seconds} s',
                self._host.console,
            ) from error
        if answer.returncode:
            raise processes.Failure(
                f'`{" ".join(words)}` in the host failed '
                f'({answer.returncode}): {answer.stderr.strip()}'
            )
        return answer.stdout

    def _answers(self):
        try:
            self.output('true', seconds=60)
        except processes.Failure:
            return False
        return True

    def start(self):
        """Boots it where it does not run; whether it was booted."""
        service = processes.Service(
            name='qemu',
            command=self._command(),
            ready=self._answers,
            files=(self._image.digest,),
            port=self._host.ssh_port,
            deadline=BOOT_SECONDS,
        )
        started = self._processes.start(service)
        plan.say(f'the host: {"is up" if started else "is up already"}')
        return started

    def runs(self):
        return bool(self._processes.pid('qemu'))

    def stop(self):
        return self._processes.stop('qemu')
