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

"""What every promise is, and the row that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nova_numa_ext.verify.evidence import Evidence


@dataclass(frozen=True)
class Row:
    """A promise and what became of it.

    :ivar subject: whose it is, such as ``vCPU 3``
    :ivar promise: what of it, such as ``scheduler``
    :ivar asked: what was promised
    :ivar got: what there is
    :ivar kept: None where that cannot be told
    """

    subject: str
    promise: str
    asked: str
    got: str
    kept: bool | None

    def __str__(self) -> str:
        return (f'{self.subject}, {self.promise}: asked for {self.asked}, '
                f'got {self.got}')


#: What a row says of evidence that this user may not read.
UNREADABLE = 'cannot be read'


class Promise(Protocol):
    """Something that the domain, or who asked for the guest, promised."""

    @property
    def subject(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def asked(self) -> str: ...

    def judge(self, evidence: Evidence) -> tuple[str, bool | None]:
        """Return what there is instead, and whether that keeps it."""
