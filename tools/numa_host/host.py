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

"""What one NUMA host is: its folders, its shape, its addresses."""

import os
import pathlib

from tools.demo import cloud as cloud_module
from tools.demo import processes

NAME = 'numa-host'
NODES = 4
CPUS_PER_NODE = 3
MIB_PER_NODE = 2048
# As a machine with four sockets in two pairs says it.
DISTANCES = (
    (10, 21, 31, 31),
    (21, 10, 31, 31),
    (31, 31, 10, 21),
    (31, 31, 21, 10),
)
# The first CPU of each node keeps house; the rest is isolated, for guests with
# CPUs of their own. One on each node: libvirt 9.0 starts no guest whose memory
# is on a node where its emulator may not run ("Setting CPU affinity failed").
CPUS = range(NODES * CPUS_PER_NODE)
SHARED_CPUS = {cpu for cpu in CPUS if cpu % CPUS_PER_NODE == 0}
DEDICATED_CPUS = set(CPUS) - SHARED_CPUS
HUGE_PAGE_MIB = 2
HUGE_PAGES_PER_NODE = 256


def words(cpus):
    """CPUs as kernel and Nova read them."""
    return ','.join(map(str, sorted(cpus)))


def node_of(cpu):
    return cpu // CPUS_PER_NODE


class NumaHost:
    """One such host, and the cloud that it belongs to."""

    def __init__(self, cloud, directory):
        self.cloud = cloud
        self.dir = pathlib.Path(directory).absolute()
        self.image = self.dir / 'image'
        # What it reads while it runs.
        self.share = self.dir / 'share'
        self.run = self.dir / 'run'
        self.log = self.dir / 'log'
        self.console = self.log / 'console.log'
        self.processes = processes.Processes(self.run, self.log)

    @classmethod
    def from_environment(cls):
        return cls(
            cloud_module.Cloud.from_environment(),
            os.environ['NUMA_HOST_DIR'],
        )

    @property
    def ssh_port(self):
        return self.cloud.port_base + len(cloud_module.PORTS)

    def prepare(self):
        for folder in (self.image, self.share, self.run, self.log):
            folder.mkdir(parents=True, exist_ok=True)
        # The key, and passwords of the cloud.
        for folder in (self.image, self.share):
            folder.chmod(0o700)
