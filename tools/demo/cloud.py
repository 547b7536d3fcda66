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

"""What one cloud is: its folders, ports, passwords and addresses."""

import json
import os
import pathlib
import secrets
import sys

from tools.demo import processes

# In the order of their offsets from the port base. Keystone's catalog has
# them: they stay as they are for the life of a state directory.
PORTS = (
    'keystone',
    'placement',
    'glance',
    'neutron',
    'nova',
    'mariadb',
    'rabbitmq',
    'rabbitmq-dist',
    'epmd',
    'memcached',
)
SECRETS = (
    'admin',
    'database',
    'messaging',
    'glance',
    'neutron',
    'nova',
    'placement',
)
REGION = 'RegionOne'
RELEASE = '34'
DIRECTORY = '/var/lib/nova-numa-ext-demo'
#: How nova-compute runs; '': as its release does by itself.
CONCURRENCY = ('', 'threading', 'eventlet')


class Cloud:
    """One cloud: where it is, of which Nova release, with which driver."""

    def __init__(
        self, directory, port_base, release, compute_driver, concurrency=''
    ):
        self.dir = pathlib.Path(directory).absolute()
        self.port_base = port_base
        self.release = release
        self.compute_driver = compute_driver
        self.concurrency = concurrency
        self.checkout = pathlib.Path(__file__).absolute().parents[2]
        self.venv = pathlib.Path(sys.prefix)
        self.bin = self.venv / 'bin'
        self.etc = self.dir / 'etc'
        self.run = self.dir / 'run'
        self.log = self.dir / 'log'
        self.instances = self.dir / 'instances'
        self.marker = self.dir / 'cloud.json'
        self.processes = processes.Processes(self.run, self.log)
        self._passwords = None

    @classmethod
    def from_environment(cls):
        environ = os.environ
        release = environ.get('DEMO_RELEASE') or RELEASE
        directory = DIRECTORY
        if release != RELEASE:
            directory += f'-{release}'
        return cls(
            directory=environ.get('DEMO_DIR') or directory,
            port_base=int(environ.get('DEMO_PORT_BASE') or 25000),
            release=release,
            compute_driver=environ.get('DEMO_COMPUTE_DRIVER')
            or 'numa_ext.NumaLibvirtDriver',
            concurrency=environ.get('DEMO_CONCURRENCY') or '',
        )

    def prepare(self):
        """Makes the state directory; refuses one that is another's."""
        if self.concurrency not in CONCURRENCY:
            raise processes.Failure(
                f'DEMO_CONCURRENCY is {self.concurrency!r}: choose one of '
                f'{", ".join(filter(None, CONCURRENCY))}'
            )
        self.dir.mkdir(parents=True, exist_ok=True)
        if not self.marker.exists() and any(self.dir.iterdir()):
            raise processes.Failure(
                f'{self.dir} has other files in it: choose another DEMO_DIR'
            )
        self.dir.chmod(0o755)
        fixed = {'port_base': self.port_base, 'release': self.release}
        if self.marker.exists():
            known = json.loads(self.marker.read_text())
            for key, value in fixed.items():
                if known[key] != value:
                    raise processes.Failure(
                        f'{self.dir} was made with {key} {known[key]}, not '
                        f'{value}: `make demo-clean` first, or choose '
                        'another DEMO_DIR'
                    )
        else:
            self.marker.write_text(json.dumps(fixed))
        # What has passwords is below etc; what QEMU's user reads is not.
        for folder in (self.etc, self.run, self.log, self.instances):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)

    def exists(self):
        return self.marker.exists()

    def require(self):
        if not self.exists():
            raise processes.Failure('there is no cloud: run `make demo`')

    def port(self, service):
        return self.port_base + PORTS.index(service)

    def url(self, service):
        return f'http://127.0.0.1:{self.port(service)}'

    @property
    def auth_url(self):
        return self.url('keystone') + '/v3'

    @property
    def libvirt_socket(self):
        return self.run / 'libvirt' / 'libvirt-sock'

    @property
    def libvirt_uri(self):
        return f'qemu+unix:///system?socket={self.libvirt_socket}'

    def password(self, name):
        if self._passwords is None:
            path = self.etc / 'passwords.json'
            if not path.exists():
                made = {key: secrets.token_hex(16) for key in SECRETS}
                path.touch(0o600)
                path.write_text(json.dumps(made))
            self._passwords = json.loads(path.read_text())
        return self._passwords[name]

    def database_url(self, name):
        return (
            f'mysql+pymysql://openstack:{self.password("database")}'
            f'@127.0.0.1:{self.port("mariadb")}/{name}?charset=utf8'
        )

    def environment(self):
        """What a client of this cloud needs."""
        return {
            'OS_AUTH_URL': self.auth_url,
            'OS_USERNAME': 'admin',
            'OS_PASSWORD': self.password('admin'),
            'OS_PROJECT_NAME': 'admin',
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_REGION_NAME': REGION,
            'OS_IDENTITY_API_VERSION': '3',
            'OS_COMPUTE_API_VERSION': '2.90',
            'OS_PLACEMENT_API_VERSION': '1.29',
        }
