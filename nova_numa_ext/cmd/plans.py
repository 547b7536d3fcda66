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

"""Plans of files: shown, written, compared and taken back.

Each command of ``nova-numa-ext tune`` that writes nothing but files makes a
plan; what becomes of it is the same for all.
"""

import dataclasses
import json
import os
import sys

from nova_numa_ext.cmd import items as shown
from nova_numa_ext.cmd import journal
from nova_numa_ext.cmd import options
from nova_numa_ext.host import item
from nova_numa_ext.host import reader
from nova_numa_ext.tune import marked

_REFUSED = 2


class Refused(Exception):
    """There is no plan, or it cannot be carried out; says why."""


@dataclasses.dataclass
class Plan:
    """What a command wants.

    :ivar files: of this project's own, all of each
    :ivar edits: of others, all of each as it should be
    :ivar lines: what is said of it
    :ivar items: what else is compared
    :ivar notes: what is to be known of it
    :ivar restart: services that read the files when they start
    :ivar plain: what JSON has of it
    """

    files: tuple = ()
    edits: tuple = ()
    lines: list = dataclasses.field(default_factory=list)
    items: tuple = ()
    notes: list = dataclasses.field(default_factory=list)
    restart: tuple = ()
    plain: dict = dataclasses.field(default_factory=dict)


def add_arguments(parser, service):
    """Add what each of these commands has.

    :param service: whose nova.conf is read
    """
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
    options.add_config_file(parser, service)
    parser.add_argument(
        '--root', metavar='DIR', default='/',
        help='a folder with etc, proc and sys of another host')


def text(look, path):
    """Return all of a file as it is; None where there is none.

    :param look: a reader of the host
    """
    try:
        with open(os.path.join(look.root, path), encoding='utf-8', newline='',
                  errors='surrogateescape') as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def run(arguments, name, wishes, plan_of):
    """Do what is asked and return the exit status.

    :param name: of the command
    :param wishes: the names of its own options; one without a value is None,
        or an empty list
    :param plan_of: takes a reader of the host and the wishes, by name, and
        returns a Plan; may raise Refused
    """
    look = (reader.THIS if arguments.root == '/'
            else reader.HostReader(arguments.root))
    try:
        notes = journal.Journal(
            look.root, f'var/lib/nova-numa-ext/{name}.json')
        if arguments.revert:
            return _revert(notes)
        wished = {wish: getattr(arguments, wish) for wish in wishes}
        if arguments.check and not any(
                value not in (None, []) for value in wished.values()):
            wished.update(notes.wishes)
        plan = plan_of(look, wished)
        if arguments.write:
            _write(notes, plan, wished)
            plan = plan_of(look, wished)
    except (Refused, journal.Unreadable) as error:
        print(error, file=sys.stderr)
        return _REFUSED
    except OSError as error:
        print(f'{error.filename}: {error.strerror}. Run this as root; what '
              'was written until now is taken back by --revert.',
              file=sys.stderr)
        return _REFUSED
    items = _items(notes, plan, f'nova-numa-ext tune {name} --write')
    if arguments.json:
        print(json.dumps(_plain(notes, plan, items), indent=2))
    elif arguments.write:
        print(_written(plan, items))
    elif arguments.check:
        print(_compared(name, plan, items))
    else:
        print(_shown(notes, plan, items))
    return int(arguments.check or arguments.write) and int(
        any(found.ok is False for found in items))


def _write(notes, plan, wishes):
    foreign = notes.foreign([(file.path, file.text) for file in plan.files])
    if foreign:
        raise Refused(_foreign(foreign))
    notes.wishes = wishes
    notes.save()
    for file in plan.files:
        notes.write_file(file.path, file.text)
    for file in plan.edits:
        notes.edit_file(file.path, file.text)
    wanted = [file.path for file in (*plan.files, *plan.edits)]
    for path in notes.files:
        if path not in wanted:
            notes.remove_file(path)
    for path in notes.edited:
        if path not in wanted:
            _restore(notes, path)


def _revert(notes):
    if not notes.found:
        print('There is nothing to put back: this command has written '
              'nothing here.')
        return 0
    foreign = notes.foreign()
    if foreign:
        raise Refused(_foreign(foreign))
    for path in notes.edited:
        _restore(notes, path)
    for path in reversed(notes.files):
        notes.remove_file(path)
    notes.forget()
    print('All is put back as it was; services go by it when they are '
          'restarted.')
    return 0


def _restore(notes, path):
    notes.restore_file(path, marked.restored(notes.text(path) or ''))


def _foreign(paths):
    names = ', '.join(f'/{path}' for path in paths)
    return (f'{names}: not written by this command, or changed since. '
            'Nothing was done: move that away, then repeat this.')


def _items(notes, plan, remedy):
    """Return what is found beside what is wanted.

    It is a fault where this command has written something, and advice where
    it never did.
    """
    found = []
    for file in (*plan.files, *plan.edits):
        text = notes.text(file.path)
        there = ('as planned' if text == file.text
                 else 'not there' if text is None else 'another text')
        found.append(item.Item(
            f'/{file.path}', there, 'as planned', text == file.text, remedy,
            notes.found))
    return (*found, *plan.items)


def _plain(notes, plan, items):
    return {
        **plan.plain,
        'changes': [
            {'path': f'/{file.path}', 'found': notes.text(file.path),
             'wanted': file.text}
            for file in (*plan.files, *plan.edits)],
        'restart': list(plan.restart),
        'as_planned': all(found.ok is not False for found in items),
        'items': shown.plain(items),
        'notes': list(plan.notes),
    }


def _shown(notes, plan, items):
    lines = list(plan.lines)
    for file in (*plan.files, *plan.edits):
        text = notes.text(file.path)
        if text == file.text:
            lines.append(f'/{file.path}: as planned')
            continue
        lines.append(f'/{file.path}: '
                     f'{"not there" if text is None else "another text"}, '
                     'wanted:')
        lines += [f'    {line}'.rstrip() for line in _new(text, file.text)]
    lines += plan.notes
    lines.append(
        'All is as planned.' if all(found.ok is not False for found in items)
        else 'Nothing was written: --write does it.')
    return '\n'.join(lines)


def _new(before, text):
    """Return the lines that are not there yet."""
    known = set((before or '').splitlines())
    return [line for line in text.splitlines() if line not in known]


def _compared(name, plan, items):
    return '\n'.join([
        shown.table(name, items), '',
        'The host is as planned.'
        if all(found.ok is not False for found in items)
        else 'The host is not as planned.',
        *shown.remedies(items), *plan.notes])


def _written(plan, items):
    lines = [*plan.lines, 'The files are written.']
    if plan.restart:
        lines.append(f'Restart, in this order: {", ".join(plan.restart)}.')
    lines += [f'{found.name} is not in effect yet: {found.found}, wanted '
              f'{found.wanted}.' for found in items if found.ok is False]
    return '\n'.join([*lines, *plan.notes])
