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

"""The realtime guest that the NUMA host boots, and what it was promised."""

import dataclasses
import subprocess
import time

from tools.demo import catalog
from tools.demo import plan
from tools.demo import processes
from tools.demo import report
from tools.numa_host import compute
from tools.numa_host import host

BOOT_SECONDS = 900
# Emulated by an emulated host, its kernel takes minutes.
GUEST_SECONDS = 1800
ORDINARY = ('other', 0)


@dataclasses.dataclass(frozen=True)
class Guest:
    """A server and its flavor, and which of its threads is promised what.

    :ivar vcpus: scheduler and priority of each
    :ivar emulator, iothreads: those of these threads
    """

    name: str
    cells: int
    memory_mib: int
    vcpus: tuple
    emulator: tuple
    iothreads: tuple
    extra_specs: dict

    @property
    def flavor(self):
        return f'{host.NAME}.{self.name}'

    def cell_of(self, vcpu):
        return vcpu // (len(self.vcpus) // self.cells)


GUEST = Guest(
    name='realtime',
    cells=2,
    memory_mib=256,
    vcpus=(ORDINARY, ('fifo', 10), ('fifo', 10), ('fifo', 10)),
    emulator=('rr', 1),
    iothreads=('fifo', 3),
    extra_specs={
        'hw:cpu_policy': 'dedicated',
        'hw:cpu_realtime': 'yes',
        'hw:cpu_realtime_mask': '^0',
        'hw:emulator_threads_policy': 'share',
        'hw:mem_page_size': '2MB',
        'hw:numa_nodes': '2',
        'numa_ext:profile': 'realtime',
        # The profile's host-passthrough is for KVM.
        'numa_ext:cpu_mode': 'maximum',
        'numa_ext:realtime_scheduler': 'fifo',
        'numa_ext:realtime_priority': '10',
        # Above 1 a busy one would keep RCU's threads from running.
        'numa_ext:emulator_scheduler': 'rr:1',
        'numa_ext:iothreads': 'per-node',
        'numa_ext:iothread_scheduler': 'fifo:3',
        'numa_ext:numa_mempolicy': 'strict',
        'numa_ext:numa_distances': 'host',
    },
)


class Boot:
    """Boots a guest anew on the NUMA host."""

    def __init__(self, numa_host, machine):
        self._host = numa_host
        self._cloud = numa_host.cloud
        self._machine = machine
        self._compute = catalog.connect(self._cloud).compute

    def _remove(self, guest):
        for server in self._compute.servers(name=f'^{guest.name}$'):
            self._compute.delete_server(server)
            self._compute.wait_for_delete(server, wait=BOOT_SECONDS)
        flavor = self._compute.find_flavor(guest.flavor)
        if flavor is not None:
            self._compute.delete_flavor(flavor)

    def _create(self, guest):
        flavor = self._compute.create_flavor(
            name=guest.flavor,
            vcpus=len(guest.vcpus),
            ram=guest.memory_mib,
            disk=1,
        )
        self._compute.create_flavor_extra_specs(flavor, guest.extra_specs)
        words = ['openstack', 'server', 'create', '--flavor', guest.flavor]
        # The scheduler's filters have their say, unlike with a zone.
        words += ['--host', host.NAME, '--image', 'guest', '--nic', 'none']
        words += [guest.name]
        plan.say(' '.join(words))
        answer = subprocess.run(
            words,
            executable=self._cloud.bin / 'openstack',
            env={**processes.base_env(), **self._cloud.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            raise processes.Failure(
                f'`{" ".join(words)}`: {answer.stderr.strip()}',
                self._cloud.processes.log('nova-api'),
            )

    def boot(self, guest):
        """Returns a server that is ACTIVE."""
        self._remove(guest)
        self._create(guest)
        server = self._compute.find_server(guest.name, ignore_missing=False)

        def active():
            current = self._compute.get_server(server)
            if current.status == 'ERROR':
                fault = current.fault or {}
                raise processes.Failure(
                    f'server {guest.name}: {fault.get("message", "ERROR")}',
                    self._host.processes.log('nova-compute'),
                )
            return current.status == 'ACTIVE' and current

        server = processes.wait_for(
            f'server {guest.name} ACTIVE', active, BOOT_SECONDS
        )
        plan.say(f'{guest.name}: ACTIVE on {server.compute_host}')
        return server

    def said(self, server):
        """What the guest sees of itself, once it is up; None where it is not.

        Its console is fetched into the log folder.
        """
        path = f'{compute.STATE}/instances/{server.id}/console.log'
        console = self._host.processes.log('guest-console')

        def says():
            time.sleep(compute.POLL)
            console.write_text(self._machine.output('cat', path))
            return report.parse(console)

        try:
            return processes.wait_for(
                "the guest's report on its console", says, GUEST_SECONDS
            )
        except processes.Failure as failure:
            plan.say(f'{failure} (see {console})')
            return None
