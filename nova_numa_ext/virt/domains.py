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

"""What is known of each domain, and for how long it is good enough.

======= ========================== =========================== =============
what    filled by                  dropped by                  oldest
======= ========================== =========================== =============
object  each look-up, listing and  a domain that started,      OBJECT_AGE to
        definition                 stopped or is undefined     act on it
state   a bulk call; what Nova     an event that says another  STATE_AGE;
        did to it itself           state, and any change       OWN_AGE
XML     each read of the XML that  the domain's definition or  REREAD of them
        is in force                devices changed, a stop     in each audit
word    life-cycle events          the next event, and any     the handling
                                   change                      of that event
======= ========================== =========================== =============

A new connection drops all of it, as events may have been missed. What is
read while a domain is changed is not kept: a read is stamped before it is
made. XML is of one run of a domain, by its ID. libvirt sends no event of some
changes that are made behind Nova's back, such as another number of vCPUs:
each audit reads the XML anew that is the oldest.
"""

import collections
import contextlib
import threading
import time

from nova_numa_ext import figures

#: Seconds for which Nova may act on an object without looking it up again:
#: the ID that it has is that of when it was looked up.
OBJECT_AGE = 30.0
STATE_AGE = 60.0
OWN_AGE = 10.0
#: Domains whose XML an audit reads though it is known.
REREAD = 4
#: Seconds within which the event of a definition of Nova's own comes, and an
#: event is handled: Nova delays that of a stop by 15 s.
_EVENT_AGE = 60.0

# Numbers that libvirt gives to life-cycle events, and to states.
(DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED, SHUTDOWN,
 PMSUSPENDED, CRASHED) = range(9)
RUNNING, PAUSED, SHUT_DOWN, SHUT_OFF = 1, 3, 4, 5
#: In place of a state, of a domain that is no more.
GONE = -1

_STATE_AFTER = {
    STARTED: RUNNING, SUSPENDED: PAUSED, RESUMED: RUNNING, STOPPED: SHUT_OFF,
    SHUTDOWN: SHUT_OFF, UNDEFINED: GONE}
#: After these an object's ID, and XML that has one, is an old one.
_NEW_RUN = (STARTED, STOPPED, UNDEFINED)
#: Something changed, without saying what.
CHANGED = None

#: ``own``: whether this is what Nova made it
State = collections.namedtuple('State', 'state id at own')
Xml = collections.namedtuple('Xml', 'text id at')
_Object = collections.namedtuple('_Object', 'domain at')


def _alike(state, other):
    # Nova has one power state for both.
    down = (SHUT_DOWN, SHUT_OFF)
    return state == other or (state in down and other in down)


class Change:
    """What Nova does to a domain itself.

    :ivar state: what the domain is after it, None if that is to be asked
    :ivar id: the ID that it has then
    :ivar keeps_xml: whether XML that was read before is as good after it
    """

    def __init__(self):
        self.state = None
        self.id = -1
        self.keeps_xml = False


class Domains:
    """The domains of one connection.

    Events are queued as they come, and seen before anything is answered:
    libvirt's thread, a native one also under eventlet, must not wait.

    :ivar is_followed: whether the connection sends the events by which what
        is remembered is dropped; nothing is remembered without
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._lock = threading.RLock()
        self._events = collections.deque()
        self._changes = collections.Counter()
        self.is_followed = False
        self._empty()

    def _empty(self):
        self._objects = {}
        self._states = {}
        self._xml = {}
        self._words = {}
        self._defined = {}
        self._changing = collections.Counter()
        # No stamp of before is as one of after.
        self._changes = collections.Counter({None: self._changes[None] + 1})

    def connected(self, is_followed):
        """Forget all."""
        with self._lock:
            self._events.clear()
            self._empty()
            self.is_followed = is_followed

    def note(self, uuid, event, detail=None):
        """Have an event seen; called on libvirt's own thread.

        :param event: number of a life-cycle event, or CHANGED
        """
        self._events.append((uuid, event))

    @contextlib.contextmanager
    def _seen(self):
        with self._lock:
            while self._events:
                self._see(*self._events.popleft())
            yield

    def _see(self, uuid, event):
        if event not in (CHANGED, DEFINED):
            self._see_state(uuid, event)
        if event == STARTED:
            # XML with an ID was read of a domain that had started.
            xml = self._xml.get(uuid)
            if xml is not None and xml.id == -1:
                del self._xml[uuid]
        elif event == DEFINED and self._is_own_definition(uuid):
            self._words.pop(uuid, None)
        elif event not in (SUSPENDED, RESUMED, SHUTDOWN):
            self._xml.pop(uuid, None)
            self._changes[uuid] += 1

    def _see_state(self, uuid, event):
        after = _STATE_AFTER.get(event)
        self._words[uuid] = (after, self._clock())
        known = self._states.get(uuid)
        is_news = known is None or not _alike(known.state, after)
        if is_news:
            self._states.pop(uuid, None)
        # libvirt corrects the ID that an object has when it is started or
        # stopped by means of it: what Nova did itself drops nothing.
        if event == UNDEFINED or (
                is_news and event in _NEW_RUN and not self._changing[uuid]):
            self._objects.pop(uuid, None)

    def _is_own_definition(self, uuid):
        at = self._defined.pop(uuid, None)
        return at is not None and self._clock() - at < _EVENT_AGE

    def stamp(self):
        """Return what tells of any domain whether it changed since.

        To be taken before a read whose result is to be kept.
        """
        with self._seen():
            return dict(self._changes)

    def _is_current(self, uuid, stamp):
        return (self.is_followed and not self._changing[uuid]
                and stamp[None] == self._changes[None]
                and stamp.get(uuid, 0) == self._changes[uuid])

    def keep_object(self, uuid, domain):
        with self._seen():
            if self.is_followed:
                self._objects[uuid] = _Object(domain, self._clock())

    def drop_object(self, uuid):
        with self._seen():
            self._objects.pop(uuid, None)

    def keep_state(self, uuid, stamp, state, domain_id):
        with self._seen():
            if self._is_current(uuid, stamp):
                self._states[uuid] = State(
                    state, domain_id, self._clock(), False)

    def keep_xml(self, uuid, stamp, text, domain_id):
        with self._seen():
            if self._is_current(uuid, stamp):
                self._xml[uuid] = Xml(text, domain_id, self._clock())

    def keep_only(self, uuids):
        """Drop what is known of domains that are not there.

        :param uuids: a set of the others
        """
        with self._seen():
            kinds = (self._objects, self._states, self._xml, self._defined)
            gone = {uuid for known in kinds for uuid in known}
            gone.difference_update(uuids, +self._changing)
            for known in kinds:
                for uuid in gone:
                    known.pop(uuid, None)
            # The event that says it is gone may still be to be handled.
            handled = self._clock() - _EVENT_AGE
            for uuid, (_, at) in list(self._words.items()):
                if at < handled and uuid not in uuids:
                    del self._words[uuid]
                    gone.add(uuid)
            if gone:
                self._changes = collections.Counter(
                    {None: self._changes[None] + 1})

    def object(self, uuid, oldest=None):
        """Return a domain object, None where none is known.

        :param oldest: age in seconds; any, to only say which domain is meant
        """
        with self._seen():
            known = self._young(
                self._objects.get(uuid), oldest, 'domain_objects')
            return known and known.domain

    def state(self, uuid):
        """Return a State, None where none is known that is good enough."""
        with self._seen():
            known = self._states.get(uuid)
            oldest = OWN_AGE if known is not None and known.own else STATE_AGE
            return self._young(known, oldest, 'domain_states')

    def xml(self, uuid, domain_id):
        """Return the XML of a domain's run, None where it is to be read."""
        with self._seen():
            known = self._xml.get(uuid)
            if known is not None and known.id != domain_id:
                known = None
            return self._young(known, None, 'domain_xml')

    def definition(self, uuid):
        """Return XML of a domain, as defined or of a run of it, or None."""
        with self._seen():
            return self._young(self._xml.get(uuid), None, 'domain_xml')

    def word(self, uuid):
        """Return what the last event says that a domain is, None if none."""
        with self._seen():
            return self._words.get(uuid, (None,))[0]

    def drop_oldest_xml(self):
        """Have the XML that is the oldest be read anew, of REREAD domains."""
        with self._seen():
            by_age = sorted(self._xml, key=lambda uuid: self._xml[uuid].at)
            for uuid in by_age[:REREAD]:
                del self._xml[uuid]

    def _young(self, known, oldest, cache):
        age = self._clock() - known.at if known is not None else 0
        if known is None or (oldest is not None and age > oldest):
            figures.miss(cache)
            return None
        figures.hit(cache, age)
        return known

    @contextlib.contextmanager
    def changing(self, uuid):
        """Forget what Nova is about to change, and keep nothing meanwhile.

        Yields a Change, for what is known after it.
        """
        change = Change()
        with self._seen():
            xml = self._xml.pop(uuid, None)
            self._states.pop(uuid, None)
            self._words.pop(uuid, None)
            self._changing[uuid] += 1
            self._changes[uuid] += 1
            stamp = dict(self._changes)
        try:
            yield change
        finally:
            with self._seen():
                # libvirtd may have been started anew meanwhile.
                if self._changing[uuid]:
                    self._changing[uuid] -= 1
                self._settle(uuid, stamp, change, xml)

    def _settle(self, uuid, stamp, change, xml):
        word = self._words.get(uuid, (None,))[0]
        unchanged = self._is_current(uuid, stamp)
        self._changes[uuid] += 1
        if (not self.is_followed or self._changing[uuid]
                or stamp[None] != self._changes[None]
                or change.state is None):
            return
        now = self._clock()
        if word is None or _alike(word, change.state):
            self._states[uuid] = State(change.state, change.id, now, True)
            if uuid in self._objects:
                self._objects[uuid] = self._objects[uuid]._replace(at=now)
        if xml is not None and unchanged and change.keeps_xml:
            self._xml[uuid] = xml._replace(id=change.id)

    @contextlib.contextmanager
    def defining(self, uuid):
        """Have Nova define a domain, and expect the event of that."""
        with self.changing(uuid):
            with self._lock:
                self._defined[uuid] = self._clock()
            try:
                yield
            except BaseException:
                self._defined.pop(uuid, None)
                raise
