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

"""Measures what is not measured yet."""

import datetime
import importlib.metadata
import os
import pathlib
import subprocess
import time

from tools.bench import measured
from tools.bench import rounds
from tools.bench import scenarios
from tools.demo import plan
from tools.demo import up

CLOUD_SECONDS = 120


def _commit(checkout):
    answer = subprocess.run(
        ['git', '-C', checkout, 'describe', '--always', '--dirty'],
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip()


def _cpu_model():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return ''


class Runner:
    def __init__(self, cloud, mode, size, results, sides):
        self._size = size
        self._mode = mode
        self._results = results
        self._bench = measured.Bench(cloud, mode, sides)
        self._measure = None
        self._about = {
            'mode': mode,
            'commit': _commit(cloud.checkout),
            'nova': importlib.metadata.version('nova'),
            'cpus': os.cpu_count(),
            'cpu_model': _cpu_model(),
        }

    def run(self, todo):
        """All visits; guests and cloud stay, so that it can go on."""
        self._bench.up()
        self._measure = scenarios.Measure(self._bench)
        total = sum(len(visit.scenarios) for visit in todo)
        begun = time.monotonic()
        left = rounds.estimate(self._size, todo)
        done = 0
        for place, visit in enumerate(todo):
            if not place:
                # Somebody has to boot those that stand; and the services
                # are slow with the first requests after their start. What
                # ran may be another side's, of a run that was interrupted.
                self._bench.stop_compute()
                self._bench.start_compute(visit.side)
                self._measure.warm_up()
            self._measure.stand(visit.standing)
            for scenario, figures in self._visit(visit):
                done += 1
                if place:
                    # By how this machine did so far.
                    spent = time.monotonic() - begun
                    left = spent / done * (total - done)
                plan.say(
                    f'{done}/{total} {self._mode}, round {visit.round}, '
                    f'{visit.side}: {scenario.name}: {_short(figures)}; '
                    f'about {rounds.minutes(left)} left'
                )

    def _visit(self, visit):
        # The start is a measurement, and its boot the warm-up of all others.
        restart = rounds.Scenario('restart', visit.standing)
        load = os.getloadavg()[0]
        figures = self._measure.restart(visit.side)
        if restart in visit.scenarios:
            yield restart, self._keep(visit, restart, figures, load)
        for scenario in visit.scenarios:
            if scenario != restart:
                load = os.getloadavg()[0]
                figures = self._figures(visit, scenario)
                yield scenario, self._keep(visit, scenario, figures, load)

    def _figures(self, visit, scenario):
        measure = self._measure
        if scenario.kind == 'tasks':
            return measure.tasks()
        if scenario.kind == 'boot':
            boot, uuids = measure.boot(scenario.number)
            return {'boot': boot, 'delete': measure.delete(uuids)}
        if scenario.kind == 'burst':
            return {'burst': measure.burst(visit.side, scenario.number)}
        if scenario.kind == 'probe':
            return {'probe': measure.probe(scenario.number)}
        return {'idle': measure.idle(visit.side, self._size.idle_seconds)}

    def _keep(self, visit, scenario, figures, load):
        if scenario.kind == 'restart':
            figures = {'restart': figures}
        content = {
            **self._about,
            'scenario': scenario.kind,
            'number': scenario.number,
            'standing': scenario.standing,
            'round': visit.round,
            'side': visit.side,
            'at': datetime.datetime.now().isoformat(timespec='seconds'),
            'load_before': round(load, 2),
            'figures': figures,
        }
        self._results.write(scenario, visit.round, visit.side, content)
        return figures

    def empty(self):
        """No guest of the benchmark's is left."""
        self._measure.clear()


def _short(figures):
    words = []
    for name, values in figures.items():
        if name == 'probe':
            words.append(f'p95 {1000 * values["p95"]:.0f} ms')
        elif name == 'idle':
            words.append(f'{values["percent_of_core"]:.1f} % of a core')
        else:
            words.append(
                f'{name} {values["seconds"]:.2f} s, '
                f'{values["libvirt"]} libvirt calls'
            )
    return '; '.join(words)


def run(cloud, modes, size, folder, only, sides=rounds.SIDES):
    """Measures; whether there was anything to do."""
    todo = {}
    for mode in modes:
        results = rounds.Results(folder, mode)
        todo[mode] = rounds.visits(size, results, only, sides)
    seconds = sum(
        rounds.estimate(size, visits) for visits in todo.values() if visits
    )
    if not seconds:
        plan.say(f'all rounds are in {folder}')
        return
    number = sum(len(v.scenarios) for visits in todo.values() for v in visits)
    plan.say(
        f'{number} measurements, about '
        f'{rounds.minutes(seconds + CLOUD_SECONDS)}; what is done is kept in '
        f'{folder}'
    )
    cloud.prepare()
    with up.alone(cloud):
        runner = None
        for mode, visits in todo.items():
            if visits:
                results = rounds.Results(folder, mode)
                runner = Runner(cloud, mode, size, results, sides)
                runner.run(visits)
        runner.empty()
    up.down(cloud)
