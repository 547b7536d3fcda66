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

"""Which rounds there are to measure, in which order, and which are done."""

import dataclasses
import json
import pathlib

SIDES = ('stock', 'ours')
#: Nova's own driver with the patches of this repository, beside Nova's own.
PATCHED = ('stock', 'patched')
MODES = ('threading', 'eventlet')


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One measurement, with so many guests standing on the host."""

    kind: str
    standing: int
    number: int = 0
    # None: as many rounds as the others.
    rounds: int = None

    @property
    def name(self):
        number = f'-{self.number}' if self.number else ''
        return f'{self.kind}{number}-k{self.standing}'

    def seconds(self, idle_seconds):
        """About what stock takes on two cores, with what it waits for."""
        k, n = self.standing, self.number
        return {
            'restart': 36 + 0.2 * k,
            'tasks': 9 + 0.25 * k,
            'boot': 22 + n * (1.1 + 0.017 * k),
            'probe': 35 + n,
            'burst': 25 + n * 1.1,
            'idle': 18 + 0.2 * k + idle_seconds,
        }[self.kind]


@dataclasses.dataclass(frozen=True)
class Size:
    """How much of it is measured, and how often."""

    scenarios: tuple
    rounds: int
    # Fewer, with so many guests standing.
    rounds_of_many: int
    many: int
    idle_seconds: int

    def at_most(self, number):
        """This with no more than so many rounds."""
        return dataclasses.replace(
            self,
            rounds=min(self.rounds, number),
            rounds_of_many=min(self.rounds_of_many, number),
        )

    def rounds_with(self, standing):
        return self.rounds_of_many if standing >= self.many else self.rounds


FULL = Size(
    scenarios=(
        Scenario('restart', 0),
        Scenario('tasks', 0),
        *(Scenario('boot', 0, number) for number in (1, 10, 20, 40)),
        # The last of a visit: it leaves events behind.
        Scenario('probe', 0, 10),
        # For its counts, which are exact.
        Scenario('burst', 0, 20, rounds=1),
        Scenario('restart', 20),
        Scenario('tasks', 20),
        Scenario('restart', 50),
        *(Scenario('boot', 50, number) for number in (10, 20)),
        Scenario('restart', 100),
        Scenario('tasks', 100),
        *(Scenario('boot', 100, number) for number in (10, 20)),
        Scenario('idle', 100),
    ),
    rounds=5,
    rounds_of_many=3,
    many=100,
    idle_seconds=300,
)
QUICK = Size(
    scenarios=(
        Scenario('restart', 0),
        Scenario('tasks', 0),
        *(Scenario('boot', 0, number) for number in (1, 10)),
        Scenario('probe', 0, 10),
        Scenario('restart', 20),
        Scenario('tasks', 20),
        Scenario('boot', 20, 10),
    ),
    rounds=1,
    rounds_of_many=1,
    many=100,
    idle_seconds=0,
)


@dataclasses.dataclass(frozen=True)
class Visit:
    """nova-compute of one side, for one round with so many standing."""

    standing: int
    round: int
    side: str
    scenarios: tuple


class Results:
    """A folder with a file for each scenario, round and side."""

    def __init__(self, folder, mode):
        self.folder = pathlib.Path(folder) / mode

    def path(self, scenario, number, side):
        return self.folder / f'{scenario.name}.{number}.{side}.json'

    def has(self, scenario, number, side):
        return self.path(scenario, number, side).exists()

    def write(self, scenario, number, side, content):
        path = self.path(scenario, number, side)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: what is there is not measured again.
        partial = path.with_suffix('.partial')
        partial.write_text(json.dumps(content, indent=1) + '\n')
        partial.rename(path)


def visits(size, results, only='', sides=SIDES):
    """What is still to be done, in its order.

    Guests stand from the first to the last round with so many of them; the
    sides take turns, and who is first changes from round to round.
    """
    wanted = [
        each for each in size.scenarios if each.name.startswith(only)
    ]
    result = []
    for standing in sorted({each.standing for each in wanted}):
        for number in range(1, size.rounds_with(standing) + 1):
            for side in sides if number % 2 else sides[::-1]:
                missing = tuple(
                    each
                    for each in wanted
                    if each.standing == standing
                    and number <= (each.rounds or number)
                    and not results.has(each, number, side)
                )
                if missing:
                    result.append(Visit(standing, number, side, missing))
    return result


def estimate(size, todo):
    """Seconds for all visits: each begins with a start of nova-compute."""
    result = 0.0
    guests = 0
    for visit in todo:
        result += 1.2 * max(visit.standing - guests, 0)
        guests = max(visit.standing, guests)
        kinds = [each.kind for each in visit.scenarios]
        if 'restart' not in kinds:
            result += Scenario('restart', visit.standing).seconds(0)
        for each in visit.scenarios:
            result += each.seconds(size.idle_seconds)
    return result


def minutes(seconds):
    hours, rest = divmod(round(seconds / 60), 60)
    return f'{hours} h {rest:02} min' if hours else f'{rest} min'
