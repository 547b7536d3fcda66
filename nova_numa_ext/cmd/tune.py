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

"""``nova-numa-ext tune``: what a host should be set to, and setting it."""

from nova_numa_ext.cmd import isolation
from nova_numa_ext.cmd import libvirtd
from nova_numa_ext.cmd import workers

#: Modules of what can be tuned. Each has ``add_parser(subparsers)``.
TUNED = (isolation, workers, libvirtd)


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'tune',
        help='set this host up for guests, or say what it lacks',
        description='Says what a host should be set to, writes it, and puts '
        'back what was there.')
    inner = parser.add_subparsers(
        dest='tuned', metavar='WHAT', required=True)
    for tuned in TUNED:
        tuned.add_parser(inner)
    return parser
