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

"""The command ``nova-numa-ext``: what an operator asks about guests."""

import argparse

from nova_numa_ext.cmd import explain
from nova_numa_ext.cmd import host
from nova_numa_ext.cmd import traits
from nova_numa_ext.cmd import tune
from nova_numa_ext.cmd import verify

#: Modules of the subcommands. Each has ``add_parser(subparsers)``, which
#: returns a parser whose default ``run`` takes the arguments and returns the
#: exit status.
COMMANDS = (explain, verify, host, traits, tune)


def parser():
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog='nova-numa-ext',
        description='What guests ask for, what a host has, what they got.')
    subparsers = found.add_subparsers(
        dest='command', metavar='COMMAND', required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return found


def main(argv=None):
    """Run one subcommand and return its exit status."""
    arguments = parser().parse_args(argv)
    return arguments.run(arguments)
