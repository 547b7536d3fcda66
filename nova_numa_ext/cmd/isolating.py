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

"""Carrying out a plan of host isolation, and putting back what was there."""

import contextlib
import dataclasses
import os

from oslo_concurrency import processutils

from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import units

NOTES = 'var/lib/nova-numa-ext/isolation.json'
_IRQ = 'proc/irq'
_DEFAULT = f'{_IRQ}/default_smp_affinity'


class CannotChange(Exception):
    """A plan cannot be carried out, or not further; says why."""


class Kernel:
    """What is told to the kernel and to systemd.

    :param root: the host's root folder
    :ivar here: whether it is this host, which has a systemd to talk to
    """

    def __init__(self, root='/'):
        self._root = root
        self.here = root == '/'

    def write(self, path, text):
        """Write a value, all of it at once."""
        try:
            with open(os.path.join(self._root, path), 'w',
                      encoding='utf-8', newline='') as file:
                file.write(text)
        except OSError as error:
            # That of a refused value has no name.
            raise OSError(error.errno, error.strerror, f'/{path}') from error

    def make_group(self, path):
        os.mkdir(os.path.join(self._root, path))

    def remove_group(self, path):
        os.rmdir(os.path.join(self._root, path))

    def systemctl(self, *arguments):
        """Run systemctl, and return what it says.

        :raises CannotChange: where it fails
        """
        try:
            return processutils.execute('systemctl', *arguments)[0]
        except (processutils.ProcessExecutionError, OSError) as error:
            reason = getattr(error, 'stderr', '') or str(error)
            raise CannotChange(
                f'systemctl {" ".join(arguments)} failed: '
                f'{" ".join(reason.split())}. What was written until now is '
                'noted: repeat this, or put it back with --revert.'
            ) from error


def check_systemd(kernel):
    """Raise where systemd does not know AllowedCPUs=.

    It came with 244, and some vendors have it in older ones.
    """
    if kernel.here and not kernel.systemctl(
            'show', '--property=AllowedCPUs', 'system.slice').strip():
        raise CannotChange(
            'This systemd does not have AllowedCPUs=: install 244 or newer.')


def carry_out(plan, wishes, journal, kernel):
    """Set a host to what a plan says, and return what went otherwise.

    :param journal: notes of what was written before
    :raises CannotChange: where files are not as this command left them, or
        where services have to be restarted before the rest is done
    """
    foreign = journal.foreign(
        [(file.path, file.text) for file in plan.all_files])
    if foreign:
        raise CannotChange(_foreign(foreign))
    if plan.way == isolation.SYSTEMD:
        check_systemd(kernel)
    journal.wishes = as_notes(wishes)
    journal.save()
    if plan.way == isolation.SYSTEMD:
        _tell_systemd(plan, journal, kernel)
        said = []
    else:
        said = _group(plan, journal, kernel)
    return said + _irqs(plan, journal, kernel)


def revert(look, journal, kernel):
    """Put back what was there, and return what could not be.

    :raises CannotChange: where files are not as this command left them
    """
    foreign = journal.foreign()
    if foreign:
        raise CannotChange(_foreign(foreign))
    said = []
    host = facts.gather(look)
    devices = {str(irq.number): irq.devices for irq in host.irqs}
    for path in reversed(journal.values):
        number = path.split('/')[2]
        try:
            done = journal.restore_value(
                path, kernel.write, _same, devices.get(number, ()))
        except OSError as error:
            done = False
            said.append(f'/{path}: {error.strerror}.')
        else:
            if not done:
                said.append(f'/{path} was set by somebody else since, or is '
                            'of another device, and is left.')
    if journal.group is not None:
        said += _ungroup(host, journal, kernel)
    paths = journal.files
    exempt = journal.wishes.get('exempt', ())
    for path in reversed(paths):
        journal.remove_file(path)
    if paths and kernel.here:
        kernel.systemctl('daemon-reload')
        if any(_is_irqbalance(path) for path in paths):
            kernel.systemctl('try-restart', units.IRQBALANCE)
    if paths and exempt:
        said.append(f'In {units.EXEMPT} until the next restart: '
                    f'{", ".join(exempt)}.')
    journal.forget()
    return said


def as_notes(wishes):
    """Return wishes as plain values."""
    notes = dataclasses.asdict(wishes)
    notes['exempt'] = list(wishes.exempt)
    notes['exempt_cpus'] = cpuset.show(wishes.exempt_cpus)
    return notes


def of_notes(notes):
    """Return the wishes of such values."""
    return isolation.Wishes(
        tuple(notes.get('exempt', ())),
        cpuset.parse(notes.get('exempt_cpus', '')),
        notes.get('memory_high', ''), notes.get('memory_max', ''))


def _foreign(paths):
    names = ', '.join(f'/{path}' for path in paths)
    return (f'{names}: not written by this command, or changed since. '
            'Nothing was done: move that away, then repeat this.')


def _tell_systemd(plan, journal, kernel):
    written = [
        file.path for file in plan.first
        if journal.write_file(file.path, file.text)]
    if plan.restart:
        if kernel.here:
            kernel.systemctl('daemon-reload')
        raise CannotChange(
            'Still in system.slice, which is to be held to CPUs '
            f'{cpuset.show(plan.daemons)}: {", ".join(plan.restart)}. '
            'The slice of exempt services is written: restart them, then '
            'repeat this.')
    written += [
        file.path for file in plan.files
        if journal.write_file(file.path, file.text)]
    wanted = [file.path for file in plan.all_files]
    for path in reversed(journal.files):
        if path not in wanted:
            journal.remove_file(path)
            written.append(path)
    # Again where it failed before, which nobody has noted.
    if kernel.here:
        kernel.systemctl('daemon-reload')
        if any(_is_irqbalance(path) for path in written):
            kernel.systemctl('try-restart', units.IRQBALANCE)


def _is_irqbalance(path):
    return f'/{units.IRQBALANCE}.d/' in path


def _group(plan, journal, kernel):
    group = facts.GROUP
    if journal.group is None:
        journal.group = group
        journal.save()
    with contextlib.suppress(FileExistsError):
        kernel.make_group(group)
    # Without nodes of memory nobody can be in it.
    kernel.write(f'{group}/cpuset.mems',
                 journal.text(f'{facts.CPUSET}/cpuset.mems') or '0')
    kernel.write(f'{group}/cpuset.cpus', cpuset.show(plan.daemons))
    return _move(plan.move, f'{group}/cgroup.procs', kernel)


def _ungroup(host, journal, kernel):
    inside = [
        process for process in host.processes
        if f'{facts.CPUSET}{process.group}' == facts.GROUP]
    said = _move(inside, f'{facts.CPUSET}/cgroup.procs', kernel)
    with contextlib.suppress(FileNotFoundError):
        kernel.remove_group(journal.group)
    journal.group = None
    journal.save()
    return said


def _move(processes, path, kernel):
    said = []
    for process in processes:
        try:
            kernel.write(path, f'{process.pid}\n')
        except ProcessLookupError:
            # It has ended meanwhile.
            continue
        except OSError as error:
            said.append(f'{process} cannot be moved: {error.strerror}.')
    return said


def _irqs(plan, journal, kernel):
    said = []
    journal.stuck = {}
    if plan.default:
        try:
            journal.write_value(
                _DEFAULT, f'{units.mask(plan.daemons)}\n', kernel.write)
        except OSError as error:
            said.append(f'/{_DEFAULT}: {error.strerror}.')
    for irq in plan.irqs:
        try:
            journal.write_value(
                f'{_IRQ}/{irq.number}/smp_affinity_list',
                f'{cpuset.show(plan.daemons)}\n', kernel.write, irq.devices)
        except OSError as error:
            # EIO, or EPERM since 6.11, for those that only the kernel moves;
            # ENOSPC where the CPUs have no vector left.
            journal.stuck[str(irq.number)] = list(irq.devices)
            journal.save()
            said.append(f'IRQ {irq} cannot be moved: {error.strerror}.')
    return said


def _same(path, one, other):
    """Return whether two texts of a path are one value."""
    if path == _DEFAULT:
        return units.of_mask(one.strip()) == units.of_mask(other.strip())
    try:
        return cpuset.parse(one.strip()) == cpuset.parse(other.strip())
    except ValueError:
        return one == other
