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

"""Keystone's catalog and users, Nova's services, seen through the SDK."""

import warnings

from tools.demo import cloud as cloud_module
from tools.demo import processes

SERVICES = {
    # name: (type, path of the endpoint)
    'placement': ('placement', ''),
    'glance': ('image', ''),
    'neutron': ('network', ''),
    'nova': ('compute', '/v2.1'),
}


def connect(cloud):
    import openstack

    warnings.simplefilter('ignore')
    environ = cloud.environment()
    return openstack.connection.Connection(
        auth={
            'auth_url': environ['OS_AUTH_URL'],
            'username': environ['OS_USERNAME'],
            'password': environ['OS_PASSWORD'],
            'project_name': environ['OS_PROJECT_NAME'],
            'user_domain_id': 'default',
            'project_domain_id': 'default',
        },
        region_name=cloud_module.REGION,
        compute_default_microversion=environ['OS_COMPUTE_API_VERSION'],
    )


def fill(cloud):
    """A user and an endpoint for each service."""
    connection = connect(cloud)
    identity = connection.identity
    project = identity.find_project('service') or identity.create_project(
        name='service', domain_id='default'
    )
    roles = [
        identity.find_role(name) or identity.create_role(name=name)
        for name in ('admin', 'service')
    ]
    services = {service.name: service for service in identity.services()}
    having = {endpoint.service_id for endpoint in identity.endpoints()}
    for name, (kind, path) in SERVICES.items():
        user = identity.find_user(name)
        if user is None:
            user = identity.create_user(
                name=name,
                password=cloud.password(name),
                domain_id='default',
            )
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)
        service = services.get(name) or identity.create_service(
            name=name, type=kind
        )
        if service.id in having:
            continue
        for interface in ('public', 'internal'):
            identity.create_endpoint(
                service_id=service.id,
                interface=interface,
                region_id=cloud_module.REGION,
                url=cloud.url(name) + path,
            )


def wait_for_compute(cloud, names):
    """Waits until the named nova services are up for the scheduler, too."""
    connection = connect(cloud)

    def reported():
        found = {
            each.binary
            for each in connection.compute.services()
            if each.state == 'up'
        }
        return found.issuperset(names)

    processes.wait_for(
        'nova: a service is not up in `openstack compute service list`',
        reported,
        90,
        log=cloud.processes.log('nova-compute'),
        alive=lambda: all(cloud.processes.pid(name) for name in names),
    )


def hypervisors(cloud):
    return list(connect(cloud).compute.hypervisors())
