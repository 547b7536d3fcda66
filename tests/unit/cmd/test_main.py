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

import contextlib
import io

import testtools

from nova_numa_ext.cmd import main


class MainTest(testtools.TestCase):

    def test_each_command_has_help(self):
        for command in main.COMMANDS:
            name = command.__name__.rpartition('.')[2]
            out = io.StringIO()
            with contextlib.redirect_stdout(out), \
                    testtools.ExpectedException(SystemExit, '0'):
                main.main([name, '--help'])
            self.assertIn(f'usage: nova-numa-ext {name} ', out.getvalue())

    def test_no_command(self):
        with contextlib.redirect_stderr(io.StringIO()), \
                testtools.ExpectedException(SystemExit, '2'):
            main.main([])
