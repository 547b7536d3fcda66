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

"""``nova-numa-ext tune isolation``: daemons off the CPUs of guests."""

import json
import sys

from nova_numa_ext.cmd import guest_cpus
from nova_numa_ext.cmd import isolating
from nova_numa_ext.cmd import items as shown
from nova_numa_ext.cmd import journal
from nova_numa_ext.cmd import options
from nova_numa_ext.host import reader
from nova_numa_ext.topology import cpuset
from nova_numa_ext.tune import checked
from nova_numa_ext.tune import facts
from nova_numa_ext.tune import isolation
from nova_numa_ext.tune import sets
from nova_numa_ext.tune import units

_REFUSED = 2


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'isolation',
        help="keep the host's daemons and interrupts off the CPUs of guests",
        description='Leaves the CPUs that nova.conf gives to guests to them: '
        "daemons, users and interrupts are held to the others. Says what "
        'would be written; --write does it, --revert takes it back. Exits '
        'with 1 where the host is not as it should be after --check or '
        '--write, and with 2 where there is no plan, or it cannot be '
        'carried out.')
    does = parser.add_mutually_exclusive_group()
    does.add_argument(
        '--write', action='store_true', help='carry out the plan')
    does.add_argument(
        '--revert', action='store_true',
        help='put back what was there before')
    does.add_argument(
        '--check', action='store_true',
        help='compare the host with the plan; with the options of the last '
        '--write where none are given')
    options.add_json(parser)
    options.add_configuration(parser)
    parser.add_argument(
        '--cpu-shared-set', metavar='CPUS',
        help='[compute] cpu_shared_set, whatever nova.conf says')
    parser.add_argument(
        '--exempt', action='append', default=[], metavar='SERVICE',
        help='a service that is left out, such as ovs-vswitchd.service; may '
        'be given several times')
    parser.add_argument(
        '--exempt-cpus', metavar='CPUS', default='',
        help='CPUs that only these services may use, beside those of daemons')
    parser.add_argument(
        '--memory-high', metavar='SIZE', default='',
        help='MemoryHigh= of system.slice and of user.slice, as 8G or 10%%')
    parser.add_argument(
        '--memory-max', metavar='SIZE', default='',
        help='MemoryMax= of them')
    parser.add_argument(
        '--root', metavar='DIR', default='/',
        help='a folder with etc, proc and sys of another host; its systemd '
        'is told nothing')
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Do what is asked and return the exit status."""
    look = (reader.THIS if arguments.root == '/'
            else reader.HostReader(arguments.root))
    kernel = isolating.Kernel(look.root)
    try:
        notes = journal.Journal(look.root, isolating.NOTES)
        if arguments.revert:
            return _revert(look, notes, kernel)
        wishes = _wishes(arguments)
        if arguments.check and wishes == isolation.Wishes():
            wishes = isolating.of_notes(notes.wishes)
        cpus = guest_cpus.read(arguments, kernel.here)
        host = facts.gather(
            look, wishes.exempt, {} if arguments.write else notes.stuck)
        plan = isolation.plan(host, cpus, wishes)
        said = []
        if arguments.write:
            said = isolating.carry_out(plan, wishes, notes, kernel)
            host = facts.gather(look, wishes.exempt, notes.stuck)
            plan = isolation.plan(host, cpus, wishes)
    except (isolation.CannotIsolate, isolating.CannotChange,
            guest_cpus.Unusable, journal.Unreadable) as error:
        print(error, file=sys.stderr)
        return _REFUSED
    except OSError as error:
        # A file that cannot be written names itself.
        print(f'{error.filename}: {error.strerror}. Run this as root; what '
              'was written until now is taken back by --revert.',
              file=sys.stderr)
        return _REFUSED
    items = checked.items(look, host, plan, notes.found)
    if arguments.json:
        print(json.dumps(_plain(look, plan, items, said), indent=2))
    elif arguments.write:
        print(_written(plan, items, said, kernel))
    elif arguments.check:
        print(_compared(items))
    else:
        print(_shown(look, plan, items))
    if arguments.write and not kernel.here:
        return 0
    return int(arguments.check or arguments.write) and int(
        not all(item.ok for item in items))


def items_of(look, cpus):
    """Return the items of isolation for ``nova-numa-ext host``.

    They are a fault where this command has written something, and advice
    where it never did.

    :param look: its reader
    :param cpus: the CPUs of guests
    """
    needed = False
    try:
        notes = journal.Journal(look.root, isolating.NOTES)
        needed = notes.found
        wishes = isolating.of_notes(notes.wishes)
        host = facts.gather(look, wishes.exempt, notes.stuck)
        return checked.items(
            look, host, isolation.plan(host, cpus, wishes), needed)
    except (isolation.CannotIsolate, journal.Unreadable) as error:
        return (checked.refused(str(error), needed),)
    except OSError as error:
        return (checked.refused(f'{error.filename}: {error.strerror}'),)


def _wishes(arguments):
    try:
        cpus = sets.parse(arguments.exempt_cpus)
    except ValueError as error:
        raise guest_cpus.Unusable(
            f'--exempt-cpus {arguments.exempt_cpus}: {error}') from error
    return isolation.Wishes(
        tuple(dict.fromkeys(arguments.exempt)), cpus,
        arguments.memory_high, arguments.memory_max)


def _revert(look, notes, kernel):
    if not notes.found:
        print('There is nothing to put back: this command has written '
              'nothing here.')
        return 0
    said = isolating.revert(look, notes, kernel)
    print('\n'.join(['All is put back as it was.' if not said
                     else 'What this command wrote is gone.', *said]))
    return 0


def _changes(look, plan):
    """Return what is to be written: the path, what there is, what to be."""
    for file in plan.all_files:
        yield file.path, look.text(file.path), file.text
    if plan.way == isolation.CPUSET:
        path = f'{facts.GROUP}/cpuset.cpus'
        yield path, look.text(path), cpuset.show(plan.daemons)
        for process in plan.move:
            yield (f'{facts.GROUP}/cgroup.procs',
                   f'{process} is in {process.group}', str(process.pid))
    if plan.default:
        path = 'proc/irq/default_smp_affinity'
        yield path, look.text(path), units.mask(plan.daemons)
    for irq in plan.irqs:
        yield (f'proc/irq/{irq.number}/smp_affinity_list',
               cpuset.show(irq.cpus), cpuset.show(plan.daemons))


def _plain(look, plan, items, said):
    return {
        'way': plan.way,
        'daemons': cpuset.show(plan.daemons),
        'guests': cpuset.show(plan.guests),
        'changes': [
            {'path': f'/{path}', 'found': found, 'wanted': wanted}
            for path, found, wanted in _changes(look, plan)],
        'unmovable_irqs': [{
            'irq': irq.number,
            'devices': list(irq.devices),
            'cpus': cpuset.show(irq.cpus),
        } for irq in plan.stuck],
        'restart': list(plan.restart),
        'as_planned': all(item.ok for item in items),
        'items': shown.plain(items),
        'notes': [*plan.notes, *said],
    }


def _shown(look, plan, items):
    lines = [
        f'Daemons, users and interrupts: CPUs {cpuset.show(plan.daemons)}.',
        f'Guests: CPUs {cpuset.show(plan.guests)}.']
    for path, found, wanted in _changes(look, plan):
        if found is not None and found == wanted.strip():
            lines.append(f'/{path}: as planned')
        elif '\n' in wanted:
            lines.append(f'/{path}: '
                         f'{"not there" if found is None else "another text"}'
                         ', wanted:')
            lines += [f'    {line}'.rstrip() for line in wanted.splitlines()]
        else:
            lines.append(f'/{path}: {found or "not there"}, wanted {wanted}')
    lines += [f'IRQ {irq} cannot be moved.' for irq in plan.stuck]
    lines += [f'{service} has to be restarted before the rest is written.'
              for service in plan.restart]
    lines += plan.notes
    lines.append(
        'All is as planned.' if all(item.ok for item in items)
        else 'Nothing was written: --write does it.')
    return '\n'.join(lines)


def _compared(items):
    return '\n'.join([
        shown.table('isolation', items), '',
        'The host is as planned.' if all(item.ok for item in items)
        else 'The host is not as planned.', *shown.remedies(items)])


def _written(plan, items, said, kernel):
    lines = [
        f'Daemons, users and interrupts are held to CPUs '
        f'{cpuset.show(plan.daemons)}, guests to {cpuset.show(plan.guests)}.']
    if not kernel.here:
        lines = ['The files are written. The systemd of that host was told '
                 'nothing.']
    else:
        lines += [f'{item.name} is not in effect yet: {item.found}, wanted '
                  f'{item.wanted}.' for item in items if not item.ok]
    return '\n'.join([*lines, *said, *plan.notes])
