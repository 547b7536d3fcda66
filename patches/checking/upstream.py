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

"""Nova's own tests of what a patch changes, without and with it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
import os
import pathlib
import re
import tempfile
from typing import Iterator
from typing import Mapping

from checking.released import extract
from checking.series import alone
from checking.series import is_test
from checking.series import Patch
from checking.series import put
from checking.series import read_series
from checking.series import Refusal
from checking.series import run


def added_lines(patch: Patch, name: str) -> set[int]:
    """Return the numbers of the lines that a patch adds to a file."""
    found = set()
    for line in patch.part(lambda other: other == name).splitlines():
        hunk = re.match(r'@@ -\S+ \+(\d+)', line)
        if hunk:
            at = int(hunk.group(1))
        elif line.startswith('+') and not line.startswith('+++'):
            found.add(at)
            at += 1
        elif line.startswith(' '):
            at += 1
    return found


def touched_tests(patch: Patch, tree: pathlib.Path) -> dict[str, list[str]]:
    """Return the tests that a patch adds or changes, by their modules."""
    found = {}
    for name in patch.tests:
        if not name.rpartition('/')[2].startswith('test_'):
            continue
        text = (tree / name).read_text()
        lines = added_lines(patch, name)
        tests = []
        for group in ast.parse(text).body:
            if isinstance(group, ast.ClassDef):
                tests += ['%s.%s' % (group.name, test)
                          for test in _touched(group, text, lines)]
        if tests:
            found[name[:-len('.py')].replace('/', '.')] = tests
    return found


def _touched(group: ast.ClassDef, text: str, lines: set[int]) -> list[str]:
    functions = {item.name: item for item in group.body
                 if isinstance(item, ast.FunctionDef)}
    touched = {
        name for name, item in functions.items()
        if lines & set(range(item.lineno, (item.end_lineno or 0) + 1))}
    helpers = [name for name in touched if not name.startswith('test')]
    of_file = text.splitlines()
    for name, item in functions.items():
        source = '\n'.join(of_file[item.lineno - 1:item.end_lineno])
        if any('self.%s(' % helper in source for helper in helpers):
            touched.add(name)
    return sorted(name for name in touched if name.startswith('test'))


@dataclass(frozen=True)
class Runner:
    """What Nova's tests of a release run with."""

    python: str
    environment: Mapping[str, str]

    def run(self, tree: pathlib.Path, module: str, names=()) -> tuple:
        """Return how many tests ran, and whether all of them passed."""
        chosen = [arg for name in names
                  for arg in ('-k', '%s.%s*' % (module, name))]
        done = run(
            self.python, '-m', 'unittest', *chosen, module, cwd=tree,
            env={**os.environ, **self.environment, 'PYTHONPATH': str(tree),
                 'PYTHONDONTWRITEBYTECODE': '1'})
        ran = re.search(r'^Ran (\d+) tests?', done.stdout, re.M)
        return int(ran.group(1)) if ran else 0, done.returncode == 0


def test(folder: pathlib.Path, sdist: pathlib.Path, runner: Runner,
         only) -> Iterator[str]:
    """Run the tests of each patch without and with its code.

    Prints a line for each module of tests, and yields what is wrong.
    """
    series = read_series(folder)
    with tempfile.TemporaryDirectory() as temp:
        tree = pathlib.Path(temp)
        extract(sdist, tree)
        for at, patch in enumerate(series):
            if only and patch.name[:4] not in only:
                continue
            needed = [] if alone(patch) else series[:at]
            wrong = [put(other.text, tree) for other in needed]
            wrong.append(put(patch.part(is_test), tree))
            if any(wrong):
                yield '%s: %s' % (patch.label, next(filter(None, wrong)))
            else:
                yield from test_one(patch, tree, runner)
            touched = {name for other in (*needed, patch)
                       for name in other.files}
            for name in touched:
                (tree / name).unlink(missing_ok=True)
            extract(sdist, tree, touched)


def test_one(patch: Patch, tree: pathlib.Path,
             runner: Runner) -> Iterator[str]:
    """Run a patch's tests in a tree that has them, but not yet its code."""
    tests = touched_tests(patch, tree)
    without = {module: runner.run(tree, module, names)
               for module, names in tests.items()}
    put(patch.part(lambda name: not is_test(name)), tree)
    for module, names in tests.items():
        ran, passed = runner.run(tree, module, names)
        print('%s: %s: %d tests, without it %s, with it %s' % (
            patch.label, module, ran,
            'passed' if without[module][1] else 'FAILED',
            'passed' if passed else 'FAILED'), flush=True)
        if not (passed and ran):
            yield '%s: tests fail with it: %s' % (patch.label, module)
    if all(passed for _ran, passed in without.values()):
        yield '%s: no test fails without it' % patch.label


def test_modules(folder: pathlib.Path, sdist: pathlib.Path,
                 runner: Runner, modules) -> Iterator[str]:
    """Run whole modules of Nova's tests, as released and with all patches."""
    series = read_series(folder)
    with tempfile.TemporaryDirectory() as temp:
        tree = pathlib.Path(temp)
        extract(sdist, tree)
        before = {module: runner.run(tree, module)
                  for module in modules}
        for patch in series:
            wrong = put(patch.text, tree)
            if wrong:
                raise Refusal('%s: %s' % (patch.label, wrong))
        for module in modules:
            ran, passed = runner.run(tree, module)
            print('%s: %s: %d tests, as released %d and %s, with all '
                  'patches %s' % (
                      folder.name, module, ran, before[module][0],
                      'passed' if before[module][1] else 'FAILED',
                      'passed' if passed else 'FAILED'), flush=True)
            if before[module][1] and not passed:
                yield '%s: fails with the patches: %s' % (folder.name, module)
            if ran < before[module][0]:
                yield '%s: fewer tests: %s' % (folder.name, module)
