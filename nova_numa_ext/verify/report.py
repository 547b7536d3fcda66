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

"""What a guest was promised and what it got, from two domains and /proc."""

from __future__ import annotations

from dataclasses import dataclass

from nova_numa_ext.host.reader import HostReader
from nova_numa_ext.verify import compare
from nova_numa_ext.verify import evidence
from nova_numa_ext.verify import promises
from nova_numa_ext.verify.promise import Row


@dataclass(frozen=True)
class Report:
    """A guest with each of its promises.

    :ivar names: what it is called
    :ivar rows: its promises; None where no process of it is to be seen
    """

    names: promises.Names
    rows: tuple[Row, ...] | None

    @property
    def broken(self) -> tuple[Row, ...]:
        return compare.broken(self.rows or ())

    @property
    def unread(self) -> tuple[Row, ...]:
        """The promises of which nothing can be told."""
        return tuple(row for row in self.rows or () if row.kept is None)


def of_guest(reader: HostReader, defined: str, live: str) -> Report:
    """Return the report of a guest that runs.

    :param defined: its domain as it was defined
    :param live: its domain as it is
    """
    names = promises.names(defined)
    found = evidence.gather(reader, names.uuid, live)
    return Report(names, None if found is None else compare.rows(
        promises.of_domain(defined), found))
