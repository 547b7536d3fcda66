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
from nova_numa_ext.cmd import tune


class TuneTest(testtools.TestCase):

    def test_each_has_help(self):
        for tuned in tune.TUNED:
            name = tuned.__name__.rpartition('.')[2]
            out = io.StringIO()
            with contextlib.redirect_stdout(out), \
                    testtools.ExpectedException(SystemExit, '0'):
                main.main(['tune', name, '--help'])
            self.assertIn(f'usage: nova-numa-ext tune {name} ',
                          out.getvalue())

    def test_nothing_named(self):
        with contextlib.redirect_stderr(io.StringIO()), \
                testtools.ExpectedException(SystemExit, '2'):
            main.main(['tune'])
