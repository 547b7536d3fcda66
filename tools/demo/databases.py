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

"""Schemas of the services' databases, made once per set of packages."""

import importlib.metadata

DISTRIBUTIONS = {
    'keystone': 'keystone',
    'placement': 'openstack-placement',
    'glance': 'glance',
    'neutron': 'neutron',
    'nova': 'nova',
}


def once(cloud, name, wanted, function):
    """Runs a function unless it did its work for this version before."""
    stamp = cloud.dir / 'done' / name
    stamp.parent.mkdir(exist_ok=True)
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    function()
    stamp.write_text(wanted)
    return True


def version(service):
    return importlib.metadata.version(DISTRIBUTIONS[service])


def schema(cloud, service):
    """Makes or upgrades the schema of one service; says whether it did."""
    function = globals()[f'_{service}']
    return once(
        cloud, f'{service}-schema', version(service), lambda: function(cloud)
    )


def _manage(cloud, service, command, *words, env=None):
    cloud.processes.command(
        f'{service}-schema', [cloud.bin / command, *words], env=env
    )


def _keystone(cloud):
    config = cloud.etc / 'keystone' / 'keystone.conf'
    options = ('--config-file', config)

    def manage(*words, env=None):
        _manage(
            cloud, 'keystone', 'keystone-manage', *options, *words, env=env
        )

    for folder in ('fernet-keys', 'credential-keys'):
        path = cloud.dir / 'keystone' / folder
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
    owner = ('--keystone-user', 'root', '--keystone-group', 'root')
    manage('db_sync')
    manage('fernet_setup', *owner)
    manage(
        'bootstrap',
        *('--bootstrap-public-url', cloud.auth_url),
        *('--bootstrap-internal-url', cloud.auth_url),
        *('--bootstrap-region-id', 'RegionOne'),
        env={'OS_BOOTSTRAP_PASSWORD': cloud.password('admin')},
    )


def _placement(cloud):
    _manage(
        cloud,
        'placement',
        'placement-manage',
        *('--config-dir', cloud.etc / 'placement', 'db', 'sync'),
    )


def _glance(cloud):
    config = cloud.etc / 'glance' / 'glance-api.conf'
    for folder in ('images', 'staging', 'tasks', 'lock'):
        (cloud.dir / 'glance' / folder).mkdir(parents=True, exist_ok=True)
    _manage(
        cloud, 'glance', 'glance-manage', '--config-file', config, 'db_sync'
    )


def _neutron(cloud):
    config = cloud.etc / 'neutron' / 'neutron.conf'
    _manage(
        cloud,
        'neutron',
        'neutron-db-manage',
        *('--config-file', config, 'upgrade', 'heads'),
    )


def _nova(cloud):
    options = []
    for name in ('nova.conf', 'nova-database.conf'):
        options += ['--config-file', cloud.etc / 'nova' / name]

    def manage(*words):
        _manage(cloud, 'nova', 'nova-manage', *options, *words)

    manage('api_db', 'sync')
    manage('cell_v2', 'map_cell0')
    # The schema of cell0 and of the cell that the configuration names.
    manage('db', 'sync')
    once(
        cloud,
        'nova-cell',
        version('nova').partition('.')[0],
        lambda: manage('cell_v2', 'create_cell', '--name', 'cell1'),
    )


def discover_hosts(cloud):
    options = []
    for name in ('nova.conf', 'nova-database.conf'):
        options += ['--config-file', cloud.etc / 'nova' / name]
    cloud.processes.command(
        'nova-manage',
        [cloud.bin / 'nova-manage', *options, 'cell_v2', 'discover_hosts'],
    )
