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

from tools.demo import catalog
from tools.demo import plan
from tools.demo import processes
from tools.demo import report
from tools.numa_host import compute
from tools.numa_host import host

BOOT_SECONDS = 900


@dataclasses.dataclass(frozen=True)
class Guest:
    """A server and its flavor; which thread is promised what.

    :ivar realtime: policy and priority of the vCPUs of the mask
    """

    name: str
    cells: int
    vcpus: int
    memory_mib: int
    ordinary_vcpus: frozenset
    realtime: tuple
    extra_specs: dict

    @property
    def flavor(self):
        return f'{host.NAME}.{self.name}'

    def cell_of(self, vcpu):
        return vcpu // (self.vcpus // self.cells)

    def scheduler(self, vcpu):
        return ('other', 0) if vcpu in self.ordinary_vcpus else self.realtime


GUEST = Guest(
    name='realtime',
    cells=2,
    vcpus=4,
    memory_mib=256,
    ordinary_vcpus=frozenset({0}),
    realtime=('fifo', 1),
    extra_specs={
        'hw:cpu_policy': 'dedicated',
        'hw:cpu_realtime': 'yes',
        'hw:cpu_realtime_mask': '^0',
        'hw:emulator_threads_policy': 'share',
        'hw:mem_page_size': '2MB',
        'hw:numa_nodes': '2',
        'numa_ext:cpu_mode': 'maximum',
        'numa_ext:cpu_topology': 'auto',
        'numa_ext:cpu_cache': 'auto',
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
            name=guest.flavor, vcpus=guest.vcpus, ram=guest.memory_mib, disk=1
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
        """A server that is ACTIVE, and what its guest said of itself."""
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
        said = processes.wait_for(
            f'server {guest.name}: its report on the console',
            lambda: self._report(server),
            BOOT_SECONDS,
            self._console,
        )
        plan.say(f'{guest.name}: the guest is up')
        return server, said

    @property
    def _console(self):
        return self._host.processes.log('guest-console')

    def _report(self, server):
        path = f'{compute.STATE}/instances/{server.id}/console.log'
        self._console.write_text(self._machine.output('cat', path))
        return report.parse(self._console)
