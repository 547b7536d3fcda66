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

"""The command ``nova-numa-ext-status``, after ``nova-status``.

It runs on a compute host, before nova-compute is restarted there. It may run
in another Python than nova-compute, which is one of the faults it is there to
find: what nova-compute would see, it asks the interpreter of nova-compute.
"""

from importlib import metadata
import json
import os
import shlex
import shutil
import site
import sys

from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

import nova_numa_ext
from nova_numa_ext.compat import release

DISTRIBUTION = 'nova-numa-ext'

# Run by nova-compute's Python: what nova-compute does before it loads the
# driver. Prints JSON on the last line.
PROBE = """
import importlib, json, os, sys, sysconfig
from importlib import metadata

def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

entry_points = metadata.entry_points()
if hasattr(entry_points, 'select'):
    group = entry_points.select(group='os_vif')
else:
    group = entry_points.get('os_vif', ())
facts = {
    'nova': version('nova'),
    'extension': version('nova-numa-ext'),
    'entry_point': any(e.name == 'nova_numa_ext' for e in group),
    'managed': sys.prefix == sys.base_prefix and os.path.exists(os.path.join(
        sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED')),
    'error': None,
}
if facts['nova'] and facts['entry_point']:
    try:
        importlib.import_module('nova.cmd.compute')
        importlib.import_module('os_vif').initialize()
        importlib.import_module('nova.virt.numa_ext')
    except Exception as exc:
        facts['error'] = '%s: %s' % (type(exc).__name__, exc)
print()
print(json.dumps(facts))
"""


def nova_compute():
    """The nova-compute of this host: in PATH, else beside this command.

    :returns: its path; None where there is none
    """
    return shutil.which('nova-compute') or shutil.which(
        'nova-compute', path=os.path.dirname(sys.executable))


def interpreter(command):
    """The interpreter of a console script, with its options.

    :param command: path of the script
    :returns: the words before the script's name; None where the file is not a
        script that a Python runs
    """
    with open(command, 'rb') as script:
        lines = [line.decode(errors='replace').rstrip('\n')
                 for line in script.readlines(1024)[:2]]
    if not lines or not lines[0].startswith('#!'):
        return None
    words = shlex.split(lines[0][2:])
    # pip writes a path that is too long for a #! line into the second line,
    # which sh reads as: 'exec' /the/path "$0" "$@"
    if words and os.path.basename(words[0]) == 'sh' and len(lines) == 2:
        if lines[1].startswith("'''exec' "):
            words = shlex.split(lines[1])[1:-2]
    elif words and os.path.basename(words[0]) == 'env':
        words = [shutil.which(words[-1]) or words[-1]]
    if words and os.path.basename(words[0]).startswith(('python', 'pypy')):
        return words
    return None


class Checks(upgradecheck.UpgradeCommands):
    """Checks for ``nova-numa-ext-status upgrade check``."""

    def __init__(self, conf):
        self.conf = conf
        self._probed = {}

    def _probe(self, python):
        """What a Python says of Nova and of this package.

        :param python: the interpreter and its options
        :returns: a dict, see PROBE
        :raises: ProcessExecutionError
        """
        key = tuple(python)
        if key not in self._probed:
            # -E, -s and cwd: neither this shell's PYTHONPATH, nor what this
            # user installed for himself, nor this folder is nova-compute's,
            # unless the user installed that too for himself.
            options = ['-E']
            own = os.path.join(site.getuserbase(), '')
            if not (nova_compute() or '').startswith(own):
                options.append('-s')
            out, _err = processutils.execute(
                *python, *options, '-c', PROBE, cwd='/')
            self._probed[key] = json.loads(out.splitlines()[-1])
        return self._probed[key]

    def _python(self):
        """nova-compute's interpreter; this one where there is none."""
        command = nova_compute()
        return (command and interpreter(command)) or [sys.executable]

    def _check_release(self):
        """The Nova that nova-compute runs is one we are made for."""
        python = self._python()
        version = self._probe(python)['nova']
        if version is None:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'There is no Nova in %s. Run this command on a compute host, '
                'with nova-compute in PATH.' % python[0])
        reason = release.unsupported(version)
        if reason is None:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        if self.conf.numa_ext.allow_untested_nova:
            return upgradecheck.Result(
                upgradecheck.Code.WARNING,
                reason + ' It is allowed by [numa_ext] allow_untested_nova.')
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            reason + ' Install a release of nova-numa-ext for it, or set '
            '[numa_ext] allow_untested_nova = true.')

    def _check_loader(self):
        """nova-compute finds the driver: its Python, asked as it would."""
        command = nova_compute()
        if command is None:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'There is no nova-compute in PATH. Run this command on a '
                'compute host; where Nova is in a virtual environment, with '
                'its bin folder first in PATH.')
        python = interpreter(command)
        if python is None:
            return upgradecheck.Result(
                upgradecheck.Code.WARNING,
                '%s is not a Python script, so nothing says which Python '
                'nova-compute runs in. Put the folder of the real '
                'nova-compute first in PATH.' % command)
        facts = self._probe(python)
        if facts['extension'] is None:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'nova-compute runs in %s, where nova-numa-ext is not '
                'installed. Run: %s' % (python[0], _pip(python, facts)))
        if not facts['entry_point']:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'nova-numa-ext in %s has no os_vif entry point, so '
                'nova-compute does not load it. Run: %s' % (
                    python[0],
                    _pip(python, facts, '--force-reinstall', '--no-deps')))
        if facts['error'] is not None:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                '%s cannot load the driver. %s' % (
                    python[0], facts['error']))
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    def _check_compute_driver(self):
        """nova.conf names the driver, and spells it right."""
        configured = self.conf.compute_driver
        right = nova_numa_ext.COMPUTE_DRIVER
        if configured == right:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        files = self.conf.config_file or []
        source = ' (read from %s)' % ', '.join(files) if files else (
            ' (no configuration file found: name yours with --config-file)')
        remedy = 'set [DEFAULT] compute_driver = %s' % right
        if configured and 'numa' in configured.lower():
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'nova-compute does not find compute_driver = %s%s: %s.'
                % (configured, source, remedy))
        return upgradecheck.Result(
            upgradecheck.Code.WARNING,
            'compute_driver is %s%s, so nova-numa-ext is not in use. To use '
            'it, %s.' % (configured or 'not set', source, remedy))

    _upgrade_checks = (
        ('Nova release', _check_release),
        ('Driver loader', _check_loader),
        ('Compute driver', _check_compute_driver),
    )


def _pip(python, facts, *options):
    """The command that installs this distribution into another Python."""
    if facts['managed']:
        options += ('--break-system-packages',)
    return ' '.join(shlex.quote(word) for word in (
        python[0], '-m', 'pip', 'install') + options + (_requirement(),))


def _requirement():
    """Where this distribution came from, in pip's words."""
    distribution = metadata.distribution(DISTRIBUTION)
    # PEP 610: there where it was installed from a wheel or a folder.
    origin = distribution.read_text('direct_url.json')
    if origin:
        return json.loads(origin)['url']
    return '%s==%s' % (DISTRIBUTION, distribution.version)


def main():
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt('compute_driver')])
    conf.register_opts([cfg.BoolOpt('allow_untested_nova', default=False)],
                       group='numa_ext')
    # The files that nova-compute reads when it is told nothing else.
    files = cfg.find_config_files('nova', 'nova-compute')
    return upgradecheck.main(conf, 'nova', Checks(conf), argv=sys.argv[1:],
                             default_config_files=files)


if __name__ == '__main__':
    sys.exit(main())
