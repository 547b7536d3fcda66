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

"""Starting, watching and stopping the processes of a cloud."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import typing

POLL = 0.1
TAIL = 20


class Failure(Exception):
    """What went wrong, in one sentence, and the log that tells more."""

    def __init__(self, message, log=None):
        super().__init__(message)
        self.log = log


def tail(path, lines=TAIL):
    try:
        text = pathlib.Path(path).read_text(errors='replace')
    except OSError:
        return []
    return text.splitlines()[-lines:]


def wait_for(what, condition, seconds, log=None, alive=None):
    """Polls a condition until it holds; returns what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if alive is not None and not alive():
            raise Failure(f'{what}: the process ended', log)
        if time.monotonic() > deadline:
            raise Failure(f'{what}: not within {seconds} s', log)
        time.sleep(POLL)


def port_open(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=2).close()
    except OSError:
        return False
    return True


@dataclasses.dataclass
class Service:
    """One daemon: how it is run, and when it serves."""

    name: str
    command: list
    ready: typing.Callable[[], bool]
    env: dict = dataclasses.field(default_factory=dict)
    user: str = ''
    # A change in these means that the running process is out of date.
    files: tuple = ()
    port: int = 0
    deadline: int = 120
    stop_seconds: int = 30

    def digest(self):
        digest = hashlib.sha256()
        command = [str(word) for word in self.command]
        digest.update(json.dumps([command, self.env]).encode())
        for path in self.files:
            digest.update(pathlib.Path(path).read_bytes())
        return digest.hexdigest()


def boot_id():
    return pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()


def start_time(pid):
    """When a process began, in ticks since boot; None where it is gone."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    fields = stat.rpartition(')')[2].split()
    return None if fields[0] in 'ZX' else int(fields[19])


class Processes:
    """The daemons of one cloud, known by a record per name in a folder."""

    def __init__(self, run, log):
        self._run = run
        self._log = log

    def log(self, name):
        return self._log / f'{name}.log'

    def _record_path(self, name):
        return self._run / f'{name}.process'

    def _record(self, name):
        try:
            return json.loads(self._record_path(name).read_text())
        except (OSError, ValueError):
            return None

    def names(self):
        return sorted(path.stem for path in self._run.glob('*.process'))

    def pid(self, name):
        """The process's id where it still runs, else None."""
        record = self._record(name)
        if record is None or record['boot_id'] != boot_id():
            return None
        if start_time(record['pid']) != record['start_time']:
            return None
        return record['pid']

    def digest(self, name):
        """What the daemon's command and files were when it started."""
        return self._record(name)['digest']

    def start(self, service):
        """Starts what does not run yet, or runs with other settings.

        Returns whether a process was started.
        """
        digest = service.digest()
        if self.pid(service.name):
            if self._record(service.name)['digest'] == digest:
                self.wait(service)
                return False
            self.stop(service.name)
        if service.port and port_open(service.port):
            raise Failure(
                f'{service.name}: port {service.port} is taken; choose '
                'another DEMO_PORT_BASE'
            )
        temporary = self._run / 'tmp' / service.name
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        options = {}
        if service.user:
            options = {
                'user': service.user,
                'group': service.user,
                'extra_groups': [],
            }
            shutil.chown(temporary, service.user, service.user)
        with open(self.log(service.name), 'ab') as log:
            process = subprocess.Popen(
                [str(word) for word in service.command],
                env={'TMPDIR': str(temporary), **base_env(), **service.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=temporary,
                start_new_session=True,
                **options,
            )
        record = {
            'pid': process.pid,
            'start_time': start_time(process.pid),
            'boot_id': boot_id(),
            'digest': digest,
            'stop_seconds': service.stop_seconds,
        }
        self._record_path(service.name).write_text(json.dumps(record))
        self.wait(service)
        return True

    def wait(self, service):
        wait_for(
            service.name,
            service.ready,
            service.deadline,
            log=self.log(service.name),
            alive=lambda: self.pid(service.name),
        )

    def stop(self, name):
        """Ends a daemon and what is left of its session."""
        pid = self.pid(name)
        if pid:
            seconds = self._record(name)['stop_seconds']
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(Failure):
                wait_for(name, lambda: not self.pid(name), seconds)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            wait_for(name, lambda: not self.pid(name), 10)
        self._record_path(name).unlink(missing_ok=True)
        return bool(pid)

    def command(self, name, argv, env=None, cwd=None, seconds=600):
        """Runs a command to its end, its output in the log of that name."""
        log_path = self.log(name)
        with open(log_path, 'ab') as log:
            try:
                status = subprocess.run(
                    [str(word) for word in argv],
                    env={**base_env(), **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=seconds,
                    cwd=cwd,
                ).returncode
            except subprocess.TimeoutExpired:
                status = f'no answer within {seconds} s'
            except OSError as error:
                raise Failure(f'{name}: {error}') from error
        if status:
            words = ' '.join([pathlib.Path(argv[0]).name, *map(str, argv[1:])])
            raise Failure(f'{name}: `{words}` failed ({status})', log_path)


def base_env():
    return {
        'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME': '/root',
        'LANG': 'C.UTF-8',
        # What a process said last has to be in its log when it ends.
        'PYTHONUNBUFFERED': '1',
    }
