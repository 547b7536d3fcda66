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


"""A real libvirtd of the test's own, as the demo runs one."""

import pathlib
import string
import subprocess

import fixtures
import libvirt

from tools.demo import processes
from tools.demo import services

DEMO = pathlib.Path(services.__file__).parent

# With CONFIG_RT_GROUP_SCHED a new group of cgroup v1's cpu controller has no
# realtime runtime, and the kernel refuses realtime schedulers to its threads.
REALTIME_BY_GROUP = pathlib.Path('/sys/fs/cgroup/cpu/cpu.rt_runtime_us')


class Libvirtd(fixtures.Fixture):
    """A libvirtd in a private mount namespace, without guests.

    The machine's own is neither seen nor touched. Needs root.

    :ivar connection: to it
    :ivar uri: of it
    :param settings: more lines of libvirtd.conf
    """

    def __init__(self, settings=''):
        self._settings = settings

    def _setUp(self):
        self._state = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self._log = self._state / 'libvirtd.log'
        socket = self._state / 'run' / 'libvirt' / 'libvirt-sock'
        self.uri = f'qemu+unix:///system?socket={socket}'
        self._process = None
        for name in ('etc/libvirt', 'run/libvirt', 'libvirt/lib',
                     'libvirt/cache', 'libvirt/log'):
            (self._state / name).mkdir(parents=True)
        self._configure()
        # What libvirt says is in the exceptions; it is not printed too.
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(self.kill)
        self.start()
        self.addCleanup(self._close)

    @property
    def log(self):
        """Where libvirtd writes what ``log_outputs`` sends to its folder."""
        return self._state / 'libvirt' / 'log'

    def start(self):
        """Start it, on what an earlier one of this fixture left."""
        with self._log.open('ab') as log:
            self._process = subprocess.Popen(
                [DEMO / 'libvirtd-private', self._state],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.connection = processes.wait_for(
                'libvirtd', self._open, 60, log=self._log,
                alive=lambda: self._process.poll() is None)
        except processes.Failure as failure:
            log = '\n'.join(processes.tail(self._log))
            raise RuntimeError(f'{failure}\n{log}') from failure

    def kill(self):
        """End it; its guests stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _configure(self):
        folder = self._state / 'etc' / 'libvirt'
        demos = (DEMO / 'config' / 'libvirtd.conf').read_text()
        (folder / 'libvirtd.conf').write_text(demos + self._settings)
        template = string.Template(
            (DEMO / 'config' / 'qemu.conf').read_text())
        (folder / 'qemu.conf').write_text(template.substitute(
            cgroup_controllers=_controllers(), namespaces=''))

    def _open(self):
        try:
            return libvirt.open(self.uri)
        except libvirt.libvirtError:
            return None

    def _close(self):
        for domain in self.connection.listAllDomains():
            if domain.isActive():
                self.destroy(domain)
        self.connection.close()

    @staticmethod
    def destroy(domain):
        """End a guest, of an earlier libvirtd perhaps."""
        try:
            domain.destroy()
        except libvirt.libvirtError:
            # The QEMU is not libvirtd's own child then: it may see its end
            # before it has done with ending it.
            if domain.isActive():
                raise


def _controllers():
    """Return the line of qemu.conf that says which cgroups guests get."""
    if not services.cgroups_writable():
        return 'cgroup_controllers = []'
    if REALTIME_BY_GROUP.exists():
        return 'cgroup_controllers = ["cpuset", "cpuacct", "devices"]'
    return ''
