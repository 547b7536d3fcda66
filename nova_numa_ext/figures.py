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

"""What nova-compute did since it started, counted for operators.

One line in the log for each audit, and a file for the textfile collector of
Prometheus' node exporter where ``[numa_ext] metrics_textfile`` names one.
"""

from __future__ import annotations

import prometheus_client

REGISTRY = prometheus_client.CollectorRegistry()
_PREFIX = 'nova_numa_ext'

#: Calls that libvirtd was asked, by their names in libvirt's API.
LIBVIRT_CALLS = prometheus_client.Summary(
    'libvirt_call_seconds', 'Calls to libvirtd and the time they took.',
    ['call'], namespace=_PREFIX, registry=REGISTRY)
#: Answers that were remembered, and those that had to be asked for.
HITS = prometheus_client.Counter(
    'cache_hits', 'Answers that were remembered.',
    ['cache'], namespace=_PREFIX, registry=REGISTRY)
MISSES = prometheus_client.Counter(
    'cache_misses', 'Answers that had to be asked for.',
    ['cache'], namespace=_PREFIX, registry=REGISTRY)
AGE = prometheus_client.Gauge(
    'cache_age_seconds', 'Age of the oldest answer given since the last '
    'audit.', ['cache'], namespace=_PREFIX, registry=REGISTRY)
LOCK_WAIT = prometheus_client.Summary(
    'lock_wait_seconds', 'Waiting for the lock of the resource tracker.',
    ['caller'], namespace=_PREFIX, registry=REGISTRY)
LOCK_HELD = prometheus_client.Summary(
    'lock_held_seconds', 'Holding the lock of the resource tracker.',
    ['caller'], namespace=_PREFIX, registry=REGISTRY)
#: Changes that a tracker decided, and saves that were made of them.
CLAIMS = prometheus_client.Counter(
    'tracker_changes', 'Claims, releases and updates of usage.',
    namespace=_PREFIX, registry=REGISTRY)
COMMITS = prometheus_client.Counter(
    'tracker_commits', 'Updates of the compute node made for them.',
    namespace=_PREFIX, registry=REGISTRY)
ERRORS = prometheus_client.Counter(
    'fast_path_errors', 'Errors after which Nova did it in its own way.',
    ['fast_path'], namespace=_PREFIX, registry=REGISTRY)
MISMATCHES = prometheus_client.Counter(
    'shadow_mismatches', "Answers that were not Nova's, in shadow mode.",
    ['fast_path'], namespace=_PREFIX, registry=REGISTRY)
#: Guests with numa_affinity that were moved: soft, strict, or at their next
#: start.
AFFINITY_MOVES = prometheus_client.Counter(
    'affinity_moves', 'Guests moved to other NUMA nodes.',
    ['how'], namespace=_PREFIX, registry=REGISTRY)
AFFINITY_ERRORS = prometheus_client.Counter(
    'affinity_errors', 'Moves of guests to other NUMA nodes that failed.',
    namespace=_PREFIX, registry=REGISTRY)

# Ages of the oldest answers given since the last line, by cache.
_oldest: dict[str, float] = {}


def hit(cache: str, age: float) -> None:
    """Count an answer that was remembered for some seconds."""
    HITS.labels(cache).inc()
    if age > _oldest.get(cache, 0.0):
        _oldest[cache] = age


def miss(cache: str) -> None:
    """Count an answer that had to be asked for."""
    MISSES.labels(cache).inc()


def value(name: str, **labels: str) -> float:
    """Return the value of a sample, 0 where nothing was counted yet."""
    return REGISTRY.get_sample_value(f'{_PREFIX}_{name}', labels) or 0.0


def total(name: str) -> float:
    """Return the sum of a sample's values over all of its labels."""
    return sum(
        sample.value for metric in REGISTRY.collect()
        for sample in metric.samples if sample.name == f'{_PREFIX}_{name}')


class Report:
    """The line for the log: what was counted since the last one."""

    _NAMES = ('libvirt_call_seconds_count', 'cache_hits_total',
              'cache_misses_total', 'lock_wait_seconds_sum',
              'lock_held_seconds_sum', 'lock_held_seconds_count',
              'tracker_changes_total', 'tracker_commits_total',
              'fast_path_errors_total', 'shadow_mismatches_total',
              'affinity_moves_total', 'affinity_errors_total')

    def __init__(self) -> None:
        self._before = dict.fromkeys(self._NAMES, 0.0)

    def line(self) -> str:
        now = {name: total(name) for name in self._NAMES}
        since = {name: now[name] - self._before[name] for name in now}
        self._before = now
        asked = since['cache_hits_total'] + since['cache_misses_total']
        ages = dict(_oldest)
        _oldest.clear()
        for cache, age in ages.items():
            AGE.labels(cache).set(age)
        oldest = max(ages.values(), default=0.0)
        words = [
            f"{since['libvirt_call_seconds_count']:.0f} libvirt calls",
            f"{since['cache_hits_total']:.0f} of {asked:.0f} answers "
            f'remembered, the oldest for {oldest:.1f} s',
            f"{since['tracker_changes_total']:.0f} changes in "
            f"{since['tracker_commits_total']:.0f} updates",
            f"lock taken {since['lock_held_seconds_count']:.0f} times, "
            f"waited for {since['lock_wait_seconds_sum']:.2f} s and held "
            f"{since['lock_held_seconds_sum']:.2f} s in all",
        ]
        for name, said in (('fast_path_errors_total', 'errors'),
                           ('shadow_mismatches_total', 'mismatches'),
                           ('affinity_moves_total', 'moves of guests'),
                           ('affinity_errors_total', 'moves that failed')):
            if since[name]:
                words.append(f'{since[name]:.0f} {said}')
        return 'Since the last audit: ' + '; '.join(words) + '.'


def write_textfile(path: str) -> None:
    """Write all figures for Prometheus, in place of what is there."""
    prometheus_client.write_to_textfile(path, REGISTRY)
