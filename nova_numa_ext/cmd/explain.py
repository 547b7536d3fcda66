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

"""``nova-numa-ext explain``: what a flavor means on a host, before a boot."""

import json
import logging
import os
import shutil
import sys
import warnings

from nova_numa_ext.cmd import options
from nova_numa_ext.explain import hosts
from nova_numa_ext.explain import report
from nova_numa_ext.explain import show
from nova_numa_ext.explain import sources
from nova_numa_ext.explain import Unusable
from nova_numa_ext.host import reader
from nova_numa_ext.picture import svg
from nova_numa_ext.picture import text

_SOURCE = ('a file (JSON of `openstack %s show -f json`, or lines of '
           'key=value), key=value words, or the name of one in the cloud of '
           'clouds.yaml or OS_*')


def add_parser(subparsers):
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'explain',
        help='what a flavor and an image will mean on a host',
        description='Show where a guest would stand on a host, what it would '
        'see, and what of its domain differs from what Nova writes by itself. '
        'Exit status 1: it is refused, or does not fit; 2: what was given '
        'cannot be explained.')
    parser.add_argument(
        '--flavor', nargs='+', action='extend', metavar='F',
        help=_SOURCE % 'flavor' + '; such as vcpus=4 ram=4096 hw:numa_nodes=2')
    parser.add_argument(
        '--image', nargs='+', action='extend', metavar='I', default=[],
        help=_SOURCE % 'image' + '; an image without properties by default')
    parser.add_argument(
        '--host', default=hosts.LIVE,
        help='live (the default: ask libvirt on this host), a file of `virsh '
        'capabilities`, or a host of --list-hosts')
    parser.add_argument(
        '--list-hosts', action='store_true',
        help='list the hosts that come with this command, and exit')
    parser.add_argument(
        '--domain-capabilities', metavar='FILE',
        help='what `virsh domcapabilities` prints on the host')
    parser.add_argument(
        '--virt-type', choices=('kvm', 'qemu'),
        help='[libvirt] virt_type of the host; kvm by default')
    parser.add_argument(
        '--cpu-shared-set', metavar='CPUS',
        help='[compute] cpu_shared_set of the host')
    options.add_configuration(parser)
    options.add_json(parser)
    options.add_picture(parser, text.WIDTH)
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Explain, and return the exit status."""
    if arguments.list_hosts:
        for name in hosts.shipped():
            print(f'{name}: {hosts.summary(name)}')
        return 0
    # What Nova logs and warns of is for its services.
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter('ignore')
            found = _explained(arguments)
        if arguments.svg and found.host_map is not None:
            _write(arguments.svg, svg.draw(found.host_map))
    except Unusable as unusable:
        print(unusable, file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(show.as_data(found), indent=2))
    else:
        terminal = sys.stdout.isatty()
        width = arguments.width or (
            shutil.get_terminal_size((text.WIDTH, 24)).columns
            if terminal else text.WIDTH)
        print(show.as_text(
            found, width, arguments.ascii or not _has_boxes(sys.stdout),
            terminal and 'NO_COLOR' not in os.environ), end='')
    return found.status


def _explained(arguments):
    if not arguments.flavor:
        raise Unusable('Say which flavor: --flavor, or --list-hosts.')
    flavor = sources.flavor(arguments.flavor, sources.connect_to_cloud)
    image = sources.image(arguments.image, sources.connect_to_cloud)
    host = hosts.load(
        arguments.host, arguments.virt_type or 'kvm',
        arguments.domain_capabilities, _libvirt())
    return report.explain(
        flavor, image, host, arguments.config_file,
        reader.HostReader() if arguments.host == hosts.LIVE else None,
        libvirt_virt_type=arguments.virt_type,
        compute_cpu_dedicated_set=arguments.cpu_dedicated_set,
        compute_cpu_shared_set=arguments.cpu_shared_set)


def _libvirt():
    """Return the module libvirt, None where it is not installed."""
    try:
        import libvirt
    except ImportError:
        return None
    return libvirt


def _has_boxes(stream):
    """Return whether a stream can have the characters of boxes."""
    try:
        '\u2500'.encode(stream.encoding or 'ascii')
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(path, document):
    try:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(document)
    except OSError as error:
        raise Unusable(
            f'{path} cannot be written: {error.strerror}.') from error
