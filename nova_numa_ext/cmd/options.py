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

"""Options that several subcommands have."""


def add_json(parser):
    parser.add_argument('--json', action='store_true', help='print JSON')


def add_picture(parser, width):
    """Add how a picture is printed.

    :param width: columns where the output is no terminal
    """
    parser.add_argument(
        '--svg', metavar='FILE', help='write the picture to a file, too')
    parser.add_argument(
        '--ascii', action='store_true', help='draw with ASCII characters')
    parser.add_argument(
        '--width', type=int, metavar='COLUMNS',
        help='width of the text; by default that of the terminal, '
        f'{width} elsewhere')


def add_configuration(parser):
    """Add what a host's nova.conf is, or would say."""
    parser.add_argument(
        '--cpu-dedicated-set', metavar='CPUS',
        help='[compute] cpu_dedicated_set, whatever nova.conf says')
    add_config_file(parser, 'nova-compute')


def add_config_file(parser, service):
    parser.add_argument(
        '--config-file', action='append', default=[], metavar='FILE',
        help=f"{service}'s configuration; may be given several times")
