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

"""Writes the configuration of a cloud's services from templates."""

import os
import pathlib
import shutil
import string

from tools.demo import cloud as cloud_module
from tools.demo import installed

TEMPLATES = pathlib.Path(__file__).parent / 'config'
DATABASES = (
    'keystone',
    'placement',
    'glance',
    'neutron',
    'nova_api',
    'nova_cell0',
    'nova',
)
# Where each template goes, below etc/; the reader's user where it is not
# root.
FILES = {
    'mariadb.cnf': ('mariadb/mariadb.cnf', 'mysql'),
    'init.sql': ('mariadb/init.sql', 'mysql'),
    'rabbitmq.conf': ('rabbitmq/rabbitmq.conf', 'rabbitmq'),
    'keystone.conf': ('keystone/keystone.conf', ''),
    'placement.conf': ('placement/placement.conf', ''),
    'glance-api.conf': ('glance/glance-api.conf', ''),
    'neutron.conf': ('neutron/neutron.conf', ''),
    'nova.conf': ('nova/nova.conf', ''),
    'nova-database.conf': ('nova/nova-database.conf', ''),
    'libvirtd.conf': ('libvirt/libvirtd.conf', ''),
    'qemu.conf': ('libvirt/qemu.conf', ''),
    'nova-compute.conf': ('nova/nova-compute.conf', ''),
}


def scheduler_filters():
    """Nova's default filters, and the one that fits NUMA topologies."""
    from nova.conf import scheduler

    options = {each.name: each for each in scheduler.filter_scheduler_opts}
    return [*options['enabled_filters'].default, 'NUMATopologyFilter']


def values(cloud):
    shadow = os.environ.get('DEMO_SHADOW') or 'false'
    client = '\n'.join(
        (
            'auth_type = password',
            f'auth_url = {cloud.auth_url}',
            'project_name = service',
            'project_domain_id = default',
            'user_domain_id = default',
            f'region_name = {cloud_module.REGION}',
        )
    )
    authtoken = '\n'.join(
        (
            client,
            f'www_authenticate_uri = {cloud.auth_url}',
            f'memcached_servers = 127.0.0.1:{cloud.port("memcached")}',
            'service_token_roles = service',
            'service_token_roles_required = true',
        )
    )
    result = {
        'dir': cloud.dir,
        'run': cloud.run,
        'etc': cloud.etc,
        'venv': cloud.venv,
        'defaults': installed.defaults(cloud.venv),
        'client': client,
        'authtoken': authtoken,
        'port_base': cloud.port_base,
        'compute_driver': cloud.compute_driver,
        'libvirt_uri': cloud.libvirt_uri,
        'shadow': shadow,
        # The more is compared; these are Nova's defaults.
        'audit_seconds': 10 if shadow == 'true' else 60,
        'power_sync_seconds': 10 if shadow == 'true' else 600,
        # And less is waited for; placement is asked in claims, too.
        'rpc_seconds': 10 if shadow == 'true' else 60,
        'refresh_seconds': 1 if shadow == 'true' else 300,
        'scheduler_filters': ','.join(scheduler_filters()),
        'transport_url': (
            f'rabbit://openstack:{cloud.password("messaging")}'
            f'@127.0.0.1:{cloud.port("rabbitmq")}/'
        ),
    }
    for name in cloud_module.PORTS:
        result['port_' + name.replace('-', '_')] = cloud.port(name)
    for name in cloud_module.SECRETS:
        result['password_' + name] = cloud.password(name)
    for name in DATABASES:
        result['database_' + name] = cloud.database_url(name)
    return result


def write(cloud, name, known, **more):
    """Writes one file; returns its path."""
    relative, user = FILES[name]
    path = cloud.etc / relative
    path.parent.mkdir(exist_ok=True)
    template = string.Template((TEMPLATES / name).read_text())
    text = template.substitute(known, **more)
    path.touch(0o600)
    path.write_text(text)
    if user:
        shutil.chown(path, user, user)
    return path
