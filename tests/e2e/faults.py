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

"""What a test needs that ends services of a cloud, and looks what is left."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

import fixtures
import pymysql

from tests.e2e import cloud as cloud_fixture
from tools.demo import catalog
from tools.demo import cloud as demo_cloud
from tools.demo import processes

#: Seconds for what comes sooner or later.
LONG = 120
HOST = socket.gethostname()
#: Nova's reserved_host_memory_mb, which counts as used.
RESERVED_MB = 512


class Cloud(fixtures.Fixture):
    """The demo's cloud, for who does harm to it."""

    def _setUp(self):
        self.useFixture(fixtures.EnvironmentVariable('no_proxy', '127.0.0.1'))
        self._fixture = self.useFixture(cloud_fixture.Cloud())
        self.demo = demo_cloud.Cloud.from_environment()
        self.api = catalog.connect(self.demo)
        self.addCleanup(self.api.close)

    def up(self):
        """Start what does not run."""
        if not all(map(self.pid, self.demo.processes.names())):
            self._fixture.up()

    def start(self, name):
        self._fixture.start(name)

    def pid(self, name):
        return self.demo.processes.pid(name)

    def kill(self, name):
        """End a service and its children as nothing can be prepared for."""
        os.killpg(self.pid(name), signal.SIGKILL)
        processes.wait_for(
            f'the end of {name}', lambda: not self.pid(name), LONG)

    def virsh(self, *arguments):
        return subprocess.run(
            ['virsh', '--connect', self._fixture.uri, *arguments], text=True,
            check=True, stdout=subprocess.PIPE, timeout=LONG).stdout

    def log(self):
        return self._fixture.nova_compute_log()

    def database(self):
        """Return a connection to Nova's database, each query a transaction."""
        return pymysql.connect(
            host='127.0.0.1', port=self.demo.port('mariadb'),
            user='openstack', password=self.demo.password('database'),
            database='nova', autocommit=True,
            cursorclass=pymysql.cursors.DictCursor)

    def query(self, query, *values):
        with contextlib.closing(self.database()) as connection, (
                connection.cursor()) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def rows(self, names):
        """Return the rows of guests that are not deleted, by their names."""
        return {row['display_name']: row for row in self.query(
            'SELECT * FROM instances WHERE deleted = 0')
            if row['display_name'] in names}

    def begun(self, names):
        """Return guests whose build nova-compute has begun."""
        return {name for name, row in self.rows(names).items()
                if row['host'] or not row['task_state']}

    def claimed(self, names):
        """Return guests that have a host."""
        return {name for name, row in self.rows(names).items() if row['host']}

    def node(self):
        [node] = self.query(
            'SELECT * FROM compute_nodes WHERE deleted = 0 AND host = %s',
            HOST)
        return node

    def allocations(self):
        """Return what placement says that guests use of this host."""
        answer = self.api.placement.get(
            f'/resource_providers/{self.node()["uuid"]}/allocations')
        answer.raise_for_status()
        return {uuid: each['resources']
                for uuid, each in answer.json()['allocations'].items()}

    def is_ready(self):
        """Return whether a guest can be booted."""
        services = {each.binary: each for each in self.api.compute.services()}
        return all(services[name].state == 'up' and
                   services[name].status == 'enabled'
                   for name in ('nova-conductor', 'nova-scheduler',
                                'nova-compute'))

    def audits(self):
        return self.log().count('Since the last audit: ')


def used(node):
    """Return what a row says of its guests."""
    return {
        'vcpus': node['vcpus_used'],
        'memory': node['memory_mb_used'] - RESERVED_MB,
        'guests': node['running_vms'],
        'numa': [(cell['nova_object.data']['cpu_usage'],
                  cell['nova_object.data']['memory_usage'])
                 for cell in json.loads(node['numa_topology'])[
                     'nova_object.data']['cells']]}


class Gate(fixtures.Fixture):
    """Has saves of the host's row wait, in the database.

    They wait for a lock on the row that a transaction of the test's holds,
    and get it in the order in which they asked for it.
    """

    def __init__(self, cloud):
        self._cloud = cloud

    def _setUp(self):
        self._holder = self._hold(self._connect())
        self.addCleanup(self.open)

    def _connect(self):
        connection = self._cloud.database()
        connection.autocommit(False)
        return connection

    @staticmethod
    def _hold(connection):
        with connection.cursor() as cursor:
            cursor.execute('SELECT id FROM compute_nodes FOR UPDATE')
        return connection

    def _waiting(self, start):
        return [query for query in self._cloud.query('SHOW FULL PROCESSLIST')
                if (query['Info'] or '').startswith(start)]

    def saves(self):
        """Return the saves that wait."""
        return self._waiting('UPDATE compute_nodes')

    def wait_for_save(self):
        processes.wait_for('a save', self.saves, LONG)

    def pass_one(self):
        """Let one save through, and hold those after it."""
        self.wait_for_save()
        following = self._connect()
        thread = threading.Thread(target=self._hold, args=[following])
        thread.start()
        processes.wait_for(
            'the next lock', lambda: self._waiting('SELECT id'), LONG)
        self.open()
        thread.join(LONG)
        self._holder = following

    def open(self):
        """Let all through."""
        with contextlib.suppress(pymysql.Error):
            self._holder.close()
