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

"""``nova-numa-ext tune workers``: workers of Nova's services."""

import os
import re

from oslo_config import cfg
import prettytable

from nova_numa_ext.cmd import nova_conf
from nova_numa_ext.cmd import plans
from nova_numa_ext.compat import api_workers
from nova_numa_ext.conf import opts
from nova_numa_ext.host import item
from nova_numa_ext.tune import marked
from nova_numa_ext.tune import units
from nova_numa_ext.tune import workers

#: Where DevStack and distributions have them.
UWSGI = ('etc/nova/nova-api-uwsgi.ini', 'etc/nova/nova-metadata-uwsgi.ini')
#: Of a WSGIDaemonProcess that does not say.
_MOD_WSGI_THREADS = 15
#: Of a URL of SQLAlchemy's that has something to ask.
_MYSQL = ('mysql', 'mariadb')

_OPTIONS = {
    'DEFAULT': [
        cfg.IntOpt('executor_thread_pool_size', default=64,
                   deprecated_name='rpc_thread_pool_size'),
        cfg.IntOpt('rpc_conn_pool_size', default=30),
    ],
    'database': [
        cfg.StrOpt('connection', secret=True),
        cfg.IntOpt('max_pool_size'),
        cfg.IntOpt('max_overflow'),
    ],
    'api_database': [
        cfg.IntOpt('max_pool_size'),
        cfg.IntOpt('max_overflow'),
    ],
    workers.CONDUCTOR: [cfg.IntOpt('workers')],
    workers.SCHEDULER: [cfg.IntOpt('workers')],
    opts.GROUP.name: [
        option for option in opts.OPTS if option.name.endswith('_workers')],
}
_NUMBERS = {
    'cores': 'of this host, whatever /sys says',
    'memory': 'MiB of this host, whatever /proc says',
    'controllers': 'hosts like this one that share the database (1)',
    'cells': 'cells, cell0 left out (1)',
    'max_connections': 'what the database lets in; it is asked by default',
    'other_connections': 'of these, what others than Nova may take (0)',
    'broker_connections': 'what the broker lets in',
}
_WISHES = (*(f'{name}_workers' for name in workers.KINDS), *_NUMBERS,
           'uwsgi', 'mod_wsgi')


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'workers',
        help="how many workers Nova's services should have",
        description="Says how many workers nova-conductor, nova-scheduler and "
        "Nova's API should have on this host, and why; --write sets them, "
        '--revert takes it back. Exits with 1 where the host is not as it '
        'should be after --check or --write, and with 2 where there is no '
        'plan, or it cannot be carried out.')
    plans.add_arguments(parser, 'Nova')
    for name in workers.KINDS:
        parser.add_argument(
            f'--{name}-workers', metavar='auto|N',
            help=f'[numa_ext] {name}_workers, whatever nova.conf says')
    for name, said in _NUMBERS.items():
        parser.add_argument(
            f'--{name.replace("_", "-")}', type=_number, metavar='N',
            help=said)
    parser.add_argument(
        '--uwsgi', action='append', default=[], metavar='FILE',
        help="a file of uWSGI's that starts Nova's API; may be given several "
        'times; by default ' + ' and '.join(f'/{path}' for path in UWSGI))
    parser.add_argument(
        '--mod-wsgi', action='append', default=[], metavar='FILE',
        help="a file of Apache's with its WSGIDaemonProcess; likewise")
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Do what is asked and return the exit status."""
    here = arguments.root == '/'
    return plans.run(
        arguments, 'workers', _WISHES,
        lambda look, wished: _plan(look, wished, arguments.config_file, here))


def _plan(look, wished, files, here):
    try:
        conf = nova_conf.read(files, here, _OPTIONS)
    except nova_conf.Unusable as error:
        raise plans.Refused(error) from error
    notes = []
    api = _api_files(look, wished)
    facts = _facts(look, wished, conf, api, here, notes)
    plan = workers.plan(facts, {
        name: _wish(conf, wished, name) for name in workers.KINDS})
    if not api:
        notes.append(
            'No file starts the API here. Where uWSGI or mod_wsgi does, name '
            f'it with --uwsgi or --mod-wsgi; {plan.numbers[workers.API]} are '
            'its processes.')
    return plans.Plan(
        files=workers.drop_ins(plan.numbers, api_workers.known()),
        edits=tuple(units.File(path, change(text, plan.numbers))
                    for path, text, change in api),
        lines=[_table(plan), *plan.sums],
        items=(*_set_elsewhere(conf, plan), *_running(look, plan)),
        notes=[*plan.notes, *notes],
        restart=('nova-conductor', 'nova-scheduler', 'nova-api'),
        plain={
            'workers': plan.numbers,
            'reasons': {row.service: row.reason for row in plan.rows},
            'limits': {row.service: dict(row.limits) for row in plan.rows},
            'sums': list(plan.sums),
        })


def _number(text):
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _wish(conf, wished, name):
    option = f'{name}_workers'
    text = wished[option] or conf[opts.GROUP.name][option]
    try:
        return workers.parse(text)
    except ValueError as error:
        raise plans.Refused(f'{option}: {error}.') from error


def _api_files(look, wished):
    """Return path, text and what changes it of each file of the API."""
    named = [(os.path.abspath(path).lstrip('/'), change)
             for wish, change in (('uwsgi', workers.with_uwsgi),
                                  ('mod_wsgi', workers.with_mod_wsgi))
             for path in wished[wish]]
    if not named:
        named = [(path, workers.with_uwsgi) for path in UWSGI
                 if look.has(path)]
    found = []
    for path, change in named:
        text = plans.text(look, path)
        if text is None:
            raise plans.Refused(f'/{path}: there is no such file.')
        found.append((path, text, change))
    return found


def _api_threads(api):
    found = [1]
    for _path, text, change in api:
        if change is workers.with_uwsgi:
            said = marked.value(text, 'threads', 'uwsgi')
            found.append(int(said) if said and said.isdecimal() else 1)
        else:
            for line in re.findall(
                    r'^\s*WSGIDaemonProcess\s.*$', text, re.MULTILINE):
                said = re.search(r'\sthreads=(\d+)', line)
                found.append(int(said[1]) if said else _MOD_WSGI_THREADS)
    return max(found)


def _facts(look, wished, conf, api, here, notes):
    cores = wished['cores'] or len(
        look.cpus('sys/devices/system/cpu/online') or ())
    memory = wished['memory']
    if not memory:
        total = look.fields('proc/meminfo').get('MemTotal', '0 kB')
        memory = int(total.split()[0]) // 1024
    if not (cores and memory):
        raise plans.Refused(
            f'{look.root} does not tell its cores and its memory: name them '
            'with --cores and --memory.')
    connections = wished['max_connections']
    if connections is None and here:
        connections = max_connections(conf.database.connection, notes)
    return workers.Facts(
        cores=cores,
        memory_mib=memory,
        pool=_pool(conf.database),
        api_pool=_pool(conf.api_database),
        threads=conf.executor_thread_pool_size,
        api_threads=_api_threads(api),
        rpc_pool=conf.rpc_conn_pool_size,
        cells=wished['cells'] or 1,
        controllers=wished['controllers'] or 1,
        connections=connections,
        other_connections=wished['other_connections'] or 0,
        broker_connections=wished['broker_connections'])


def _pool(group):
    """Return how many connections a pool may have, oslo.db's by default."""
    size = 5 if group.max_pool_size is None else group.max_pool_size
    more = 50 if group.max_overflow is None else group.max_overflow
    # No limit: as many as there are threads.
    return size + more if size > 0 and more >= 0 else 1 << 16


def max_connections(url, notes):
    """Ask a database how many connections it lets in.

    :param url: of SQLAlchemy's; one that is no MySQL's has no answer
    :returns: the number; None with a note where there is none
    """
    if not (url or '').startswith(_MYSQL):
        return None
    try:
        import sqlalchemy
        from sqlalchemy import pool
    except ImportError:
        notes.append('This Python has no SQLAlchemy to ask the database with.')
        return None
    try:
        engine = sqlalchemy.create_engine(
            url, poolclass=pool.NullPool,
            connect_args={'connect_timeout': 5})
        with engine.connect() as connection:
            return int(connection.execute(
                sqlalchemy.text('SELECT @@max_connections')).scalar())
    # What is wrong is named without what may have the password in it.
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        notes.append('The database of [database] connection was not asked: '
                     f'{type(error).__name__}.')
        return None


def _set_elsewhere(conf, plan):
    """Yield what nova.conf says itself.

    oslo.config reads a file that --config-file names after the drop-ins.
    """
    for name in (workers.CONDUCTOR, workers.SCHEDULER):
        file = nova_conf.where_set(conf, name, 'workers')
        if file is None:
            continue
        number = plan.numbers[name]
        yield item.Item(
            f'[{name}] workers', f'{conf[name].workers} in {file}',
            f'{number}, or nothing', conf[name].workers == number,
            f'take it out of {file}, which wins over the drop-in where the '
            'service is started with --config-file', True)


def _running(look, plan):
    """Yield how many workers run, of services that do."""
    processes = {}
    for pid in look.numbered('proc'):
        fields = look.fields(f'proc/{pid}/status')
        if fields.get('PPid', '').isdecimal():
            processes[pid] = fields.get('Name', ''), int(fields['PPid'])
    for name in (workers.CONDUCTOR, workers.SCHEDULER):
        found = workers.running(processes, f'nova-{name}')
        if found:
            number = plan.numbers[name]
            yield item.Item(
                f'nova-{name}, running', ', '.join(map(str, found)),
                str(number), set(found) == {number},
                f'restart nova-{name} when it is written', True)


def _table(plan):
    drawn = prettytable.PrettyTable(['service', 'workers', 'because'])
    drawn.align = 'l'
    drawn.max_width = 50
    for row in plan.rows:
        drawn.add_row([row.service, row.workers, row.reason])
    return str(drawn)
