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

"""The benchmark's commands."""

import argparse
import pathlib
import sys

from tools.bench import rounds
from tools.demo import cloud as cloud_module
from tools.demo import plan
from tools.demo import processes

CHECKOUT = pathlib.Path(__file__).absolute().parents[2]


def parser():
    result = argparse.ArgumentParser(prog='tools/bench/bench')
    commands = result.add_subparsers(dest='command', required=True)
    for name, text in (
        ('run', 'measure what is not measured yet, print the table'),
        ('estimate', 'say what is not measured yet, and how long it takes'),
        ('report', 'print the table of what is measured, write JSON and SVG'),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            '--quick',
            action='store_true',
            help='one round of small sizes: under ten minutes',
        )
        command.add_argument(
            '--patched',
            action='store_true',
            help='Nova with patches/ applied, instead of this driver',
        )
        command.add_argument(
            '--results',
            metavar='DIR',
            help='build/bench, with the words of --quick and --patched',
        )
        if name != 'report':
            command.add_argument(
                '--mode',
                choices=rounds.MODES,
                help='how nova-compute runs; both, one after the other',
            )
            command.add_argument(
                '--only',
                default='',
                metavar='SCENARIO',
                help='those whose name begins so: boot, boot-20-k100, idle',
            )
            command.add_argument(
                '--rounds',
                type=int,
                metavar='N',
                help='no more than so many; a later run may go on',
            )
    commands.add_parser('down', help='stop the cloud; keep its state')
    commands.add_parser('clean', help='stop the cloud, remove its state')
    return result


def _estimate(size, modes, folder, only, sides):
    for mode in modes:
        results = rounds.Results(folder, mode)
        for visit in rounds.visits(size, results, only, sides):
            names = ' '.join(each.name for each in visit.scenarios)
            seconds = rounds.estimate(size, [visit])
            print(
                f'{mode} round {visit.round} {visit.side:7} '
                f'{rounds.minutes(seconds):>7}: {names}'
            )


def run(arguments, cloud):
    from tools.demo import up

    command = arguments.command
    if command == 'down':
        up.down(cloud)
        return
    if command == 'clean':
        up.clean(cloud)
        return
    size = rounds.QUICK if arguments.quick else rounds.FULL
    sides = rounds.PATCHED if arguments.patched else rounds.SIDES
    name = 'bench'
    for word in ('patched', 'quick'):
        if getattr(arguments, word):
            name += f'-{word}'
    folder = pathlib.Path(arguments.results or CHECKOUT / 'build' / name)
    if command != 'report':
        modes = (arguments.mode,) if arguments.mode else rounds.MODES
        if arguments.rounds:
            size = size.at_most(arguments.rounds)
        if command == 'estimate':
            _estimate(size, modes, folder, arguments.only, sides)
            return
        from tools.bench import run as run_module

        run_module.run(cloud, modes, size, folder, arguments.only, sides)
    from tools.bench import report

    text = report.report(folder)
    if not text:
        raise processes.Failure(f'nothing is measured in {folder}')
    print(text, end='')
    plan.say(f'report.json, report.txt and a picture are in {folder}')


def main():
    arguments = parser().parse_args()
    cloud = cloud_module.Cloud.from_environment()
    try:
        run(arguments, cloud)
    except processes.Failure as failure:
        if failure.log is not None:
            print(f'--- the last lines of {failure.log}', file=sys.stderr)
            print(*processes.tail(failure.log), sep='\n', file=sys.stderr)
            print('---', file=sys.stderr)
        plan.say(f'failed: {failure}')
        return 1
    except KeyboardInterrupt:
        plan.say(
            'interrupted; run it again to go on, or `tools/bench/bench down`'
        )
        return 130
    return 0


sys.exit(main())
