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

"""What this project overrides or relies on in Nova, and whether it changed.

    python -m tests.upstream.drift [--nova 34] [--write | --against 33]

A file of each release has the signature of each such method and a hash of
its code, as it was when this project was last looked at beside it. A Nova
that differs is reported, and the exit status is 1: read what changed there,
then write the file anew.
"""

import argparse
import ast
import hashlib
import importlib
import inspect
import json
import pathlib
import pkgutil
import sys
import textwrap

import yaml

import nova_numa_ext
from nova_numa_ext.compat import upstream
from tests.upstream import ours

# Of a node, what says nothing of what it does.
_NOT_CODE = ('ctx', 'kind', 'type_comment', 'type_ignores', 'type_params')

FOLDER = pathlib.Path(__file__).with_name('drift')


def _modules():
    for module in pkgutil.walk_packages(
            nova_numa_ext.__path__, 'nova_numa_ext.'):
        yield importlib.import_module(module.name)


def _relied_on():
    """Yield what the start-up check looks at."""
    for module in _modules():
        for owner, known in getattr(module, 'RELIED_ON', {}).items():
            yield from ((owner, name) for name in known)


def _tree(source):
    return ast.parse(textwrap.dedent(source))


def called(owner):
    """Yield the methods that a class's code names of itself or its Host.

    :param owner: a class of this project's
    :returns: pairs: whether it is of the Host, and the name
    """
    for node in ast.walk(_tree(inspect.getsource(owner))):
        if not isinstance(node, ast.Attribute):
            continue
        of = _names(node.value)
        if of in (['self'], ['super']):
            yield False, node.attr
        elif of == ['self', '_host']:
            yield True, node.attr


def _names(node):
    if isinstance(node, ast.Attribute):
        return [*_names(node.value), node.attr]
    if isinstance(node, ast.Call):
        return _names(node.func)
    return [getattr(node, 'id', None)]


def _used():
    """Yield classes or modules of Nova's, and names in them."""
    yield from _relied_on()
    host = next(novas for novas, _ in ours.CLASSES
                if novas.__name__ == 'Host')
    for novas, own in ours.CLASSES:
        yield from ((novas, name) for name in ours.overrides(own, novas))
        for base in own.__mro__:
            if issubclass(novas, base):
                continue
            for is_of_host, name in called(base):
                yield (host if is_of_host else novas), name


def _plain(node):
    """Return a tree as values that all releases of Python agree about."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    if type(node).__name__ == 'Index':
        return _plain(node.value)
    return [type(node).__name__, *(
        [name, _plain(value)] for name, value in ast.iter_fields(node)
        if name not in _NOT_CODE and value not in (None, []))]


def digest(method):
    """Return a hash of a method's code, without its docstring."""
    tree = _tree(inspect.getsource(method))
    for node in ast.walk(tree):
        if (isinstance(node, (ast.FunctionDef, ast.ClassDef))
                and ast.get_docstring(node, clean=False) is not None):
            del node.body[0]
            if not node.body:
                node.body.append(ast.Pass())
    return hashlib.sha256(
        json.dumps(_plain(tree)).encode()).hexdigest()[:16]


def _unwrapped(owner, name):
    value = inspect.getattr_static(owner, name, None)
    return inspect.unwrap(getattr(value, '__func__', value))


def found():
    """Return the signature and hash of each method, by its name."""
    result = {}
    for owner, name in _used():
        method = _unwrapped(owner, name)
        if not inspect.isfunction(method):
            # A name that this project gave, or an attribute of instances.
            continue
        if not method.__module__.startswith('nova.'):
            continue
        result[f'{method.__module__}.{method.__qualname__}'] = {
            'signature': upstream.parameters(method),
            'code': digest(method)}
    return dict(sorted(result.items()))


def differences(before, after):
    """Return what is another in a table, in sentences."""
    said = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if new is None:
            said.append(f'{name}: is gone, or not used any more')
        elif old is None:
            said.append(f'{name}: is new here, or newly used')
        elif old['signature'] != new['signature']:
            said.append(f'{name}: takes {new["signature"]}, '
                        f'took {old["signature"]}')
        elif old['code'] != new['code']:
            said.append(f'{name}: does something else')
    return said


def path_of(nova):
    return FOLDER / f'nova-{nova}.yaml'


def read(nova):
    path = path_of(nova)
    if not path.exists():
        raise SystemExit(f'There is no table of Nova {nova}: --write makes '
                         'one of the Nova that is installed.')
    return yaml.safe_load(path.read_text())


def write(nova, table):
    FOLDER.mkdir(exist_ok=True)
    path_of(nova).write_text(
        '# Written by `make drift ARGS=--write`.\n'
        + yaml.safe_dump(table, width=1000))


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog='python -m tests.upstream.drift',
        description='What changed in Nova of what this project uses.')
    parser.add_argument('--nova', type=int, default=34)
    parser.add_argument('--write', action='store_true')
    parser.add_argument('--against', type=int, help="another release's table")
    arguments = parser.parse_args(argv)
    table = found()
    if arguments.write:
        write(arguments.nova, table)
    against = arguments.against or arguments.nova
    said = differences(read(against), table)
    print(f'{len(table)} methods of Nova {arguments.nova} are overridden or '
          f'relied on; {len(said)} differ from the table of Nova {against}.')
    for sentence in said:
        print(sentence)
    return 1 if said else 0


if __name__ == '__main__':
    sys.exit(main())
