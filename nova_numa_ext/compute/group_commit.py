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

"""Which changes of one thing are saved, where one save serves many.

Several callers change a thing in memory, one after the other, and none may
go on before what it changed is saved. A save writes all of the thing, so the
first that comes round to it saves for those that changed it meanwhile::

    with lock:                      # a fair one: first come, first served
        change the thing
        ticket = group.decide()
    with lock:
        group.save_for(ticket, save)

A caller that waits for the lock with its change is served before the first
one has its second turn. The second turn of all that follow is to see that
they are done. Alone, a caller has its second turn at once.

A save that fails is the failure of the caller that made it. What it was to
save for others is still theirs to save, and each learns how that goes.
"""

from __future__ import annotations

from typing import Callable


class GroupCommit:
    """What has been changed, and how much of it is saved.

    It has no lock: every method is called with the one held that the changes
    are made under.
    """

    def __init__(self) -> None:
        self._decided = 0
        self._saved = 0

    def decide(self) -> int:
        """Count a change that is made, and return the ticket for it."""
        self._decided += 1
        return self._decided

    def is_saved(self, ticket: int) -> bool:
        """Return whether a save has succeeded since that change."""
        return ticket <= self._saved

    def has_unsaved(self) -> bool:
        """Return whether there are changes that are not saved yet."""
        return self._saved < self._decided

    def save(self, save: Callable[[], object]) -> None:
        """Save now, and with it all that has been changed."""
        decided = self._decided
        save()
        self._saved = decided

    def save_for(self, ticket: int, save: Callable[[], object]) -> None:
        """Save unless another has saved that change."""
        if not self.is_saved(ticket):
            self.save(save)
