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

"""nova-compute in the NUMA host, as a compute host of the demo's cloud."""

import hashlib
import pathlib
import string
import time
import uuid

from tools.demo import catalog
from tools.demo import configuration
from tools.demo import databases
from tools.demo import plan
from tools.demo import processes
from tools.demo import services
from tools.numa_host import host

HERE = pathlib.Path(__file__).parent
SHARE = '/srv/numa-host'
STATE = '/var/lib/nova'
START_SECONDS = 1200
# Each command in the host takes it seconds.
POLL = 20


class Compute:
    def __init__(self, numa_host, machine):
        self._host = numa_host
        self._cloud = numa_host.cloud
        self._machine = machine
        self.log = numa_host.processes.log('nova-compute')

    def _values(self):
        values = configuration.values(self._cloud)
        ports = self._cloud.port_base
        values.update(
            dir=STATE,
            share=SHARE,
            checkout=self._cloud.checkout,
            shared_cpus=host.words(host.SHARED_CPUS),
            dedicated_cpus=host.words(host.DEDICATED_CPUS),
            first_port=ports,
            last_port=self._host.ssh_port - 1,
        )
        return values

    def write_configuration(self):
        """What the host reads from its share; a digest of it and the code."""
        values = self._values()
        digest = hashlib.sha256()
        templates = [configuration.TEMPLATES / 'nova.conf']
        templates += sorted((HERE / 'config').iterdir())
        for path in templates:
            text = string.Template(path.read_text()).substitute(values)
            (self._host.share / path.name).write_text(text)
            digest.update(text.encode())
        # Nova finds it beside its configuration: the host forgets an identity
        # that it makes up, the cloud does not.
        name = f'{host.NAME} {self._cloud.port_base}'
        identity = uuid.uuid5(uuid.NAMESPACE_OID, name)
        (self._host.share / 'compute_id').write_text(f'{identity}\n')
        checkout = self._cloud.checkout
        for path in sorted((checkout / 'nova_numa_ext').rglob('*.py')):
            digest.update(path.read_bytes())
        digest.update((self._cloud.venv / 'stamp').read_bytes())
        return digest.hexdigest()

    def start(self):
        digest = self.write_configuration()
        checkout = str(self._cloud.checkout)
        self._machine.output(
            *('bash', '-s', '-', checkout, SHARE, digest),
            stdin=(HERE / 'guest' / 'setup').read_text(),
        )
        compute = catalog.connect(self._cloud).compute

        def reports():
            time.sleep(POLL)
            # Its record stays "up" for a while when it is gone; its queue
            # has no reader then.
            return services.consumed(
                self._cloud, f'compute.{host.NAME}'
            ) and any(
                each.state == 'up' and each.host == host.NAME
                for each in compute.services(binary='nova-compute')
            )

        def known():
            if not any(
                each.name == host.NAME for each in compute.hypervisors()
            ):
                databases.discover_hosts(self._cloud)
                time.sleep(POLL)
                return False
            return True

        for what, condition in (
            ('nova-compute does not report', reports),
            ('the cloud does not know the host', known),
        ):
            processes.wait_for(
                what, condition, START_SECONDS, self.log, alive=self._runs
            )
        plan.say(f'nova-compute on {host.NAME} reports')

    def _runs(self):
        try:
            self._machine.output('systemctl', 'is-active', 'nova-compute')
        except processes.Failure:
            return False
        return True

    def fetch_log(self):
        """Its journal, into the log folder outside."""
        words = ('journalctl', '-o', 'cat', '-u', 'nova-compute')
        try:
            self.log.write_text(self._machine.output(*words))
        except processes.Failure as failure:
            plan.say(f'no log of nova-compute: {failure}')
