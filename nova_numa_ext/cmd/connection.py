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

"""The operator's connection to libvirt, which only reads."""

import sys

DEFAULT_URI = 'qemu:///system'


class Unreachable(Exception):
    """libvirt cannot be asked; says why, and what to do."""


def add_argument(parser):
    """Add ``--connect`` to the parser of a subcommand."""
    parser.add_argument(
        '--connect', metavar='URI', default=DEFAULT_URI,
        help='where libvirt is asked (%(default)s)')


def module():
    """Return libvirt's module.

    :raises Unreachable: where this Python has none
    """
    try:
        import libvirt
    except ImportError as error:
        raise Unreachable(
            f'{sys.executable} has no libvirt-python. Install python3-libvirt '
            'there, or run this in the Python of nova-compute.') from error
    return libvirt


def open_read_only(uri):
    """Return a connection to libvirt.

    :raises Unreachable: where there is none
    """
    libvirt = module()
    # What libvirt says is in the exceptions; it is not printed too.
    libvirt.registerErrorHandler(lambda context, error: None, None)
    try:
        return libvirt.openReadOnly(uri)
    except libvirt.libvirtError as error:
        raise Unreachable(
            f'libvirt does not answer at {uri}: {error}. Run this on the '
            'compute host, as root or in the group libvirt, or name another '
            'place with --connect.') from error
