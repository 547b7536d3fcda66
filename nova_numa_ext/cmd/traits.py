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

"""``nova-numa-ext traits``: what placement knows of a host, and may require.

Without a flavor it prints the traits of this host, as nova-compute reports
them; with one the extra specs that keep its guests off other hosts.
"""

import dataclasses
import json
import sys

from nova_numa_ext import policy as guest_policy
from nova_numa_ext import traits
from nova_numa_ext.cmd import connection
from nova_numa_ext.cmd import guest_cpus
from nova_numa_ext.cmd import options
from nova_numa_ext.domain import capabilities
from nova_numa_ext.explain import hosts
from nova_numa_ext.explain import sources
from nova_numa_ext.explain import Unusable
from nova_numa_ext.host import reader
from nova_numa_ext.topology import host as topology


def add_parser(subparsers):
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'traits',
        help='what placement knows of this host, and what a flavor should '
        'require of hosts',
        description='Print the traits that nova-compute reports for this '
        'host. With --flavor, print instead the extra specs by which '
        'placement passes over hosts that lack what the flavor needs, ready '
        'for "openstack flavor set --property". Exit status 1: the flavor is '
        'refused; 2: what was given, or this host, cannot be read.')
    parser.add_argument(
        '--flavor', nargs='+', action='extend', metavar='F',
        help='key=value words such as numa_ext:profile=realtime, a file '
        '(JSON of "openstack flavor show -f json", or lines of key=value), '
        'or the name of one in the cloud of clouds.yaml or OS_*')
    parser.add_argument(
        '--virt-type', choices=('kvm', 'qemu'),
        help='[libvirt] virt_type of this host, whatever nova.conf says')
    options.add_configuration(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Print traits, and return the exit status."""
    try:
        if arguments.flavor:
            return _of_flavor(arguments)
        return _of_host(arguments)
    except guest_policy.Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    except (Unusable, guest_cpus.Unusable, connection.Unreachable) as error:
        print(error, file=sys.stderr)
        return 2


def _of_flavor(arguments):
    flavor = sources.flavor(
        arguments.flavor, sources.connect_to_cloud, is_sized=False)
    required = traits.required(
        guest_policy.resolve(flavor.extra_specs, {}))
    if arguments.json:
        print(json.dumps({'flavor': flavor.name, 'properties': required},
                         indent=2))
        return 0
    for key, value in required.items():
        print(f'{key}={value}')
    if not required:
        print('The flavor needs nothing that traits tell.', file=sys.stderr)
    return 0


def _of_host(arguments):
    conf = guest_cpus.configuration(arguments, here=True)
    cpus = guest_cpus.of_configuration(conf, arguments)
    # It says what to do where that fails.
    connection.open_read_only(hosts.URI).close()
    host = hosts.load(
        hosts.LIVE, arguments.virt_type or conf.libvirt.virt_type,
        libvirt=connection.module())
    found = traits.traits(traits.read(
        reader.THIS, topology.from_capabilities(host.capabilities),
        _capabilities(host), cpus.dedicated, conf.numa_ext.guest_policy))
    notes = [note for note in host.notes if note != hosts.UNCOUNTED]
    if not conf.numa_ext.report_traits:
        notes.append('[numa_ext] report_traits is off: nova-compute reports '
                     'none of these.')
    if arguments.json:
        print(json.dumps({'traits': found, 'notes': notes}, indent=2))
        return 0
    print('\n'.join(found))
    for note in notes:
        print(note, file=sys.stderr)
    return 0


def _capabilities(host):
    return dataclasses.replace(
        capabilities.from_xml(host.domain_capabilities),
        hypervisor_version=host.hypervisor_version,
        libvirt_version=host.libvirt_version)
