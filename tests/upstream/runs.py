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

"""Runs of Nova's tests: which, where their results are, and when again."""

import concurrent.futures
import hashlib
import importlib.util
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

from tests.upstream import results
from tests.upstream import verdict

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / '.upstream'
OURS = 'tests.upstream.ours'

#: Patterns of the modules of tests, below nova/tests.
MODULES = (
    'unit/virt/libvirt/test_driver.py',
    'unit/compute/test_compute_mgr.py',
    'unit/virt/libvirt/test_*.py',
    'unit/virt/libvirt/cpu/test_*.py',
    'unit/virt/libvirt/storage/test_*.py',
    'unit/virt/libvirt/volume/test_*.py',
    'unit/virt/test_hardware.py',
    'unit/virt/test_virt_drivers.py',
    'unit/compute/test_resource_tracker.py',
    'unit/compute/test_claims.py',
    'functional/libvirt/test_*.py',
)

#: Seconds: for one test, and for a module.
TEST_LIMIT = 300
MODULE_LIMIT = 3600


def nova_folder():
    """Return where Nova is installed, without importing it."""
    spec = importlib.util.find_spec('nova')
    if spec is None:
        raise SystemExit('Nova is not installed in this environment.')
    return pathlib.Path(next(iter(spec.submodule_search_locations)))


def modules(only=''):
    """Return the modules of tests that this Nova has, the longest first.

    :param only: a regular expression, searched in the module's name
    """
    nova = nova_folder()
    found = {}
    for pattern in MODULES:
        for path in sorted((nova / 'tests').glob(pattern)):
            parts = path.relative_to(nova.parent).with_suffix('').parts
            found['.'.join(parts)] = path
    return {name: path for name, path in found.items()
            if re.search(only, name)}


def _digest(*parts):
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            part = part.read_bytes()
        found.update(part if isinstance(part, bytes) else part.encode())
        found.update(b'\0')
    return found.hexdigest()


class Run:
    """The tests of one release in one mode, with Nova's classes or ours.

    Each module has a file of results, one of what it wrote, and one that
    says what they are results of.
    """

    def __init__(self, nova, mode, classes=None, results_in=RESULTS):
        self.name = 'ours' if classes else 'stock'
        self.mode = mode
        self.classes = classes
        self.folder = (pathlib.Path(results_in) / f'nova-{nova}-{mode}'
                       / self.name)
        folder = pathlib.Path(__file__).parent
        parts = [ROOT / f'locks/nova-{nova}.txt', folder / 'worker.py',
                 mode, platform.python_version()]
        if classes:
            parts += [classes, folder / 'ours.py', folder / 'stand_in.py',
                      *sorted((ROOT / 'nova_numa_ext').rglob('*.py'))]
        self._key = _digest(*parts)

    def path(self, module, suffix='subunit'):
        return self.folder / f'{module}.{suffix}'

    def key(self, path):
        return _digest(self._key, path)

    def is_kept(self, module, path):
        """Return whether there are whole results of what is there now."""
        key = self.path(module, 'key')
        return key.exists() and key.read_text() == self.key(path)

    def outcomes(self, module):
        path = self.path(module)
        return results.read(path) if path.exists() else {}

    def run(self, module, path):
        """Run a module's tests in a process of their own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        key = self.path(module, 'key')
        key.unlink(missing_ok=True)
        self.path(module).unlink(missing_ok=True)
        notes = self.path(module, 'overrides')
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        environment = {
            **os.environ,
            'LC_ALL': 'C.UTF-8',
            'OS_STDOUT_CAPTURE': '1',
            'OS_STDERR_CAPTURE': '1',
            'OS_TEST_TIMEOUT': str(TEST_LIMIT),
            'OS_NOVA_DISABLE_EVENTLET_PATCHING':
                'true' if self.mode == 'threading' else 'false',
        }
        command = [
            sys.executable, '-m', 'tests.upstream.worker', module,
            str(self.path(module)), str(notes)]
        if self.classes:
            command.append(self.classes)
        with open(self.path(module, 'log'), 'wb') as log:
            try:
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, stdout=log,
                    stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                    timeout=MODULE_LIMIT, check=False).returncode
            except subprocess.TimeoutExpired:
                done = None
        # What was cut short is run again the next time.
        if done == 0:
            key.write_text(self.key(path))

    def overrides(self, selected):
        """Return the names of all overrides, and of those that ran."""
        known, ran = set(), set()
        for module in selected:
            for path in self.path(module, 'overrides').glob('*'):
                names = path.read_text().split()
                (known if path.name == 'all' else ran).update(names)
        return known, ran


def run_all(runs, selected, resume, jobs):
    """Run what there are no results of; those of Nova's classes are kept.

    :param runs: the Run of Nova's classes, and that of ours
    :param selected: modules and their files
    :param resume: keep also results of ours that nothing changed since
    :returns: how many modules' results on Nova's classes were kept
    """
    kept = 0
    wanted = []
    for run in runs:
        for module, path in selected.items():
            if (not run.classes or resume) and run.is_kept(module, path):
                kept += not run.classes
            else:
                wanted.append((run, module, path))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = {}
        for run, module, path in wanted:
            waiting[pool.submit(_timed, run, module, path)] = run, module
        for number, done in enumerate(
                concurrent.futures.as_completed(waiting), 1):
            run, module = waiting[done]
            outcomes = run.outcomes(module)
            print(f'{number}/{len(wanted)} {run.name} {module}: '
                  f'{results.passed(outcomes)} passed, '
                  f'{results.bad(outcomes)} failed, {done.result():.0f} s',
                  file=sys.stderr, flush=True)
    return kept


def _timed(run, module, path):
    start = time.monotonic()
    run.run(module, path)
    return time.monotonic() - start


def compared(stock, ours, selected):
    """Return what was run of the selected modules, to be judged."""
    return [
        verdict.Module(name, stock.outcomes(name), ours.outcomes(name))
        for name in selected]
