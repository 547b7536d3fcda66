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

import pathlib

import testtools

from nova_numa_ext.host import reader
from tests.unit.host import tree


class ReaderTest(testtools.TestCase):

    def read(self, text):
        return self.useFixture(tree.Tree({'proc/x': text})).reader

    def test_text_is_without_spaces_around_it(self):
        self.assertEqual('a\nb', self.read('  a\nb ').text('proc/x'))

    def test_absent(self):
        here = self.read('')
        self.assertIsNone(here.text('proc/y'))
        self.assertIsNone(here.number('proc/y'))
        self.assertIsNone(here.cpus('proc/y'))
        self.assertIsNone(here.chosen('proc/y'))
        self.assertEqual({}, here.fields('proc/y'))
        self.assertEqual((), here.names('sys'))
        self.assertFalse(here.has('proc/y'))
        self.assertTrue(here.has('proc/x'))
        self.assertIs(False, here.refused)

    def test_a_folder_has_no_text(self):
        self.assertIsNone(self.read('').text('proc'))

    def test_number(self):
        self.assertEqual(-1, self.read('-1').number('proc/x'))
        self.assertIsNone(self.read('n/a').number('proc/x'))
        self.assertIsNone(self.read('1_0').number('proc/x'))

    def test_cpus(self):
        self.assertEqual({0, 1, 8}, self.read('0-1,8').cpus('proc/x'))
        self.assertEqual(set(), self.read('').cpus('proc/x'))
        # What some kernels write for no CPUs at all.
        self.assertIsNone(self.read('(null)').cpus('proc/x'))

    def test_chosen(self):
        self.assertEqual(
            'never', self.read('always madvise [never]').chosen('proc/x'))
        self.assertIsNone(self.read('none').chosen('proc/x'))

    def test_fields(self):
        self.assertEqual(
            {'VmLck': '12 kB', 'Name': 'a:b'},
            self.read('Name:\ta:b\nVmLck:\t  12 kB\n').fields('proc/x'))

    def test_numbered(self):
        files = {f'sys/{name}/x': '' for name in (
            'cpu10', 'cpu2', 'cpufreq', 'cpu\u0663', '7')}
        here = self.useFixture(tree.Tree(files)).reader
        self.assertEqual((2, 10), here.numbered('sys', 'cpu'))
        self.assertEqual((7,), here.numbered('sys'))

    def test_bytes_that_are_no_text(self):
        here = self.read('')
        pathlib.Path(here.root, 'proc/x').write_bytes(b'a\xffb')
        self.assertEqual('a\ufffdb', here.text('proc/x'))

    def test_counter(self):
        here = self.read('\\x02\\x01\\x00\\x00')
        self.assertEqual(258, here.counter('proc/x'))
        self.assertIsNone(here.counter('proc/y'))

    def test_that_something_may_not_be_read_is_kept(self):
        here = self.read('')
        denied = PermissionError(13, 'Permission denied')

        def deny(*args, **kwargs):
            raise denied

        self.patch(reader, 'open', deny)
        self.patch(reader.os, 'listdir', deny)
        for read, nothing in ((here.text, None), (here.counter, None),
                              (here.names, ())):
            here.refused = False
            self.assertEqual(nothing, read('proc/x'))
            self.assertIs(True, here.refused, read)

    def test_the_host_itself(self):
        self.assertIn(
            'VmLck', reader.HostReader().fields('proc/self/status'))

    def test_writable(self):
        here = self.read('x')
        self.assertIs(True, here.writable('proc/x'))
        pathlib.Path(here.root, 'proc/x').chmod(0o444)
        self.assertIs(False, here.writable('proc/x'))
        self.assertIs(False, here.writable('proc/y'))
