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

"""What is measured: boots, deletes, periodic tasks, idle minutes, starts."""

import concurrent.futures
import contextlib
import statistics
import time

from tools.bench import figures
from tools.bench import image
from tools.bench import measured
from tools.demo import catalog
from tools.demo import processes

BOOT_SECONDS = 900
# Nova handles the event of a guest that stopped so long after it.
STOPPED_EVENT_SECONDS = 16
TASKS = {'audit': 'update_available_resource', 'sync': '_sync_power_states'}
# A task that has returned leaves little behind.
TASK_QUIET_SECONDS = 1
CREATE_SECONDS = 10
PROBE_SECONDS = 0.02
API_THREADS = 8
WARM_UP_BOOTS = 10


class Measure:
    """Scenarios on a cloud that serves; figures as plain dictionaries."""

    def __init__(self, bench):
        self.bench = bench
        self.control = bench.control
        self.compute = catalog.connect(bench.cloud).compute
        self.flavor_id = self.compute.find_flavor(measured.FLAVOR).id

    def servers(self, *states, prefix=''):
        """UUIDs of the servers of that name, in any or these states."""
        return [
            each.id
            for each in self.compute.servers()
            if each.name.startswith(prefix)
            and (not states or each.status in states)
        ]

    def create(self, prefix, number):
        """Asks for guests with one request: Nova makes them at once."""
        self.compute.create_server(
            name=prefix,
            image_id=self.bench.image_id,
            flavor_id=self.flavor_id,
            networks='none',
            min_count=number,
            max_count=number,
        )

    def _until(self, what, records, state, number):
        """Reads records until so many instances were said to be that."""

        def reached():
            new = self.control.read()
            records.extend(new)
            failed = set(figures.shown(new, 'error'))
            # What is left of a run that failed may say so, too.
            if failed and failed.intersection(self.servers('ERROR')):
                raise processes.Failure(
                    f'{what}: an instance is in ERROR',
                    self.bench.cloud.processes.log('nova-compute'),
                )
            return len(figures.shown(records, state)) >= number

        processes.wait_for(
            what,
            reached,
            BOOT_SECONDS,
            log=self.bench.cloud.processes.log('nova-compute'),
            alive=lambda: self.bench.cloud.processes.pid('nova-compute'),
        )
        return figures.shown(records, state)

    def _up(self, uuids):
        """When each guest said so on its console, by the clock."""
        result = {}

        def all_up():
            for uuid in uuids:
                if uuid not in result:
                    console = self.bench.cloud.instances / uuid / 'console.log'
                    said = console.exists() and image.said_at(console)
                    if said:
                        result[uuid] = said
            return len(result) == len(uuids)

        processes.wait_for('guests: not up', all_up, BOOT_SECONDS)
        return result

    @contextlib.contextmanager
    def _cpu(self, result):
        before = self.bench.cpu_seconds()
        yield
        after = self.bench.cpu_seconds()
        by_service = {
            name: round(after[name] - before.get(name, 0), 2) for name in after
        }
        result['cpu'] = round(sum(by_service.values()), 2)
        result['cpu_by_service'] = by_service

    def boot(self, number, prefix='boot'):
        """Figures of guests that are booted at once, and their UUIDs."""
        self.bench.forget()
        result = {'number': number}
        records = []
        with self._cpu(result):
            start, clock = time.monotonic(), time.time()
            self.create(prefix, number)
            active = self._until(
                f'{number} boots', records, 'active', number
            )
            up = self._up(active)
            records += self.control.settle()
        times = [at - start for at in active.values()]
        result.update(
            seconds=max(times),
            mean_seconds=statistics.fmean(times),
            up_seconds=max(up.values()) - clock,
            **figures.counts(records, self.bench.qemu_img_runs()),
        )
        return result, list(active)

    def delete(self, uuids):
        self.bench.forget()
        result = {'number': len(uuids)}
        records = []
        with self._cpu(result):
            start = time.monotonic()
            self._ask_to_delete(uuids)
            gone = self._until(
                f'{len(uuids)} deletes', records, 'gone', len(uuids)
            )
            records += self.control.settle(STOPPED_EVENT_SECONDS)
        result.update(
            seconds=max(gone.values()) - start,
            **figures.counts(records, self.bench.qemu_img_runs()),
        )
        return result

    def _ask_to_delete(self, uuids):
        with concurrent.futures.ThreadPoolExecutor(API_THREADS) as pool:
            answers = pool.map(
                lambda uuid: self.compute.delete(f'/servers/{uuid}'), uuids
            )
            for answer in answers:
                answer.raise_for_status()

    def task(self, name):
        self.bench.forget()
        result = {}
        with self._cpu(result):
            seconds = self.control.ask('task', name=TASKS[name])['seconds']
            records = self.control.settle(quiet=TASK_QUIET_SECONDS)
        return {
            **result,
            'seconds': seconds,
            **figures.counts(records, self.bench.qemu_img_runs()),
        }

    def tasks(self):
        result = {}
        for name in TASKS:
            # What changed since is for the first run to find.
            self.control.ask('task', name=TASKS[name])
            self.control.settle(quiet=TASK_QUIET_SECONDS)
            result[name] = self.task(name)
        return result

    def restart(self, side):
        """From the start of the process to the end of a boot.

        The boot is asked for when the service listens: one that waited for
        it could be taken for one that was interrupted.
        """
        self.bench.stop_compute()
        start = time.monotonic()
        self.bench.start_compute(side)
        serves = time.monotonic()
        self.create('restart', 1)
        records = []
        active = self._until('a boot after a start', records, 'active', 1)
        # All that the process has used.
        cpu = self.bench.cpu_seconds()['nova-compute']
        records += self.control.settle()
        result = {
            'seconds': max(active.values()) - start,
            'serves_seconds': serves - start,
            'cpu': cpu,
            **figures.counts(records, self.bench.qemu_img_runs()),
        }
        self.delete(list(active))
        return result

    def burst(self, side, number):
        """Boots of which none waits for another to end."""
        self.bench.stop_compute()
        self.bench.start_compute(side, builds=number)
        self.control.settle()
        boot, uuids = self.boot(number)
        self._remove(uuids)
        return boot

    def probe(self, number):
        """Seconds of short calls while guests are created, slowly."""
        self.bench.forget()
        records = []
        with self.bench.slow_creates(CREATE_SECONDS):
            self.control.ask('probe', seconds=PROBE_SECONDS)
            self.create('boot-slow', number)
            active = self._until(
                f'{number} slow boots', records, 'active', number
            )
            self.control.ask('probe', seconds=0)
            records += self.control.settle()
        asked = figures.probes(records)
        took = figures.as_asked(asked, PROBE_SECONDS)
        self._remove(list(active))
        return {
            'number': number,
            'samples': len(asked),
            'p95': figures.percentile(took, 95),
            'median': figures.percentile(took, 50),
        }

    def idle(self, side, seconds):
        """CPU of nova-compute and its children where nothing happens."""
        self.bench.stop_compute()
        self.bench.start_compute(side, periodic=True)
        self.control.settle()
        self.bench.forget()
        result = {}
        with self._cpu(result):
            time.sleep(seconds)
        used = result['cpu_by_service']['nova-compute']
        records = self.control.read()
        return {
            'seconds': seconds,
            'nova_compute_cpu': used,
            'percent_of_core': 100 * used / seconds,
            **result,
            **figures.counts(records, self.bench.qemu_img_runs()),
        }

    def stand(self, number):
        """Has so many guests be on the host, in portions."""
        standing = self.servers('ACTIVE', prefix='standing')[:number]
        self._remove(set(self.servers()).difference(standing))
        while len(standing) < number:
            portion = min(10, number - len(standing))
            _, booted = self.boot(portion, 'standing')
            standing += booted

    def warm_up(self):
        self._remove(self.boot(WARM_UP_BOOTS, 'warm-up')[1])

    def clear(self):
        self._remove(self.servers())

    def _remove(self, uuids):
        if uuids:
            self._ask_to_delete(uuids)
            processes.wait_for(
                'servers: not deleted',
                lambda: not set(uuids).intersection(self.servers()),
                BOOT_SECONDS,
            )
