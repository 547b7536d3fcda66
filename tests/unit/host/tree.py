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

"""Saved /sys and /proc of hosts, a text file each, and how they unpack.

A line ``path: text`` is a file with this text; lines below it that begin with
``|`` are further lines of it. ``{0-3,8}`` in a path makes a file for each of
the numbers, and in the text stands the same number for ``{}``.
"""

import codecs
import pathlib
import re

import fixtures

from nova_numa_ext.host import reader
from nova_numa_ext.topology import cpuset

FOLDER = pathlib.Path(__file__).parent / 'trees'


def saved(name):
    """Return the files of a saved host, by their paths."""
    return parse((FOLDER / f'{name}.tree').read_text())


def parse(text):
    files = {}
    paths = []
    for line in text.splitlines():
        if line.startswith('|'):
            for path in paths:
                files[path] += '\n' + line[1:]
        elif line and not line.startswith('#'):
            pattern, _colon, first = line.partition(':')
            found = re.search(r'\{([0-9,-]+)\}', pattern)
            numbers = sorted(cpuset.parse(found[1])) if found else ['']
            paths = [
                re.sub(r'\{[0-9,-]+\}', str(number), pattern)
                for number in numbers]
            for path, number in zip(paths, numbers):
                files[path] = first[1:].replace('{}', str(number))
    return {path: text.lstrip('\n') for path, text in files.items()}


class Tree(fixtures.Fixture):
    """A folder with the files of a saved host.

    :param files: texts by their paths, from ``saved`` or the test's own;
        None removes a file of the host
    :ivar root: the folder
    :ivar reader: a HostReader of it
    """

    def __init__(self, *files):
        self._files = {}
        for some in files:
            self._files.update(some)

    def _setUp(self):
        self.root = self.useFixture(fixtures.TempDir()).path
        for path, text in self._files.items():
            if text is None:
                continue
            file = pathlib.Path(self.root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            text = codecs.decode(
                text.replace('\n', '\\n'), 'unicode_escape')
            file.write_bytes(text.encode('latin-1') + b'\n')
        self.reader = reader.HostReader(self.root)
