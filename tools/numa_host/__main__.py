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

"""The commands of the NUMA host."""

import argparse
import os
import sys

from tools.demo import plan
from tools.demo import processes
from tools.numa_host import host as host_module


def parser():
    result = argparse.ArgumentParser(prog='tools/numa_host/numa-host')
    commands = result.add_subparsers(dest='command', required=True)
    for name, text in (
        ('check', 'start what does not run, boot a realtime guest, look'),
        ('up', 'start the cloud, the host, and nova-compute in it'),
        ('console', "follow the host's console"),
        ('status', 'say what runs'),
        ('down', 'stop the host and the cloud; keep the state'),
        ('clean', 'stop the host and the cloud and remove their state'),
    ):
        commands.add_parser(name, help=text)
    run = commands.add_parser('run', help='run a command in the host')
    run.add_argument('words', nargs=argparse.REMAINDER, metavar='CMD')
    return result


def run(numa_host, arguments):
    from tools.numa_host import up

    command = arguments.command
    if command == 'check':
        from tools.numa_host import check

        up.up(numa_host)
        return 0 if check.check(numa_host) else 1
    if command == 'up':
        up.up(numa_host)
    elif command == 'down':
        up.down(numa_host)
    elif command == 'clean':
        up.clean(numa_host)
    elif command == 'status':
        return 0 if up.status(numa_host) else 1
    elif command == 'console':
        os.execvp('tail', ['tail', '-n', '+1', '-F', str(numa_host.console)])
    else:
        words = up.machine(numa_host).ssh(*arguments.words)
        os.execvp(words[0], words)
    return 0


def main():
    numa_host = host_module.NumaHost.from_environment()
    try:
        return run(numa_host, parser().parse_args())
    except processes.Failure as failure:
        if failure.log is not None:
            print(f'--- the last lines of {failure.log}', file=sys.stderr)
            print(*processes.tail(failure.log), sep='\n', file=sys.stderr)
            print('---', file=sys.stderr)
        plan.say(f'failed: {failure}')
    except KeyboardInterrupt:
        plan.say('interrupted; run it again to go on, or `numa-host down`')
        return 130
    return 1


sys.exit(main())
