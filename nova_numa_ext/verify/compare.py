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

"""Promises against evidence, row by row."""

from __future__ import annotations

import itertools
from typing import Iterable

from nova_numa_ext.topology import cpuset
from nova_numa_ext.verify.evidence import Evidence
from nova_numa_ext.verify.promise import Promise
from nova_numa_ext.verify.promise import Row


def rows(
    promises: Iterable[Promise], evidence: Evidence,
) -> tuple[Row, ...]:
    """Return a row for each promise."""
    found = []
    for promise in promises:
        got, kept = promise.judge(evidence)
        found.append(Row(
            promise.subject, promise.what, promise.asked, got, kept))
    return tuple(found)


def grouped(all_rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows with those in one that differ in a number only.

    A promise that is not kept has a row of its own.
    """
    def key(row: Row) -> tuple[object, ...]:
        kind, _space, number = row.subject.rpartition(' ')
        together = bool(row.kept) and number.isdecimal() and kind
        return (row.promise, row.asked, row.got, row.kept,
                kind if together else row.subject, bool(together))

    found = []
    for _key, some in itertools.groupby(all_rows, key):
        same = tuple(some)
        row = same[0]
        if len(same) > 1:
            kind = row.subject.rpartition(' ')[0]
            numbers = cpuset.show(
                int(other.subject.rpartition(' ')[2]) for other in same)
            row = Row(f'{kind}s {numbers}', row.promise, row.asked, row.got,
                      row.kept)
        found.append(row)
    return tuple(found)


def broken(all_rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the promises that are not kept."""
    return tuple(row for row in all_rows if row.kept is False)
