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

"""A shorter way to an answer, beside Nova's own way to it.

Each has a name, by which the log and the figures speak of it, and is one of
those that an option of [numa_ext] switches. It is taken where the option is
on and Nova is what the way was made for. Errors in it cost the time of Nova's
own way and nothing else, and after several of them it rests.
"""

from __future__ import annotations

import collections
import operator
import threading
import time
from typing import Any
from typing import Callable
from typing import Deque
from typing import Mapping
from typing import TypeVar

from oslo_log import log as logging

from nova_numa_ext import figures
from nova_numa_ext.compat import upstream

LOG = logging.getLogger(__name__)

#: So many errors within so many seconds, and a fast path rests for so many.
ERRORS = 5
ERRORS_WITHIN = 60.0
REST = 300.0

Answer = TypeVar('Answer')


def mismatch(name: str, got: Any, wanted: Any) -> None:
    """Count an answer that is not Nova's, and say both."""
    figures.MISMATCHES.labels(name).inc()
    LOG.warning(
        'shadow: %(name)s gives %(got)s, Nova gives %(wanted)s. Please '
        'report this; until then switch it off.',
        {'name': name, 'got': got, 'wanted': wanted})


class Unknown(Exception):
    """Raised by a fast way that has no answer yet: Nova's way is taken."""


class FastPath:
    """One way, and whether it can be taken now.

    It belongs to one driver or tracker, and is used by all of its threads.

    :param name: as in the log and in figures: ``power_states``
    :param switch: the option of [numa_ext] that switches it
    :param is_on: whether that option is on
    :param relied_on: what of Nova it replaces or calls, by class or module,
        as ``upstream.is_known`` takes it
    :param shadow: whether both ways are taken each time, and compared
    """

    def __init__(self, name: str, switch: str, is_on: bool,
                 relied_on: Mapping[Any, upstream.Known] | None = None,
                 shadow: bool = False,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.shadow = shadow
        self._clock = clock
        self._errors: Deque[float] = collections.deque(maxlen=ERRORS)
        self._rests_until: float | None = None
        self._lock = threading.Lock()
        self._is_on = is_on and upstream.is_known(switch, relied_on or {})

    def is_usable(self) -> bool:
        """Return whether to go this way now."""
        if not self._is_on:
            return False
        with self._lock:
            if self._rests_until is None:
                return True
            if self._clock() < self._rests_until:
                return False
            self._rests_until = None
            self._errors.clear()
        LOG.info('%s: tried again after its rest.', self.name)
        return True

    def note_error(self, error: BaseException) -> None:
        """Count an error of this way; after several it rests."""
        figures.ERRORS.labels(self.name).inc()
        LOG.debug('%s failed, Nova does it in its own way: %r',
                  self.name, error)
        now = self._clock()
        with self._lock:
            self._errors.append(now)
            trips = (self._rests_until is None
                     and len(self._errors) == ERRORS
                     and now - self._errors[0] <= ERRORS_WITHIN)
            if trips:
                self._rests_until = now + REST
        if trips:
            LOG.warning(
                '%(name)s failed %(errors)d times within %(within)d s; Nova '
                'does it in its own way for %(rest)d s. The last error: '
                '%(error)s', {
                    'name': self.name, 'errors': ERRORS,
                    'within': ERRORS_WITHIN, 'rest': REST, 'error': error})

    def answer(self, fast: Callable[[], Answer], stock: Callable[[], Answer],
               same: Callable[[Answer, Answer], Any] = operator.eq,
               passes: tuple[type[BaseException], ...] = ()) -> Answer:
        """Return what this way gives, or Nova's own where it does not.

        In shadow mode Nova's is returned. Where the two differ, the fast way
        is asked once more: what is asked about may have changed in between.
        An error of Nova's that is no answer says nothing of the fast way: the
        conductor or libvirtd is down, say, and that is not compared.

        :param fast: may raise Unknown, and should where it would have to ask
            as ``stock`` does: what that raises is no error of this way
        :param same: whether two answers are as good as each other
        :param passes: errors that are an answer, and raised as that
        """
        if not self.is_usable():
            return stock()
        if self.shadow:
            return self._both(fast, stock, same, passes)
        try:
            return fast()
        except passes:
            raise
        except Unknown:
            return stock()
        except Exception as error:
            self.note_error(error)
            return stock()

    def _both(self, fast: Callable[[], Answer], stock: Callable[[], Answer],
              same: Callable[[Answer, Answer], Any],
              passes: tuple[type[BaseException], ...]) -> Answer:
        before = self._outcome(fast, passes)
        wanted = _Outcome.of(stock)
        if wanted.error is not None and not isinstance(wanted.error, passes):
            raise wanted.error
        if not (before.is_unknown() or before.is_same(wanted, same)):
            after = self._outcome(fast, passes)
            if not (after.is_unknown() or after.is_same(wanted, same)):
                mismatch(self.name, before, wanted)
        return wanted.get()

    def _outcome(self, fast: Callable[[], Answer],
                 passes: tuple[type[BaseException], ...]) -> _Outcome:
        outcome = _Outcome.of(fast)
        if outcome.error is not None and not isinstance(
                outcome.error, (*passes, Unknown)):
            self.note_error(outcome.error)
        return outcome


class _Outcome:
    """An answer, or the error that came instead."""

    def __init__(self, answer: Any = None,
                 error: BaseException | None = None) -> None:
        self.answer = answer
        self.error = error

    @classmethod
    def of(cls, ask: Callable[[], Any]) -> _Outcome:
        try:
            return cls(ask())
        except Exception as error:
            return cls(error=error)

    def is_unknown(self) -> bool:
        return isinstance(self.error, Unknown)

    def is_same(self, other: _Outcome,
                same: Callable[[Any, Any], Any]) -> bool:
        if self.error is None and other.error is None:
            return bool(same(self.answer, other.answer))
        return type(self.error) is type(other.error)

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer

    def __str__(self) -> str:
        return repr(self.answer if self.error is None else self.error)
