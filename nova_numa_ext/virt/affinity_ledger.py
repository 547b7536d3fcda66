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

"""The guests with ``numa_affinity`` on a host, and where they stand.

What is known of them is from their domains: read once for each, and from
then on kept by who changes it. A guest is known from the moment that it has
a place, so that those who come at the same time see it.

The plan is made anew after each operation that lets a guest come or go. It
asks libvirt for nothing where nobody has to move; before anybody is moved,
and in each audit, libvirt is asked which of them run.

Operations that end at the same time coalesce: the first to come does it for
those that come meanwhile, and these do not wait. Nothing of this is an error
of the operation: what fails is said in the log, counted, and done again in
the next audit.
"""

import collections
import contextlib
import dataclasses
import threading

import nova.conf
from nova.virt.libvirt import host as nova_host
from oslo_log import log as logging

from nova_numa_ext import figures
from nova_numa_ext.domain import standing
from nova_numa_ext.host import affine
from nova_numa_ext.host import reader
from nova_numa_ext.topology import affinity
from nova_numa_ext.topology import cpuset
from nova_numa_ext.virt import affinity_known
from nova_numa_ext.virt import affinity_moves

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


class Ledger:
    """The guests of one host that have an affinity.

    :param host: a nova.virt.libvirt.host.Host
    :param affinity_host: a nova_numa_ext.virt.affinity_host.AffinityHost
    """

    def __init__(self, host, affinity_host):
        self._host = host
        self._affinity_host = affinity_host
        # Its own, and never held while libvirt is asked.
        self._lock = threading.Lock()
        self._known = {}
        # Whether the domains that were here before this are still to be read.
        self._is_new = True
        # Guests whose domain is to be read, and those that do not run now.
        self._unread = set()
        self._off = set()
        # Operations under way, by guest.
        self._changing = collections.Counter()
        # Why some of them have no place.
        self._refused = {}
        # Who moved, and where the memory has come to was not said yet.
        self._moved = set()
        self._wanted = self._done = 0
        self._is_settling = False
        self._is_doubtful = False

    @property
    def is_new(self):
        """Whether it is not known yet who stands here."""
        return self._is_new

    def has_any(self):
        """Return whether there may be a guest with an affinity."""
        return bool(self._known or self._unread)

    def may_stand(self, uuid):
        """Note a guest that may stand somewhere, as its domain will say."""
        with self._lock:
            if uuid not in self._known:
                self._unread.add(uuid)

    def place(self, guest):
        """Give a guest a place that comes, or is started anew.

        :param guest: a nova_numa_ext.topology.affinity.Guest, by its UUID
        :returns: a Place, or why there is none
        """
        nodes = self._others_known(guest)
        if isinstance(nodes, str):
            return nodes
        with self._lock:
            place = self._place(nodes, guest)
            self._gone(guest.name)
            known = affinity_known.Known(guest)
            if isinstance(place, affinity.Place):
                known = known.at(place)
            self._known[guest.name] = known
        return place

    def why_not(self, guest):
        """Return why there is no place for a guest, None for there is."""
        nodes = self._others_known(guest)
        if isinstance(nodes, str):
            return nodes
        with self._lock:
            place = self._place(nodes, guest)
        return place if isinstance(place, str) else None

    def gone(self, uuid):
        """Have a guest stand nowhere."""
        with self._lock:
            self._gone(uuid)

    def _others_known(self, guest):
        """Return the host, once all others are known, or why they are not."""
        try:
            if self._is_new or self._unread - {guest.name}:
                self._look()
            return self._affinity_host.nodes()
        except Exception as error:
            # Not the guest's fault: one that need not have a place starts.
            self._note_error(error)
            return f'it is not known who stands here: {error}'

    def _place(self, nodes, guest):
        known = self._known.get(guest.name)
        if known is not None:
            guest = dataclasses.replace(
                guest, nodes=known.guest.nodes, pins=known.guest.pins)
        return affinity.place(
            nodes, self._guests(), guest, CONF.numa_ext.numa_affinity_policy,
            self._affinity_host.is_overcommitted())

    @contextlib.contextmanager
    def operation(self, uuid, after):
        """Have a guest be left alone while something is done with it.

        One within another is a part of that.

        :param after: name of what it leaves behind where it succeeds
        """
        with self._lock:
            self._changing[uuid] += 1
        try:
            yield
        except BaseException:
            after = 'unsure'
            raise
        finally:
            with self._lock:
                self._changing[uuid] -= 1
                is_over = not self._changing[uuid]
                if is_over:
                    del self._changing[uuid]
                concerned = is_over and getattr(self, f'_{after}')(uuid)
            if concerned:
                self.settle()

    # What an operation leaves behind; each returns whether this concerns
    # anybody. They are called with the lock held.

    def _started(self, uuid):
        """The guest runs, as it was placed."""
        return uuid in self._known

    def _restarted(self, uuid):
        """It runs as it was defined, or was placed anew."""
        known = self._known.get(uuid)
        if known is not None and known.waits_on is not None:
            return self._unsure(uuid)
        return known is not None

    def _stopped(self, uuid):
        """It does not run, and may be started again."""
        was_known = self._forget(uuid)
        if was_known:
            self._off.add(uuid)
        return was_known

    def _gone(self, uuid):
        """It is no more on this host."""
        self._off.discard(uuid)
        return self._forget(uuid)

    def _kept(self, uuid):
        """It does not run; its place is its own until it is started."""
        return False

    def _unsure(self, uuid):
        """Its domain is to be read, if it runs."""
        concerned = uuid in self._off
        concerned |= self._gone(uuid)
        if concerned:
            self._unread.add(uuid)
        return concerned

    def _came(self, uuid):
        """It came from another host, and runs."""
        self._gone(uuid)
        self._unread.add(uuid)
        return True

    def _forget(self, uuid):
        known = self._known.pop(uuid, None) is not None
        unread = uuid in self._unread
        self._unread.discard(uuid)
        return known or unread

    def happened(self, uuid, starts):
        """See an event that libvirt sent.

        :param starts: whether the guest started, or stopped
        """
        with self._lock:
            if self._changing[uuid]:
                # Of Nova's own doing; it knows at its end.
                return
            if starts:
                is_news = uuid in self._off and self._unsure(uuid)
            else:
                is_news = uuid in self._known
        if is_news:
            self.settle(look=True)

    def doubt(self):
        """Have libvirt be asked who runs, the next time: events were lost."""
        self._is_doubtful = True

    def settle(self, look=False):
        """Have each guest stand where it is to.

        :param look: whether to ask libvirt in any case who runs
        """
        with self._lock:
            self._is_doubtful |= look
            self._wanted += 1
            if self._is_settling:
                return
            self._is_settling = True
        try:
            while self._round():
                pass
        except BaseException:
            self._is_settling = False
            raise

    def _round(self):
        """Settle once; return whether there is more to be done."""
        with self._lock:
            if self._done == self._wanted:
                # Within the lock: who comes now does it itself.
                self._is_settling = False
                return False
            wanted = self._wanted
        try:
            self._settle()
        except Exception as error:
            self._note_error(error)
        self._done = wanted
        return True

    def _note_error(self, error):
        self._is_doubtful = True
        figures.AFFINITY_ERRORS.inc()
        LOG.warning(
            'numa_affinity: it is not known who is to stand where '
            '(%(error)s). Guests stay where they are; this is tried again in '
            'the next audit. If it comes again, see whether libvirtd '
            'answers.', {'error': error}, exc_info=error)

    def _settle(self):
        domains = None
        if self._unread or self._is_doubtful and (
                self._known or self._is_new):
            domains = self._look()
        moves = self._moves()
        if not moves:
            return
        if domains is None:
            domains = self._look()
            moves = self._moves()
        for uuid, place in moves:
            if uuid in domains:
                self._move(domains[uuid], uuid, place)

    def report(self):
        """Say how much memory has not followed who moved since the last.

        The kernel shows it to root only, and takes a while.
        """
        with self._lock:
            moved, self._moved = self._moved, set()
            there = [(uuid, self._known[uuid].guest.nodes)
                     for uuid in sorted(moved) if uuid in self._known]
        for uuid, nodes in there:
            share = affine.remote(affine.memory(reader.THIS, uuid), nodes)
            if share is not None:
                LOG.info(
                    'numa_affinity: of the memory of the guest that moved, '
                    '%(share).1f %% is not on %(nodes)s yet',
                    {'share': 100 * share, 'nodes': _nodes(nodes)},
                    instance_uuid=uuid)

    def _look(self):
        """Ask who runs; return their domains, by UUID."""
        self._is_doubtful = False
        with self._lock:
            known, unread = set(self._known), set(self._unread)
        domains = {
            domain.UUIDString(): domain
            for domain in self._host.list_instance_domains()}
        if self._is_new:
            unread.update(domains.keys() - known)
        nodes = self._affinity_host.nodes() if unread else None
        found = {uuid: _read(domains[uuid], nodes)
                 for uuid in unread if uuid in domains}
        with self._lock:
            if self._is_new:
                self._unread |= unread - self._known.keys()
                self._is_new = False
            for uuid in known | unread:
                if self._changing[uuid]:
                    continue
                if uuid not in domains:
                    self._stopped(uuid)
                elif uuid in self._unread:
                    self._unread.discard(uuid)
                    if found.get(uuid) is not None:
                        self._known[uuid] = found[uuid]
        return domains

    def _guests(self):
        return [known.guest for _uuid, known in sorted(self._known.items())]

    def _moves(self):
        """Return who is to be given which place, in this order."""
        if not self._known:
            return []
        nodes = self._affinity_host.nodes()
        with self._lock:
            plan = affinity.plan(
                nodes, self._guests(), CONF.numa_ext.numa_affinity_policy,
                self._affinity_host.is_overcommitted())
            order = [*plan.moves, *(
                uuid for uuid in sorted(plan.places)
                if uuid not in plan.moves)]
            self._note_refused(plan.refused)
            return [
                (uuid, plan.places[uuid]) for uuid in order
                if not self._changing[uuid]
                and not self._known[uuid].is_at(plan.places[uuid])]

    def _note_refused(self, refused):
        """Say once who has no place, and why."""
        for uuid, why in refused.items():
            if self._refused.get(uuid) != why:
                LOG.info(
                    'numa_affinity: no place for the guest, which stays on '
                    '%(old)s: %(why)s', {
                        'why': why,
                        'old': _nodes(self._known[uuid].guest.nodes)},
                    instance_uuid=uuid)
        self._refused = dict(refused)

    def _move(self, domain, uuid, place):
        with self._lock:
            known = self._known.get(uuid)
            if known is None or self._changing[uuid]:
                return
        iothreads = known.iothreads
        try:
            if iothreads is None:
                there = standing.of_domain(domain.XMLDesc(0))
                iothreads = there.iothreads if there is not None else ()
            waits_for = affinity_moves.move(
                domain, dataclasses.replace(known, iothreads=iothreads),
                place)
        except nova_host.libvirt.libvirtError as error:
            self._note_failure(domain, known, place, error)
            return
        with self._lock:
            if self._known.get(uuid) is not known:
                # Something was done with it meanwhile.
                if self._unsure(uuid):
                    self._wanted += 1
                return
            moved = known.at(place) if waits_for is None else (
                dataclasses.replace(known, waits_on=place.nodes))
            self._known[uuid] = dataclasses.replace(
                moved, iothreads=iothreads)
            if moved.guest.nodes != known.guest.nodes:
                self._moved.add(uuid)
        _say(domain, known.guest, place, waits_for)

    def _note_failure(self, domain, known, place, error):
        with self._lock:
            self._unsure(known.guest.name)
        self._is_doubtful = True
        if affinity_moves.is_gone(domain, error):
            LOG.debug('numa_affinity: %s stopped before it was moved.',
                      domain.name(), instance_uuid=known.guest.name)
            return
        figures.AFFINITY_ERRORS.inc()
        LOG.warning(
            'numa_affinity: %(name)s stays on %(old)s, and was to be on '
            '%(new)s: %(error)s. This is tried again in the next audit. If '
            'it comes again, a hard reboot of the server puts it there.',
            {'name': domain.name(), 'old': _nodes(known.guest.nodes),
             'new': _nodes(place.nodes), 'error': error},
            instance_uuid=known.guest.name)


def _read(domain, nodes):
    """Return what is known of a domain, None where it has no affinity."""
    try:
        xml = domain.XMLDesc(0)
    except nova_host.libvirt.libvirtError as error:
        if affinity_moves.is_gone(domain, error):
            return None
        raise
    return affinity_known.of_domain(xml, nodes)


def _nodes(nodes):
    if not nodes:
        return 'any NUMA node'
    many = 's' if len(nodes) > 1 else ''
    return f'NUMA node{many} {cpuset.show(nodes)}'


def _say(domain, guest, place, waits_for):
    """Say who moved, from where to where, and why."""
    words = {
        'name': domain.name(), 'old': _nodes(guest.nodes),
        'new': _nodes(place.nodes), 'why': place.reason,
        'error': waits_for}
    if waits_for is not None:
        figures.AFFINITY_MOVES.labels('next start').inc()
        LOG.info(
            'numa_affinity: %(name)s moves from %(old)s to %(new)s at its '
            'next start: %(why)s. Its memory is bound, and cannot be moved '
            'while it runs: %(error)s', words, instance_uuid=guest.name)
    elif guest.nodes == place.nodes:
        LOG.debug('numa_affinity: %(name)s has other CPUs of %(new)s.',
                  words, instance_uuid=guest.name)
    else:
        figures.AFFINITY_MOVES.labels(
            'strict' if guest.strict else 'soft').inc()
        LOG.info(
            'numa_affinity: %(name)s moved from %(old)s to %(new)s: %(why)s',
            words, instance_uuid=guest.name)
