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

"""What the demo finds out about the releases of its services."""

import pathlib

import fixtures
import testtools

from tools.demo import cloud
from tools.demo import installed
from tools.demo import processes

OLD_NOVA = 'def _monkey_patch():\n    pass\n\n\n_monkey_patch()\n'
NEW_NOVA = 'def patch(backend):\n    pass\n'
SCRIPTS = pathlib.Path('/venv/bin')


class InstalledTest(testtools.TestCase):
    """Services that are only files: importing one would fail."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.MonkeyPatch('sys.path', [str(self.folder)]))
        for name in installed.APPLICATIONS:
            self.put(f'{name}/__init__.py')
        self.put('nova/monkey_patch.py', OLD_NOVA)

    def put(self, name, text='raise AssertionError("imported")\n'):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_a_script_where_there_is_no_module(self):
        # Nova 29 has a module of that name, with something else in it.
        self.put('nova/wsgi.py')
        self.assertEqual(
            ('--wsgi-file', SCRIPTS / 'nova-api-wsgi'),
            installed.application('nova', SCRIPTS))
        self.assertEqual(
            ('--wsgi-file', SCRIPTS / 'keystone-wsgi-public'),
            installed.application('keystone', SCRIPTS))

    def test_the_module_where_there_is_one(self):
        self.put('nova/wsgi/osapi_compute.py')
        self.put('glance/wsgi/api.py')
        self.assertEqual(
            ('--module', 'nova.wsgi.osapi_compute:application'),
            installed.application('nova', SCRIPTS))
        self.assertEqual(
            ('--module', 'glance.wsgi.api:application'),
            installed.application('glance', SCRIPTS))

    def test_green_by_import(self):
        self.assertEqual(
            ['neutron', 'nova'],
            sorted(filter(installed.green, installed.APPLICATIONS)))

    def test_nova_is_green_with_a_module_too(self):
        self.put('nova/wsgi/osapi_compute.py')
        self.put('neutron/wsgi/api.py')
        self.assertEqual(
            ['nova'], list(filter(installed.green, installed.APPLICATIONS)))

    def test_none_is_green_where_it_is_asked_for(self):
        self.put('nova/monkey_patch.py', NEW_NOVA)
        self.put('neutron/wsgi/api.py')
        self.assertEqual(
            [], list(filter(installed.green, installed.APPLICATIONS)))

    def test_uwsgi(self):
        self.assertEqual(
            ('--plugin', 'python3'), installed.uwsgi(self.folder))
        self.put('pyuwsgi.py')
        self.assertEqual(
            ('--home', self.folder), installed.uwsgi(self.folder))

    def test_defaults(self):
        self.assertEqual(
            pathlib.Path('/etc'), installed.defaults(self.folder))
        (self.folder / 'etc').mkdir()
        self.assertEqual(
            self.folder / 'etc', installed.defaults(self.folder))


class ReleaseTest(testtools.TestCase):

    def directory(self, release):
        for name in ('DEMO_DIR', 'DEMO_PORT_BASE', 'DEMO_COMPUTE_DRIVER'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        self.useFixture(
            fixtures.EnvironmentVariable('DEMO_RELEASE', release))
        return str(cloud.Cloud.from_environment().dir)

    def test_each_has_a_state_of_its_own(self):
        self.assertEqual('/var/lib/nova-numa-ext-demo', self.directory(None))
        self.assertEqual('/var/lib/nova-numa-ext-demo', self.directory('34'))
        self.assertEqual(
            '/var/lib/nova-numa-ext-demo-31', self.directory('31'))


class ConcurrencyTest(testtools.TestCase):

    def cloud(self, concurrency):
        self.useFixture(
            fixtures.EnvironmentVariable('DEMO_CONCURRENCY', concurrency))
        folder = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.EnvironmentVariable('DEMO_DIR', folder))
        return cloud.Cloud.from_environment()

    def test_a_word_for_neither_is_refused(self):
        failure = self.assertRaises(
            processes.Failure, self.cloud('threads').prepare)
        self.assertEqual(
            "DEMO_CONCURRENCY is 'threads': choose one of threading, "
            'eventlet', str(failure))

    def test_each_word_is_taken(self):
        for word in (None, 'threading', 'eventlet'):
            self.cloud(word).prepare()
