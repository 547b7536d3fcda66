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

"""A guest that runs, and what can be broken of it."""

import pathlib
from xml.etree import ElementTree

import testtools

from nova_numa_ext.verify import compare
from nova_numa_ext.verify import evidence
from nova_numa_ext.verify import promises
from tests.unit.host import tree

FOLDER = pathlib.Path(__file__).parent / 'guest'
UUID = '6fd2a4f8-5a3c-4c5e-9d0a-8a1b2c3d4e5f'
PID = 4000
PROC = f'proc/{PID}'


def defined():
    return (FOLDER / 'defined.xml').read_text()


def live():
    return (FOLDER / 'live.xml').read_text()


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.files = tree.saved('guest')
        self.defined = defined()
        self.live = live()

    def change(self, path, old, new):
        """Have a file of the guest's process say something else."""
        path = f'{PROC}/{path}'
        self.assertIn(old, self.files[path])
        self.files[path] = self.files[path].replace(old, new)

    def domain(self, xml):
        """Return a domain of this XML's contents."""
        return ElementTree.fromstring(f'<domain>{xml}</domain>')

    def evidence(self):
        reader = self.useFixture(tree.Tree(self.files)).reader
        return evidence.gather(reader, UUID, self.live)

    def rows(self):
        return compare.rows(
            promises.of_domain(self.defined), self.evidence())

    def assertBroken(self, *expected):
        """Assert that these promises, and no other ones, are not kept."""
        self.assertEqual(
            list(expected),
            [(row.subject, row.promise, row.asked, row.got)
             for row in compare.broken(self.rows())])

    def judge(self, promise):
        return promise.judge(self.evidence())
