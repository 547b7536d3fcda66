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

"""The cloud that is measured: the demo's, with nova-compute in two ways."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import string
import time

from tools.bench import figures
from tools.bench import image
from tools.bench import patched
from tools.bench import rounds
from tools.demo import catalog
from tools.demo import processes
from tools.demo import services
from tools.demo import up

HERE = pathlib.Path(__file__).parent
DRIVERS = {
    'stock': 'libvirt.LibvirtDriver',
    'ours': 'numa_ext.NumaLibvirtDriver',
    'patched': 'libvirt.LibvirtDriver',
}
FLAVOR = 'bench'
MEMORY_MIB = 64
# Nova's default.
BUILDS = 10
START_SECONDS = 300
# No record for so long: what an operation caused has ended.
QUIET_SECONDS = 3


class Control:
    """The instruments in nova-compute, asked by a socket."""

    def __init__(self, path):
        self.path = path

    def ask(self, do, **arguments):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            with connection.makefile('rw') as stream:
                stream.write(json.dumps({'do': do, **arguments}) + '\n')
                stream.flush()
                answer = json.loads(stream.readline())
        if 'error' in answer:
            raise processes.Failure(f'nova-compute, {do}: {answer["error"]}')
        return answer

    def read(self):
        return [figures.Record(*each) for each in self.ask('read')['records']]

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.path))
        except OSError:
            return False
        return True

    def settle(self, at_least=0.0, quiet=QUIET_SECONDS):
        """The records until nothing has come for a while."""
        begun = last = time.monotonic()
        result = []
        while True:
            new = self.read()
            result += new
            now = time.monotonic()
            if any(record.counts for record in new):
                last = now
            if now - last >= quiet and now - begun >= at_least:
                return result
            time.sleep(processes.POLL)


class Starter(up.Starter):
    """Brings the cloud up with the guest and the quotas of the benchmark."""

    def __init__(self, bench):
        super().__init__(bench.cloud)
        self.image = image.BenchImage(bench.cloud)
        self._bench = bench

    def nova_compute(self):
        self._bench.start_compute('stock')

    def flavors(self):
        connection = catalog.connect(self.cloud)
        compute = connection.compute
        if not any(each.name == FLAVOR for each in compute.flavors()):
            compute.create_flavor(
                name=FLAVOR, vcpus=1, ram=MEMORY_MIB, disk=1
            )
        project = connection.identity.find_project('admin')
        compute.update_quota_set(project, instances=-1, cores=-1, ram=-1)


class Bench:
    """One cloud and the nova-compute that is measured on it."""

    def __init__(self, cloud, mode, sides=rounds.SIDES):
        self.cloud = cloud
        self.mode = mode
        self._sides = sides
        self._patched = cloud.dir / 'patched'
        self.control = Control(cloud.run / 'nova-compute-bench.sock')
        self.image_id = None
        self._qemu_img = cloud.run / 'qemu-img.log'
        self._hook = cloud.etc / 'libvirt' / 'hooks' / 'qemu'

    def up(self):
        if 'patched' in self._sides:
            patched.make(self.cloud, self._patched)
        starter = Starter(self)
        starter.run()
        self.image_id = starter.guest_image_id
        if self._hook.exists():
            # Of a run that was killed.
            self._quick_creates()

    def _service(self, side, periodic, builds):
        cloud = self.cloud
        config = cloud.etc / 'nova' / 'nova-compute.conf'
        config.parent.mkdir(exist_ok=True)
        template = string.Template(
            (HERE / 'config' / 'nova-compute.conf').read_text()
        )
        text = template.substitute(
            compute_driver=DRIVERS[side],
            mode=self.mode,
            periodic=str(periodic).lower(),
            builds=builds,
            libvirt_uri=cloud.libvirt_uri,
            venv=cloud.venv,
            etc=cloud.etc,
        )
        config.write_text(text)
        service = services.nova_compute(cloud, {})
        program = HERE / 'compute.py'
        env = {
            'PATH': f'{HERE / "bin"}:{service.env["PATH"]}',
            'NOVA_BENCH_QEMU_IMG': str(self._qemu_img),
        }
        if side == 'patched':
            env['PYTHONPATH'] = str(self._patched)
        return dataclasses.replace(
            service,
            command=[
                *(cloud.bin / 'python', program, self.control.path),
                *service.command[1:],
            ],
            env=env,
            files=(*service.files, program, HERE / 'instrument.py'),
            ready=self.control.answers,
            deadline=START_SECONDS,
        )

    def start_compute(self, side, periodic=False, builds=BUILDS):
        """Starts nova-compute anew, unless it runs in that way already."""
        service = self._service(side, periodic, builds)
        self.cloud.processes.start(service)

    def stop_compute(self):
        self.cloud.processes.stop('nova-compute')
        with contextlib.suppress(FileNotFoundError):
            self.control.path.unlink()
        self._qemu_img.write_text('')

    def forget(self):
        """Drops what was recorded before a measurement."""
        self.control.read()
        self._qemu_img.write_text('')

    def qemu_img_runs(self):
        return self._qemu_img.read_text().split()

    def cpu_seconds(self):
        processes_ = self.cloud.processes
        pids = {processes_.pid(name): name for name in processes_.names()}
        pids.pop(None, None)
        return figures.cpu_seconds(pids)

    @contextlib.contextmanager
    def slow_creates(self, seconds):
        """Has libvirtd take longer for the start of each guest."""
        self._hook.parent.mkdir(exist_ok=True)
        self._hook.write_text(
            f'#!/bin/sh\n[ "$2" != start ] || exec sleep {seconds}\n'
        )
        self._hook.chmod(0o755)
        self._reload_libvirtd()
        try:
            yield
        finally:
            self._quick_creates()

    def _quick_creates(self):
        self._hook.unlink()
        self._reload_libvirtd()

    def _reload_libvirtd(self):
        # It looks for hooks when it starts, and when it is told to reload.
        pid_file = self.cloud.run / 'libvirt' / 'libvirtd.pid'
        os.kill(int(pid_file.read_text()), signal.SIGHUP)
        time.sleep(1)
