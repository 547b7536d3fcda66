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

"""The demo's commands."""

import argparse
import itertools
import os
import shlex
import sys
import traceback

from tools.demo import cloud as cloud_module
from tools.demo import plan
from tools.demo import processes


def parser():
    result = argparse.ArgumentParser(prog='tools/demo/demo')
    commands = result.add_subparsers(dest='command', required=True)
    up = commands.add_parser('up', help='start the cloud, boot its guests')
    up.add_argument('--no-guests', action='store_true', help='the cloud alone')
    commands.add_parser(
        'shell', help='bash with OS_* set; arguments are passed on'
    )
    start = commands.add_parser('start', help='start a service that ended')
    start.add_argument('service')
    for name, text in (
        ('env', 'print OS_* as export lines'),
        ('libvirt-uri', "print the URI of the demo's libvirtd"),
        ('dir', 'print the folder of the state'),
        ('status', 'say which daemons run'),
        ('down', 'stop the cloud and its guests; keep the state'),
        ('clean', 'stop the cloud and remove its state'),
    ):
        commands.add_parser(name, help=text)
    return result


def shell(cloud, arguments):
    environ = {
        key: value
        for key, value in os.environ.items()
        if key != 'PYTHONPATH' and not key.startswith('OS_')
    }
    environ.update(cloud.environment())
    environ['PATH'] = f'{cloud.bin}:{os.environ["PATH"]}'
    environ['LIBVIRT_DEFAULT_URI'] = cloud.libvirt_uri
    if not arguments:
        print(f'OS_* are set for {cloud.auth_url}; exit leaves', flush=True)
    os.execvpe('bash', ['bash', *arguments], environ)


def status(cloud):
    """Prints a line per daemon; whether all that were started run."""
    from tools.demo import up

    result = True
    for name in itertools.chain(*up.STOP_ORDER):
        pid = cloud.processes.pid(name)
        result = result and bool(pid)
        print(f'{name:15} {f"runs, process {pid}" if pid else "stopped"}')
    return result


def run(cloud, arguments, passed_on):
    from tools.demo import up

    command = arguments.command
    if command == 'up':
        up.up(cloud, with_guests=not arguments.no_guests)
    elif command == 'start':
        cloud.require()
        up.start(cloud, arguments.service)
    elif command == 'down':
        up.down(cloud)
    elif command == 'clean':
        up.clean(cloud)
    elif command == 'dir':
        print(cloud.dir)
    elif command == 'libvirt-uri':
        print(cloud.libvirt_uri)
    else:
        cloud.require()
        if command == 'shell':
            shell(cloud, passed_on)
        elif command == 'env':
            for key, value in cloud.environment().items():
                print(f'export {key}={shlex.quote(value)}')
            print(f'export PATH={shlex.quote(str(cloud.bin))}:"$PATH"')
        elif command == 'status':
            return 0 if status(cloud) else 1
    return 0


def main():
    words = sys.argv[1:]
    passed_on = []
    if words[:1] == ['shell'] and words[1:] not in (['-h'], ['--help']):
        # They are bash's, options too: argparse would take them for its own.
        words, passed_on = words[:1], words[1:]
    arguments = parser().parse_args(words)
    cloud = cloud_module.Cloud.from_environment()
    try:
        return run(cloud, arguments, passed_on)
    except processes.Failure as failure:
        log = failure.log
        if log is not None:
            print(f'--- the last lines of {log}', file=sys.stderr)
            for line in processes.tail(log):
                print(line, file=sys.stderr)
            print('---', file=sys.stderr)
        plan.say(f'failed: {failure}')
    except KeyboardInterrupt:
        plan.say('interrupted; run it again to go on, or `make demo-down`')
        return 130
    except Exception as error:
        # A fault of this program, or an answer that it did not expect: the
        # whole story goes to a log.
        where = cloud.log / 'demo.log'
        if cloud.exists():
            where.parent.mkdir(exist_ok=True)
            with open(where, 'a') as log:
                traceback.print_exc(file=log)
        plan.say(f'failed: {type(error).__name__}: {error} (see {where})')
    return 1


sys.exit(main())
