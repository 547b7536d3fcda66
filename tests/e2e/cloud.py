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

"""The demo's cloud, for tests that need a real one."""

import configparser
import json
import os
import pathlib
import subprocess

import fixtures

ROOT = pathlib.Path(__file__).parents[2]
DEMO = ROOT / 'tools' / 'demo' / 'demo'


class Cloud(fixtures.Fixture):
    """A running cloud; it is left running for who comes next.

    Its nova-compute does all that is shortened in Nova's way, too, and says
    where that differs.
    """

    _is_up = False

    def _setUp(self):
        if not Cloud._is_up:
            self.up()
            Cloud._is_up = True
        self.instances = pathlib.Path(
            self._demo('dir').strip()) / 'instances'
        self.uri = self._demo('libvirt-uri').strip()

    def up(self):
        """Start what does not run."""
        self._demo('up', '--no-guests')

    def start(self, service):
        """Start a service that has ended."""
        self._demo('start', service)

    def _demo(self, *arguments):
        """Run a command of the demo; its output is part of a failure."""
        done = subprocess.run(
            [DEMO, *arguments], stdin=subprocess.DEVNULL, text=True,
            capture_output=True, check=False,
            env={**os.environ, 'DEMO_SHADOW': 'true'})
        if done.returncode:
            raise RuntimeError(
                f'demo {" ".join(arguments)} ended with {done.returncode}:\n'
                f'{done.stdout}{done.stderr}')
        return done.stdout

    def run(self, *command):
        """Run a command with the demo's environment; return what it said."""
        return self._demo('shell', '-c', 'exec "$@"', '-', *command)

    def openstack(self, *arguments):
        """Run the `openstack` command and read its answer, if it has one."""
        out = self.run('openstack', *arguments)
        return json.loads(out) if '-f' in arguments else out

    def virsh(self, *arguments):
        return self.run('virsh', *arguments)

    def nova_compute_log(self):
        path = self.instances.parent / 'log' / 'nova-compute.log'
        return path.read_text(errors='replace')

    def virt_type(self):
        """The [libvirt] virt_type that the demo found to work here."""
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(self.instances.parent / 'etc' / 'nova' / 'nova-compute.conf')
        return conf['libvirt']['virt_type']

    def disks(self):
        """The folders of instances on this host, by their uuids."""
        if not self.instances.is_dir():
            return set()
        return {name for name in os.listdir(self.instances)
                if name.count('-') == 4}
