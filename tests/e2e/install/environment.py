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

"""Machines to install this package into: virtual environments and a Debian.

Everything is in temporary folders. Where packages come from is what pip, uv
and apt of this machine are configured with.
"""

import atexit
import configparser
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv

from tools import debian

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
LOCK = os.path.join(ROOT, 'locks', 'nova-34.txt')

NOVA_CONF = """
[DEFAULT]
host = install-test
transport_url = fake:/
state_path = %(state)s
compute_driver = %(driver)s
[oslo_concurrency]
lock_path = %(state)s
[libvirt]
virt_type = qemu
"""


class CommandFailed(Exception):

    def __init__(self, result):
        super().__init__('%s: exit code %s\n%s' % (
            ' '.join(result.args), result.returncode, result.stdout))


def outer_env(**variables):
    """This process's environment, without what is for its own Python."""
    env = dict(os.environ, **variables)
    for name in ('VIRTUAL_ENV', 'PYTHONPATH', 'PYTHONHOME'):
        env.pop(name, None)
    return env


def run(*argv, check=True, env=None, cwd='/'):
    """Run a command; its output and errors together are in .stdout.

    :raises: CommandFailed where it fails and ``check`` is true
    """
    result = subprocess.run(argv, env=outer_env() if env is None else env,
                            cwd=cwd, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if check and result.returncode:
        raise CommandFailed(result)
    return result


@functools.lru_cache(maxsize=None)
def scratch():
    """A folder that is there until the tests end."""
    path = tempfile.mkdtemp(prefix='numa-ext-install-')
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    os.chmod(path, 0o755)
    return path


@functools.lru_cache(maxsize=None)
def bootstrap():
    """The folder of uv, and of a pip that works on other environments."""
    return run(os.path.join(ROOT, 'tools', 'venv.sh'),
               'bootstrap').stdout.splitlines()[-1]


def uv(*argv, **kwargs):
    return run(os.path.join(bootstrap(), 'uv'), *argv, **kwargs)


def version():
    """The version of this package that is being made."""
    setup = configparser.ConfigParser()
    setup.read(os.path.join(ROOT, 'setup.cfg'))
    return setup['metadata']['version']


def build_env():
    return outer_env(PBR_VERSION=version())


@functools.lru_cache(maxsize=None)
def source(name):
    """A copy of this checkout without what git ignores.

    What an earlier build or run left in a folder would get into the wheel.

    :param name: of the folder; one for each that is built in or imported from
    """
    path = os.path.join(scratch(), name)
    names = run('git', 'ls-files', '-z', '--cached', '--others',
                '--exclude-standard', cwd=ROOT).stdout.split('\0')
    for name in filter(None, names):
        original = os.path.join(ROOT, name)
        if os.path.isfile(original):
            copy = os.path.join(path, name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(original, copy)
    return path


@functools.lru_cache(maxsize=None)
def wheel():
    """The wheel of this package, built with the environment of the tests."""
    path = os.path.join(scratch(), 'wheel')
    run(os.path.join(bootstrap(), 'python'), '-m', 'pip', '--python',
        sys.executable, 'wheel', '--no-deps', '--no-build-isolation',
        '--wheel-dir', path, source('wheel-source'), env=build_env())
    (name,) = os.listdir(path)
    return os.path.join(path, name)


class Environment:
    """A Python, the nova-compute that runs in it, and a nova.conf."""

    python = None
    nova_compute = None
    # Where nova.conf and its like are, as a command run here sees it.
    state = None
    # What is before such a path outside.
    root = ''

    def run(self, *argv, **kwargs):
        raise NotImplementedError()

    def pip(self, *argv, **kwargs):
        return self.run(self.python, '-m', 'pip', *argv, **kwargs)

    def packages(self):
        """Name and version of every distribution that pip sees."""
        out = self.pip('list', '--format', 'json').stdout
        (line,) = (line for line in out.splitlines() if line.startswith('['))
        return {package['name']: package['version']
                for package in json.loads(line)}

    def configure(self, driver='numa_ext.NumaLibvirtDriver'):
        """Write nova.conf; its path, for commands run here."""
        path = os.path.join(self.state, 'nova.conf')
        os.makedirs(self.root + self.state, exist_ok=True)
        with open(self.root + path, 'w') as f:
            f.write(NOVA_CONF % {'driver': driver, 'state': self.state})
        return path

    def start(self, driver='numa_ext.NumaLibvirtDriver'):
        """Start nova-compute up to its driver.

        :returns: what start_nova_compute.py reports, or None where
            nova-compute exits with an error; and its log
        """
        config = self.configure(driver)
        script = os.path.join(self.state, 'start_nova_compute.py')
        shutil.copy(os.path.join(os.path.dirname(__file__),
                                 'start_nova_compute.py'), self.root + script)
        result = self.run(self.python, script, self.nova_compute,
                          '--config-file', config, check=False)
        lines = result.stdout.splitlines()
        report = None
        if result.returncode == 0:
            (line,) = (line for line in lines if line.startswith('{"class"'))
            report = json.loads(line)
        return report, result.stdout


def upgrade_check(environment, *command, **kwargs):
    """Run nova-numa-ext-status upgrade check.

    :returns: its exit code, and {check: (code, details)}
    """
    result = environment.run(*command, 'upgrade', 'check', '--json',
                             check=False, **kwargs)
    lines = [line for line in result.stdout.splitlines()
             if line.startswith('{')]
    if not lines:
        raise CommandFailed(result)
    return result.returncode, {
        check['check']: (check['result'], check['details'])
        for check in json.loads(lines[-1])['checks']}


class VirtualEnvironment(Environment):
    """A virtual environment, with pip, as python3 -m venv makes it."""

    def __init__(self, name):
        path = os.path.join(scratch(), name)
        # Not of the tests' own virtual environment, but of its Python.
        venv.EnvBuilder(with_pip=True, symlinks=True).create(path)
        self.bin = os.path.join(path, 'bin')
        self.python = os.path.join(self.bin, 'python')
        self.nova_compute = os.path.join(self.bin, 'nova-compute')
        self.state = os.path.join(path, 'state')

    def run(self, *argv, env=None, **kwargs):
        env = outer_env() if env is None else env
        env['PATH'] = self.bin + os.pathsep + env['PATH']
        return run(*argv, env=env, **kwargs)

    def install_locked(self):
        """Nova and its dependencies, from the lock.

        An editable Nova of the same version is replaced.
        """
        uv('pip', 'install', '--quiet', '--python', self.python,
           '--require-hashes', '--reinstall-package', 'nova',
           '--build-constraints',
           os.path.join(ROOT, 'locks', 'build.txt'), '-r', LOCK)

    def install_editable_nova(self):
        """Nova's source in place of the Nova that is installed.

        :returns: the folder of the source
        """
        with open(LOCK) as f:
            pin = re.search(r'^nova==.*(?<=\\)\n(?:.*\\\n)*.*\n', f.read(),
                            re.MULTILINE).group()
        requirement = os.path.join(scratch(), 'nova.txt')
        with open(requirement, 'w') as f:
            f.write(pin)
        release = re.match(r'nova==(\S+)', pin).group(1)
        self.pip('download', '--quiet', '--no-deps', '--no-build-isolation',
                 '--no-binary', 'nova', '--require-hashes',
                 '-r', requirement, '--dest', scratch())
        name = 'nova-' + release
        path = os.path.join(scratch(), name)
        shutil.unpack_archive(path + '.tar.gz', scratch())
        self.run(self.python, '-m', 'pip', 'uninstall', '--yes', 'nova')
        self.run(self.python, '-m', 'pip', 'install', '--quiet', '--no-deps',
                 '--no-build-isolation', '-e', path,
                 env=outer_env(PBR_VERSION=release))
        return path

    def install_editable(self, path):
        """This package from its source, as DevStack installs plug-ins."""
        self.run(self.python, '-m', 'pip', 'install', '--quiet', '--no-deps',
                 '--no-build-isolation', '-e', path, env=build_env())


class Debian(Environment):
    """Debian 12 with its own nova-compute package, in a folder.

    Each command runs in mount and PID namespaces of its own: nothing stays
    mounted or running when it ends, however it ends.
    """

    python = '/usr/bin/python3'
    nova_compute = '/usr/bin/nova-compute'
    state = '/tmp/nova'
    namespaces = ('unshare', '--mount', '--pid', '--fork', '--kill-child',
                  '--mount-proc')

    def __init__(self):
        self.root = os.path.join(scratch(), 'debian')
        sources = os.path.join(scratch(), 'sources.list')
        with open(sources, 'w') as f:
            f.write(debian.sources())
        options = [option for line in debian.apt_options()
                   for option in ('--aptopt', line)]
        # Without its bytecode a package is installed in half the time.
        no_bytecode = ('chroot "$1" dpkg-divert --local --quiet --no-rename '
                       '--add /usr/bin/py3compile && '
                       'ln -s /bin/true "$1/usr/bin/py3compile"')
        command = self.namespaces + (
            'mmdebstrap', '--mode=root', '--variant=apt',
            '--include=nova-compute,python3-pip',
            '--dpkgopt=force-unsafe-io', '--essential-hook', no_bytecode,
            *options, 'bookworm', self.root)
        if os.path.getsize(sources):
            command += (sources,)
        run(*command)
        os.makedirs(self.root + self.state)

    @staticmethod
    def why_not():
        """Why there can be no such Debian here; None where there can."""
        if os.geteuid() != 0:
            return 'a Debian in a folder is made by root'
        for command in ('mmdebstrap', 'unshare', 'chroot'):
            if shutil.which(command) is None:
                return '%s is not installed' % command
        trial = run(*Debian.namespaces, 'true', check=False)
        if trial.returncode:
            return 'no namespaces for mounts: %s' % trial.stdout.strip()
        return None

    def run(self, *argv, **kwargs):
        env = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:'
                       '/sbin:/bin',
               'HOME': '/root', 'LANG': 'C.UTF-8'}
        mount = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return run(*self.namespaces, '/bin/sh', '-c', mount, self.root, *argv,
                   env=env, **kwargs)

    def put(self, path):
        """Copy a file here; its path, for commands run here."""
        copy = os.path.join('/tmp', os.path.basename(path))
        shutil.copy(path, self.root + copy)
        return copy
