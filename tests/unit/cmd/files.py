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

"""A host of a few files, and commands of ``nova-numa-ext tune`` on it."""

import argparse
import contextlib
import io
import pathlib

import fixtures
import testtools


class HostTest(testtools.TestCase):
    """A host in a folder.

    :cvar command: the module of the command
    :ivar root: the folder
    :ivar conf: its nova.conf
    """

    command = None

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.conf = self.put('etc/nova/nova.conf', '')

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def files(self):
        """Return the texts of all files, by path; folders have none."""
        return {path.relative_to(self.root).as_posix():
                path.read_text() if path.is_file() else None
                for path in self.root.rglob('*')}

    def run_command(self, *arguments):
        """Return the status, what it says, and what it complains of."""
        parser = argparse.ArgumentParser()
        name = self.command.__name__.rpartition('.')[2]
        self.command.add_parser(parser.add_subparsers())
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(complained):
                parsed = parser.parse_args([
                    name, '--root', str(self.root), '--config-file',
                    str(self.conf), *arguments])
                status = parsed.run(parsed)
        return status, said.getvalue(), complained.getvalue()
