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

"""The tests of Nova's that this project fails, and means to.

They are in expected.yaml, one entry each:

test
    its id
reason
    one line
ours
    the test of this project's that asserts the promise behind it
releases
    the releases of Nova where it is so; without it all of them
modes
    threading or eventlet, where it is so in one of them
flaky
    true where it fails at times
"""

import ast
import pathlib
import typing

import yaml

ROOT = pathlib.Path(__file__).parents[2]
FILE = pathlib.Path(__file__).with_name('expected.yaml')


class Entry(typing.NamedTuple):
    test: str
    reason: str
    ours: str
    flaky: bool = False


def read(nova, mode, path=FILE):
    """Return what is listed for a release of Nova, and faults of the list.

    :param nova: the release's number
    :param mode: threading or eventlet
    :returns: entries by the test's id, and sentences
    """
    entries = {}
    faults = []
    for row in yaml.safe_load(path.read_text()) or ():
        test = row.get('test', '')
        fault = _fault(row)
        if fault:
            faults.append(f'{test}: {fault}')
        if (nova not in row.get('releases', [nova])
                or mode not in row.get('modes', [mode])):
            continue
        if test in entries:
            faults.append(f'{test}: is listed twice')
        entries[test] = Entry(
            test, row.get('reason', ''), row.get('ours', ''),
            row.get('flaky', False))
    return entries, faults


def _fault(row):
    unknown = set(row) - {
        'test', 'reason', 'ours', 'releases', 'modes', 'flaky'}
    if unknown:
        return f'has {", ".join(sorted(unknown))}, which means nothing'
    reason = row.get('reason', '').strip()
    if not reason or '\n' in reason:
        return 'needs a reason, of one line'
    if not exists(row.get('ours', '')):
        return (f'its promise is asserted by {row.get("ours")!r}, and there '
                'is no such test')
    return None


def exists(name, root=ROOT):
    """Return whether there is a test of this project's, by its id."""
    module, _, rest = name.rpartition('.')
    module, _, class_name = module.rpartition('.')
    if not module.startswith('tests.') or not rest.startswith('test'):
        return False
    path = root.joinpath(*module.split('.')).with_suffix('.py')
    if not path.is_file():
        return False
    return any(
        isinstance(method, ast.FunctionDef) and method.name == rest
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == class_name
        for method in node.body)
