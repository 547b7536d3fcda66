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

"""The one reader of /sys and /proc."""

from __future__ import annotations

import os
import re
import stat
import sys

from nova_numa_ext.topology import cpuset

_MARKED = re.compile(r'\[([^\]]+)\]')
_NUMBER = re.compile('-?[0-9]{1,20}')


class HostReader:
    """Reads what the kernel tells of this host, or of a saved one.

    What is absent, and what this user may not read, is None: what a kernel
    tells depends on its version and its configuration. Each call reads anew.

    :param root: the folder that has ``sys`` and ``proc``
    :ivar refused: whether there was something that this user may not read
    """

    def __init__(self, root: str = '/') -> None:
        self.root = root
        self.refused = False

    def text(self, path: str) -> str | None:
        """Return a file's text, without spaces around it."""
        try:
            with open(
                os.path.join(self.root, path), encoding='utf-8',
                errors='replace',
            ) as file:
                return file.read().strip()
        except PermissionError:
            self.refused = True
            return None
        except OSError:
            # Absent, gone meanwhile, or a file that this host's hardware has
            # no answer for (EINVAL, EIO).
            return None

    def number(self, path: str) -> int | None:
        """Return the number that a file has, None for other words too."""
        text = self.text(path)
        if text is None or not _NUMBER.fullmatch(text):
            return None
        return int(text)

    def cpus(self, path: str) -> frozenset[int] | None:
        """Return the CPUs of a list such as ``0-3,8``."""
        text = self.text(path)
        try:
            return None if text is None else cpuset.parse(text)
        except ValueError:
            return None

    def chosen(self, path: str) -> str | None:
        """Return the word that is in brackets, as in ``always [never]``."""
        found = _MARKED.search(self.text(path) or '')
        return found[1] if found else None

    def fields(self, path: str) -> dict[str, str]:
        """Return the lines ``Name: words`` of a file, by their names."""
        found = {}
        for line in (self.text(path) or '').splitlines():
            name, colon, words = line.partition(':')
            if colon:
                found[name.strip()] = words.strip()
        return found

    def counter(self, path: str) -> int | None:
        """Return the number of four bytes that a device gives."""
        try:
            with open(os.path.join(self.root, path), 'rb') as file:
                return int.from_bytes(file.read(4), sys.byteorder)
        except PermissionError:
            self.refused = True
            return None
        except OSError:
            return None

    def names(self, path: str) -> tuple[str, ...]:
        """Return what is in a folder, sorted; nothing where it is absent."""
        try:
            return tuple(sorted(os.listdir(os.path.join(self.root, path))))
        except PermissionError:
            self.refused = True
            return ()
        except OSError:
            return ()

    def numbered(self, path: str, prefix: str = '') -> tuple[int, ...]:
        """Return the numbers of a folder's entries, such as of ``cpu12``."""
        return tuple(sorted(
            int(name[len(prefix):])
            for name in self.names(path)
            if name.startswith(prefix) and name[len(prefix):].isdecimal()
            and name[len(prefix):].isascii()
        ))

    def writable(self, path: str) -> bool:
        """Return whether a file's mode lets its owner write it."""
        try:
            mode = os.stat(os.path.join(self.root, path)).st_mode
        except OSError:
            return False
        return bool(mode & stat.S_IWUSR)

    def has(self, path: str) -> bool:
        """Return whether there is such a file or folder."""
        return os.path.lexists(os.path.join(self.root, path))


#: Of this host.
THIS = HostReader()
