# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The daemons of a cloud, one function each."""

import dataclasses
import pathlib
import shutil
import socket
import urllib.error
import urllib.request

import amqp
from kombu import connection as kombu_connection
import libvirt

from tools.demo import configuration
from tools.demo import databases
from tools.demo import installed
from tools.demo import processes

# What in-debian runs in.
DEBIAN = 'debian'


def answers(url):
    """Whether an API serves there; an error of its own (5xx) does not."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def folder(path, user=''):
    path.mkdir(parents=True, exist_ok=True)
    if user:
        shutil.chown(path, user, user)
    return path


def mariadb(cloud, values):
    config = configuration.write(cloud, 'mariadb.cnf', values)
    configuration.write(cloud, 'init.sql', values)
    folder(config.parent, 'mysql')
    folder(cloud.run / 'mariadb', 'mysql')
    databases.once(
        cloud, 'mariadb', '', lambda: _install_mariadb(cloud, config)
    )
    port = cloud.port('mariadb')
    return processes.Service(
        name='mariadb',
        command=['/usr/sbin/mariadbd', f'--defaults-file={config}'],
        ready=lambda: processes.port_open(port),
        files=(config,),
        port=port,
    )


def _install_mariadb(cloud, config):
    data = cloud.dir / 'mariadb'
    shutil.rmtree(data, ignore_errors=True)
    folder(data, 'mysql')
    cloud.processes.command(
        'mariadb',
        [
            'mariadb-install-db',
            f'--defaults-file={config}',
            '--skip-test-db',
            '--auth-root-authentication-method=socket',
            '--skip-name-resolve',
        ],
    )


def epmd(cloud, values):
    port = cloud.port('epmd')
    return processes.Service(
        name='epmd',
        command=['epmd', '-port', port, '-address', '127.0.0.1'],
        ready=lambda: processes.port_open(port),
        user='rabbitmq',
        port=port,
    )


def rabbitmq(cloud, values):
    config = configuration.write(cloud, 'rabbitmq.conf', values)
    folder(config.parent, 'rabbitmq')
    home = folder(cloud.dir / 'rabbitmq', 'rabbitmq')
    port = cloud.port('rabbitmq')
    plugins = config.parent / 'enabled_plugins'
    plugins.write_text('[].\n')
    return processes.Service(
        name='rabbitmq',
        command=['/usr/lib/rabbitmq/bin/rabbitmq-server'],
        ready=lambda: processes.port_open(port),
        env={
            'HOME': str(home),
            'ERL_EPMD_PORT': str(cloud.port('epmd')),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_CONF_ENV_FILE': str(config.parent / 'none.conf'),
            'RABBITMQ_CONFIG_FILE': str(config),
            'RABBITMQ_ADVANCED_CONFIG_FILE': str(
                config.parent / 'advanced.config'
            ),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(plugins),
            'RABBITMQ_NODENAME': f'numa-ext-demo-{port}@localhost',
            'RABBITMQ_DIST_PORT': str(cloud.port('rabbitmq-dist')),
            'RABBITMQ_MNESIA_BASE': str(home / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(home / 'log'),
            'RABBITMQ_LOGS': '-',
            # Busy waiting of its schedulers is CPU taken from the rest.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '+sbwt none +sbwtdcpu none'
            ' +sbwtdio none',
        },
        user='rabbitmq',
        files=(config,),
        port=port,
    )


def memcached(cloud, values):
    port = cloud.port('memcached')
    return processes.Service(
        name='memcached',
        command=[
            '/usr/bin/memcached',
            *('-l', '127.0.0.1', '-p', port, '-U', 0, '-m', 64),
            *('-u', 'nobody'),
        ],
        ready=lambda: processes.port_open(port),
        port=port,
    )


def _uwsgi(cloud, name, files, env, path='/'):
    port = cloud.port(name)
    log_name = 'nova-api' if name == 'nova' else name
    # Eventlet's locks are of one thread.
    workers = (4, 1) if installed.green(name) else (1, 8)
    return processes.Service(
        name=log_name,
        command=[
            cloud.bin / 'uwsgi',
            *('--http-socket', f'127.0.0.1:{port}'),
            *installed.uwsgi(cloud.venv),
            *installed.application(name, cloud.bin),
            *('--processes', workers[0], '--threads', workers[1]),
            *('--buffer-size', 65535),
            *('--add-header', 'Connection: close'),
            '--master',
            '--die-on-term',
            '--lazy-apps',
            '--need-app',
            '--enable-threads',
            '--disable-logging',
        ],
        ready=lambda: answers(cloud.url(name) + path),
        env=env,
        # The environment may have been made anew under the process.
        files=(*files, cloud.venv / 'stamp'),
        port=port,
    )


def keystone(cloud, values):
    config = cloud.etc / 'keystone' / 'keystone.conf'
    return _uwsgi(
        cloud,
        'keystone',
        [config],
        {'OS_KEYSTONE_CONFIG_FILES': str(config)},
        path='/v3',
    )


def placement(cloud, values):
    config = cloud.etc / 'placement' / 'placement.conf'
    return _uwsgi(
        cloud,
        'placement',
        [config],
        {'OS_PLACEMENT_CONFIG_DIR': str(config.parent)},
    )


def glance(cloud, values):
    config = cloud.etc / 'glance' / 'glance-api.conf'
    # Older releases look for it beside the configuration.
    paste = config.with_name('glance-api-paste.ini')
    shutil.copy(
        installed.defaults(cloud.venv) / 'glance' / paste.name, paste
    )
    return _uwsgi(
        cloud,
        'glance',
        [config, paste],
        {'OS_GLANCE_CONFIG_DIR': str(config.parent)},
    )


def neutron(cloud, values):
    config = cloud.etc / 'neutron' / 'neutron.conf'
    return _uwsgi(
        cloud,
        'neutron',
        [config],
        {'OS_NEUTRON_CONFIG_FILES': str(config)},
    )


def nova_files(cloud, *names):
    return [cloud.etc / 'nova' / name for name in names]


def nova_api(cloud, values):
    files = nova_files(cloud, 'nova.conf', 'nova-database.conf')
    # The first of them is taken for the description of the pipeline.
    paste = installed.defaults(cloud.venv) / 'nova' / 'api-paste.ini'
    return _uwsgi(
        cloud,
        'nova',
        files,
        {'OS_NOVA_CONFIG_FILES': ';'.join(map(str, [paste, *files]))},
    )


def consumed(cloud, queue):
    """Whether somebody takes messages from a queue of the message bus."""
    # Not oslo.messaging's URL as it stands: its path means the default host.
    url = f'amqp://openstack:{cloud.password("messaging")}@127.0.0.1'
    try:
        with kombu_connection.Connection(
            f'{url}:{cloud.port("rabbitmq")}//', connect_timeout=5
        ) as connection:
            channel = connection.channel()
            found = channel.queue_declare(queue, passive=True)
    except (OSError, amqp.AMQPError):
        return False
    return found.consumer_count > 0


def _nova(cloud, name, queue, files, more=()):
    command = [cloud.bin / name]
    for path in files:
        command += ['--config-file', path]
    return processes.Service(
        name=name,
        command=command,
        ready=lambda: consumed(cloud, queue),
        env={'PATH': f'{cloud.bin}:{processes.base_env()["PATH"]}'},
        files=(*files, cloud.venv / 'stamp', *more),
        # A compute host without tasks still takes half a minute to end.
        stop_seconds=5,
    )


def nova_conductor(cloud, values):
    files = nova_files(cloud, 'nova.conf', 'nova-database.conf')
    return _nova(cloud, 'nova-conductor', 'conductor', files)


def nova_scheduler(cloud, values):
    files = nova_files(cloud, 'nova.conf', 'nova-database.conf')
    return _nova(cloud, 'nova-scheduler', 'scheduler', files)


def nova_compute(cloud, values):
    files = nova_files(cloud, 'nova.conf', 'nova-compute.conf')
    host = socket.gethostname()
    # A driver that was edited wants a new process.
    ours = sorted((cloud.checkout / 'nova_numa_ext').rglob('*.py'))
    service = _nova(cloud, 'nova-compute', f'compute.{host}', files, ours)
    return dataclasses.replace(
        service, env={**service.env, **concurrency(cloud)}
    )


def concurrency(cloud):
    """What has nova-compute run as asked for; as it would where it is not."""
    if not cloud.concurrency:
        return {}
    threading = str(cloud.concurrency == 'threading').lower()
    # Of all releases that have both, and before what configuration says.
    return {'OS_NOVA_DISABLE_EVENTLET_PATCHING': threading}


def cgroups_writable():
    """Whether libvirt could make groups for guests here."""
    root = pathlib.Path('/sys/fs/cgroup')
    unified = root / 'cgroup.controllers'
    if unified.exists():
        places = [root]
    else:
        places = [root / name for name in ('cpu', 'cpuset', 'devices')]
    for place in places:
        trial = place / 'numa-ext-demo-trial'
        try:
            trial.mkdir()
            trial.rmdir()
        except OSError:
            return False
    return True


def libvirtd(cloud, values):
    controllers = '' if cgroups_writable() else 'cgroup_controllers = []'
    # The /dev that libvirt makes for a guest is empty in a chroot.
    namespaces = 'namespaces = []' if cloud.release == DEBIAN else ''
    files = (
        configuration.write(cloud, 'libvirtd.conf', values),
        configuration.write(
            cloud,
            'qemu.conf',
            values,
            cgroup_controllers=controllers,
            namespaces=namespaces,
        ),
    )
    folder(cloud.run / 'libvirt')
    for name in ('lib', 'cache', 'log'):
        folder(cloud.dir / 'libvirt' / name)
    return processes.Service(
        name='libvirtd',
        command=[
            pathlib.Path(__file__).parent / 'libvirtd-private',
            cloud.dir,
        ],
        ready=lambda: _libvirt_answers(cloud),
        files=files,
    )


def _libvirt_answers(cloud):
    libvirt.registerErrorHandler(lambda context, error: None, None)
    if not cloud.libvirt_socket.exists():
        return False
    try:
        libvirt.open(cloud.libvirt_uri).close()
    except libvirt.libvirtError:
        return False
    return True
