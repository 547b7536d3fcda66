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


"""What the folders promise: tests mirror modules, pure rooms are pure."""

import ast
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import testscenarios
import testtools
from testtools import content

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / 'nova_numa_ext'
UNIT = ROOT / 'tests' / 'unit'
PURE = (
    'policy', 'topology', 'domain', 'picture', 'host', 'verify', 'tune')
# Modules that are in no room.
PURE_MODULES = ('traits',)

# Tests of no one module, and of what.
NO_MODULE = {
    'compute/test_audits.py': 'audits of the tracker',
    'compute/test_interleavings.py': "the tracker against Nova's",
    'topology/test_affinity_runs.py': 'plans, one after another',
    'test_bench.py': 'tools/bench',
    'test_demo.py': 'tools/demo',
    'test_devstack.py': 'devstack/',
    'test_docs.py': 'what the documentation is made of',
    'test_layout.py': 'the folders',
    'test_matrix.py': 'tools/matrix.py',
    'test_older_patches.py': 'patches/',
    'test_patches.py': 'patches/check.py',
    'test_upstream.py': 'tests/upstream',
    'test_zuul.py': '.zuul.yaml',
}

FLOOR = 'python3.8'
RESOLVE = """
import pkgutil, importlib, sys
for room in {rooms!r}:
    package = importlib.import_module('nova_numa_ext.' + room)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(package.__name__ + '.' + module.name)
for module in {modules!r}:
    importlib.import_module('nova_numa_ext.' + module)
from nova_numa_ext import policy
found = policy.resolve({{'numa_ext:cpu_mode': 'custom'}},
                       {{'numa_ext_cpu_models': 'Nehalem,EPYC'}})
print(sys.version_info[:2], found.cpu_mode, found.cpu_models)
"""


def modules(folder):
    """Return the modules below a folder, by their paths within it."""
    return {path.relative_to(folder).as_posix(): path
            for path in folder.rglob('*.py') if path.name != '__init__.py'}


def pure_modules():
    paths = [path for room in PURE for path in (PACKAGE / room).rglob('*.py')]
    paths += [PACKAGE / f'{module}.py' for module in PURE_MODULES]
    return sorted((path.relative_to(ROOT).as_posix(), path) for path in paths)


def imported(tree, package):
    """Return all that is imported anywhere in a module, by full names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split('.')
            above = above[:len(above) + 1 - node.level] if node.level else []
            module = '.'.join([*above, *filter(None, [node.module])])
            yield from (f'{module}.{alias.name}' for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
            if name in ('import_module', '__import__'):
                yield f'{name}()'


def is_pure(name):
    first, *rest = name.split('.')
    if first == 'nova_numa_ext':
        return bool(rest) and rest[0] in (*PURE, *PURE_MODULES)
    return first in sys.stdlib_module_names


def interpreter():
    """Return a Python 3.8 that runs, from PATH or pyenv, or None."""
    root = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    found = [shutil.which(FLOOR),
             *sorted(glob.glob(f'{root}/versions/3.8.*/bin/{FLOOR}'))]
    for path in filter(None, found):
        # A shim of pyenv is there for versions that are not active too.
        if subprocess.run([path, '-c', ''], capture_output=True,
                          check=False).returncode == 0:
            return path
    return None


class TestMirror(testtools.TestCase):

    def test_every_module_has_tests(self):
        missing = [
            path for path in modules(PACKAGE)
            if not (UNIT / path).with_name(
                'test_' + pathlib.Path(path).name).exists()
        ]

        self.assertEqual([], missing)

    def test_all_tests_are_of_a_module(self):
        strays = [
            path for path, file in modules(UNIT).items()
            if file.name.startswith('test_') and path not in NO_MODULE
            and not (PACKAGE / path).with_name(
                file.name[len('test_'):]).exists()
        ]

        self.assertEqual([], strays)

    def test_all_tests_are_found(self):
        """A folder without __init__.py is passed by without a word."""
        self.assertEqual([], [
            str(path) for path in (ROOT / 'tests').rglob('test_*.py')
            if not (path.parent / '__init__.py').exists()])

    def test_exceptions_are_still_needed(self):
        self.assertLessEqual(set(NO_MODULE), set(modules(UNIT)))


def knows_its_library(test):
    # What imports what does not depend on the Python that tests run with.
    return unittest.skipUnless(
        hasattr(sys, 'stdlib_module_names'),
        'Python before 3.10 does not know its standard library')(test)


class TestPure(testscenarios.WithScenarios, testtools.TestCase):

    scenarios = [(name, {'path': path}) for name, path in pure_modules()]

    @knows_its_library
    def test_imports(self):
        package = '.'.join(self.path.relative_to(ROOT).parent.parts)
        tree = ast.parse(self.path.read_text())

        self.assertEqual([], [
            name for name in imported(tree, package) if not is_pure(name)])

    def test_grammar_of_the_floor(self):
        ast.parse(self.path.read_text(), feature_version=(3, 8))


class TestFloor(testtools.TestCase):

    def test_imports_and_resolves(self):
        python = interpreter()
        if python is None:
            self.skipTest(f'no {FLOOR} on this machine: only the grammar of '
                          'the pure rooms was checked')

        done = subprocess.run(
            [python, '-I', '-c',
             f'import sys; sys.path.insert(0, {str(ROOT)!r})\n'
             'sys.dont_write_bytecode = True\n'
             + RESOLVE.format(rooms=PURE, modules=PURE_MODULES)],
            capture_output=True, text=True, check=False)

        self.addDetail('stderr', content.text_content(done.stderr))
        self.assertEqual(
            "(3, 8) custom ('Nehalem', 'EPYC')\n", done.stdout)


@knows_its_library
class TestImported(testtools.TestCase):
    """The reader of imports, on imports that are not pure."""

    def names(self, text, package='nova_numa_ext.policy'):
        return [name for name in imported(ast.parse(text), package)
                if not is_pure(name)]

    def test_impure(self):
        for text, name in (
            ('import nova', 'nova'),
            ('import os, lxml.etree', 'lxml.etree'),
            ('from oslo_config import cfg', 'oslo_config.cfg'),
            ('import nova_numa_ext', 'nova_numa_ext'),
            ('from nova_numa_ext import loader', 'nova_numa_ext.loader'),
            ('from nova_numa_ext.virt import driver',
             'nova_numa_ext.virt.driver'),
            ('from .. import conf', 'nova_numa_ext.conf'),
            ('from ..virt import driver', 'nova_numa_ext.virt.driver'),
            ('def f():\n    import libvirt', 'libvirt'),
            ('if True:\n    try:\n        import six\n'
             '    except ImportError:\n        pass', 'six'),
            ('import importlib\nimportlib.import_module("nova")',
             'import_module()'),
        ):
            self.assertEqual([name], self.names(text), text)

    def test_pure(self):
        self.assertEqual([], self.names(
            'import re\nfrom xml.etree import ElementTree\n'
            'from nova_numa_ext.topology import host\n'
            'from nova_numa_ext import policy\n'
            'from . import table\nfrom .table import ROWS\n'
            'from .. import topology\n'))
