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

import json
import os
import pathlib

import fixtures
from oslo_config import cfg
import testtools

from nova_numa_ext.cmd import workers
from nova_numa_ext.tune import workers as tune
from tests.unit.cmd import files

CONDUCTOR = 'etc/nova/nova-conductor.conf.d/50-nova-numa-ext.conf'
SCHEDULER = 'etc/nova/nova-scheduler.conf.d/50-nova-numa-ext.conf'
UWSGI = 'etc/nova/nova-api-uwsgi.ini'
ENOUGH = ('--max-connections', '2000', '--broker-connections', '2000')


class WorkersTest(files.HostTest):

    command = workers

    def setUp(self):
        super().setUp()
        self.put('sys/devices/system/cpu/online', '0-7\n')
        self.put('proc/meminfo', 'MemTotal:  16384000 kB\nMemFree: 1 kB\n')
        self.put(UWSGI, '[uwsgi]\nprocesses = 2\n')
        self.knows(False)

    def knows(self, options):
        """Have Nova know workers of its API, or not."""
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.compat.api_workers.known', lambda: options))

    def plain(self, *arguments):
        status, said, complained = self.run_command(*arguments, '--json')
        self.assertEqual((0, ''), (status, complained))
        return json.loads(said)

    def numbers(self, *arguments):
        found = self.plain(*ENOUGH, *arguments)['workers']
        return found['conductor'], found['scheduler'], found['api']

    def test_the_plan(self):
        before = self.files()
        status, said, complained = self.run_command(*ENOUGH)
        self.assertEqual((0, ''), (status, complained))
        self.assertRegex(said, r'\| conductor +\| 4 +\| one for two cores')
        self.assertIn('conductor 4 x 110 + scheduler 2 x 110 + api 8 x 3 = '
                      '684; with 20% to spare 821.\n', said)
        self.assertIn(f"""
/{CONDUCTOR}: not there, wanted:
    # Written by "nova-numa-ext tune workers --write", removed by
    # "nova-numa-ext tune workers --revert".

    [conductor]
    workers = 4
""", said)
        self.assertIn(f"""
/{UWSGI}: another text, wanted:
    # BEGIN nova-numa-ext
    processes = 8
    # END nova-numa-ext
    #nova-numa-ext# processes = 2
""", said)
        self.assertTrue(said.endswith(
            '\nNothing was written: --write does it.\n'))
        self.assertEqual(before, self.files())

    def test_written_and_reverted(self):
        before = self.files()
        (self.root / UWSGI).chmod(0o640)
        status, said, _complained = self.run_command(*ENOUGH, '--write')
        self.assertEqual(0, status)
        self.assertIn('\nThe files are written.\nRestart, in this order: '
                      'nova-conductor, nova-scheduler, nova-api.\n', said)
        found = self.files()
        self.assertIn('[conductor]\nworkers = 4\n', found[CONDUCTOR])
        self.assertIn('[scheduler]\nworkers = 2\n', found[SCHEDULER])
        self.assertIn('\nprocesses = 8\n', found[UWSGI])
        self.assertEqual(
            0o640, os.stat(self.root / UWSGI).st_mode & 0o777)
        self.assertTrue(self.run_command(*ENOUGH)[1].endswith(
            '\nAll is as planned.\n'))

        status, said, _complained = self.run_command('--revert')
        self.assertEqual(0, status)
        self.assertIn('All is put back as it was', said)
        self.assertEqual(before, self.files())
        self.assertIn('There is nothing to put back',
                      self.run_command('--revert')[1])

    def test_options_of_nova_conf(self):
        self.conf.write_text(
            '[numa_ext]\nconductor_workers = 3\napi_workers = auto\n')
        self.assertEqual((3, 2, 8), self.numbers())
        self.assertEqual((4, 1, 5), self.numbers(
            '--conductor-workers', 'auto', '--scheduler-workers', '1',
            '--api-workers', '5'))

    def test_what_is_counted(self):
        self.assertEqual((2, 1, 4), self.numbers('--cores', '4'))
        self.assertEqual((1, 1, 1), self.numbers('--memory', '1024'))
        self.conf.write_text(
            '[database]\nmax_pool_size = 10\nmax_overflow = 10\n'
            '[api_database]\nmax_pool_size = 0\n')
        self.assertIn('conductor 4 x 84 ', self.plain(*ENOUGH)['sums'][0])
        self.conf.write_text('[DEFAULT]\nexecutor_thread_pool_size = 8\n')
        self.assertIn('conductor 4 x 16 ', self.plain(*ENOUGH)['sums'][0])
        self.assertIn('conductor 4 x 24 ',
                      self.plain('--cells', '2')['sums'][0])

    def test_threads_of_the_api(self):
        self.put(UWSGI, '[uwsgi]\nthreads = 4\n')
        self.assertIn('api 8 x 12 ', self.plain(*ENOUGH)['sums'][0])

    def test_mod_wsgi(self):
        path = self.put(
            'etc/apache2/nova.conf', 'WSGIDaemonProcess nova threads=2\n')
        arguments = (*ENOUGH, '--mod-wsgi', '/etc/apache2/nova.conf')
        self.assertIn('api 8 x 6 ', self.plain(*arguments)['sums'][0])
        self.run_command(*arguments, '--write')
        self.assertIn(
            '\nWSGIDaemonProcess nova threads=2 processes=8\n',
            path.read_text())
        # It is the one that was named.
        self.assertEqual('[uwsgi]\nprocesses = 2\n',
                         (self.root / UWSGI).read_text())

    def test_no_file_of_the_api(self):
        (self.root / UWSGI).unlink()
        self.assertIn('8 are its processes.', self.plain(*ENOUGH)['notes'][-1])

    def test_a_nova_with_workers_of_the_api(self):
        self.knows(True)
        self.run_command(*ENOUGH, '--write')
        name = 'etc/nova/nova-api.conf.d/50-nova-numa-ext.conf'
        self.assertIn('osapi_compute_workers = 8\nmetadata_workers = 8\n',
                      self.files()[name])
        # An upgrade has taken them away.
        self.knows(False)
        self.assertEqual(0, self.run_command(*ENOUGH, '--write')[0])
        self.assertNotIn(name, self.files())
        self.assertNotIn('etc/nova/nova-api.conf.d', self.files())

    def test_checked(self):
        status, said, _complained = self.run_command(*ENOUGH, '--check')
        self.assertEqual(1, status)
        self.assertIn('\nThe host is not as planned.\n', said)
        self.assertIn('advised', said)
        self.run_command(*ENOUGH, '--conductor-workers', '7', '--write')
        # With the options of the last time.
        status, said, _complained = self.run_command('--check')
        self.assertEqual(0, status, said)
        self.assertEqual(1, self.run_command(*ENOUGH, '--check')[0])
        self.put(CONDUCTOR, '')
        status, said, _complained = self.run_command('--check')
        self.assertEqual(1, status)
        self.assertIn('MISSING', said)

    def test_set_in_nova_conf(self):
        """That would win over the drop-in."""
        self.conf.write_text('[conductor]\nworkers = 2\n')
        status, said, _complained = self.run_command(*ENOUGH, '--write')
        self.assertEqual(1, status)
        self.assertIn(
            f'[conductor] workers is not in effect yet: 2 in {self.conf}, '
            'wanted 4, or nothing.', said)
        self.conf.write_text('[conductor]\nworkers = 4\n')
        self.assertEqual(0, self.run_command(*ENOUGH, '--check')[0])

    def test_running(self):
        for pid, name, parent in (
            (10, 'nova-conductor', 1), (11, 'nova-conductor', 10),
            (12, 'nova-conductor', 10), (20, 'nova-scheduler', 1),
            (21, 'nova-scheduler', 20), (22, 'nova-scheduler', 20),
        ):
            self.put(f'proc/{pid}/status', f'Name:\t{name}\nPPid:\t{parent}\n')
        self.run_command(*ENOUGH, '--write')
        status, said, _complained = self.run_command('--check')
        self.assertEqual(1, status)
        self.assertRegex(
            said, r'\| nova-conductor, running +\| 2 +\| 4 +\| MISSING')
        self.assertRegex(
            said, r'\| nova-scheduler, running +\| 2 +\| 2 +\| ok')

    def test_refused(self):
        for arguments, sentence in (
            (('--uwsgi', '/x.ini'), '/x.ini: there is no such file.'),
            (('--api-workers', '0'), 'api_workers: 0 is neither auto nor'),
            (('--config-file', '/none'), '/none'),
        ):
            status, said, complained = self.run_command(*arguments)
            self.assertEqual((2, ''), (status, said), arguments)
            self.assertIn(sentence, complained)
            self.assertEqual(1, complained.count('\n'))
        self.conf.write_text('[numa_ext]\nscheduler_workers = many\n')
        self.assertIn('scheduler_workers', self.run_command()[2])
        self.conf.write_text('')
        (self.root / 'proc/meminfo').unlink()
        self.assertIn('--cores and --memory', self.run_command()[2])


class DropInTest(testtools.TestCase):
    """What oslo.config makes of a drop-in when a service starts."""

    def workers(self, *arguments):
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable('HOME', str(home)))
        (file,) = (file for file in tune.drop_ins(
            {'conductor': 4, 'scheduler': 2, 'api': 8}, False)
            if 'conductor' in file.path)
        path = home / '.nova' / file.path[len('etc/nova/'):]
        path.parent.mkdir(parents=True)
        path.write_text(file.text)
        nova = home / 'nova.conf'
        nova.write_text('[conductor]\nworkers = 3\n')
        conf = cfg.ConfigOpts()
        conf.register_opts([cfg.IntOpt('workers')], group='conductor')
        conf([argument.format(nova=nova) for argument in arguments],
             project='nova', prog='nova-conductor',
             default_config_files=[str(nova)])
        return conf.conductor.workers

    def test_it_wins_over_what_is_read_by_default(self):
        self.assertEqual(4, self.workers())

    def test_it_does_not_over_a_file_that_is_named(self):
        self.assertEqual(3, self.workers('--config-file', '{nova}'))


class DatabaseTest(testtools.TestCase):

    def test_none_to_ask(self):
        notes = []
        for url in (None, '', 'sqlite://'):
            self.assertIsNone(workers.max_connections(url, notes))
        self.assertEqual([], notes)

    def test_one_that_is_not_there(self):
        notes = []
        self.assertIsNone(workers.max_connections(
            'mysql+pymysql://nova:secret@127.0.0.1:1/nova', notes))
        (note,) = notes
        self.assertIn('was not asked: ', note)
        self.assertNotIn('secret', note)

    def test_the_answer(self):
        asked = []

        class Engine:
            """As one of SQLAlchemy's is used."""

            def connect(self):
                return self

            def __enter__(self):
                return self

            def __exit__(self, *_error):
                pass

            def execute(self, statement):
                asked.append(str(statement))
                return self

            def scalar(self):
                return '1024'

        self.useFixture(fixtures.MonkeyPatch(
            'sqlalchemy.create_engine', lambda _url, **_more: Engine()))
        self.assertEqual(
            1024, workers.max_connections('mysql+pymysql://x/nova', []))
        self.assertEqual(['SELECT @@max_connections'], asked)
