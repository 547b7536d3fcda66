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

"""What the tuning commands wrote on a host, and what was there before.

Each change is noted on disk before it is made, so that what was begun can be
undone whatever happens.
"""

import contextlib
import json
import os
import stat

_VERSION = 1


class Unreadable(Exception):
    """The notes cannot be used; says why."""


class Journal:
    """Notes of the changes that one command made.

    Paths are below the root. Files are this project's own: before the first
    change there was none. Edited ones are somebody else's, and what is ours in
    them says so itself. Values are the kernel's, which forgets them when it
    ends.

    :param root: the host's root folder
    :param path: where the notes are
    :ivar found: whether there are any
    :ivar wishes: what the operator chose, as the command noted it
    :ivar stuck: devices of interrupts that the kernel refused to move, by
        their numbers
    :ivar group: a control group that was made, or None
    """

    def __init__(self, root, path):
        self._root = root
        self._path = path
        notes = self._read()
        self.found = notes is not None
        notes = notes or {}
        self.wishes = notes.get('wishes', {})
        self.stuck = notes.get('stuck', {})
        self.group = notes.get('group')
        # All texts that may be ours: the last one is, where nothing failed.
        self._files = notes.get('files', {})
        self._edited = notes.get('edited', [])
        self._folders = notes.get('folders', [])
        self._values = notes.get('values', {})

    @property
    def files(self):
        """Paths of files that were written, in this order."""
        return tuple(self._files)

    @property
    def edited(self):
        """Paths of other people's files that were changed."""
        return tuple(self._edited)

    @property
    def values(self):
        """Paths of values that were written, in this order."""
        return tuple(self._values)

    def foreign(self, files=()):
        """Return the files that somebody else has written since.

        :param files: others that are to be written, as (path, text)
        """
        paths = {path: [] for path, _text in files}
        paths.update(self._files)
        for path, text in files:
            # The same text is as good as ours: the notes may have got lost.
            paths[path] = [*paths[path], text]
        return tuple(
            path for path, ours in paths.items()
            if self.text(path) not in (None, *ours))

    def text(self, path):
        """Return the text of a file as it is, None where there is none."""
        try:
            with open(self._full(path), encoding='utf-8', newline='',
                      errors='surrogateescape') as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def save(self):
        """Write the notes."""
        self._make(self._missing(os.path.dirname(self._path)))
        self._replace(self._path, json.dumps({
            'version': _VERSION,
            'wishes': self.wishes,
            'files': self._files,
            'edited': self._edited,
            'folders': self._folders,
            'values': self._values,
            'stuck': self.stuck,
            'group': self.group,
        }, indent=2) + '\n')
        self.found = True

    def write_file(self, path, text):
        """Write a file, and return whether that was needed."""
        if self.text(path) == text and self._files.get(path) == [text]:
            return False
        self._files.setdefault(path, []).append(text)
        folders = self._missing(os.path.dirname(path))
        self.save()
        self._make(folders)
        written = self.text(path) != text
        if written:
            self._replace(path, text)
        self._files[path] = [text]
        self.save()
        return written

    def remove_file(self, path):
        """Remove a file that was written, and return whether it was there."""
        self._unlink(f'{path}.tmp')
        removed = self._unlink(path)
        del self._files[path]
        self._remove_folders()
        self.save()
        return removed

    def edit_file(self, path, text):
        """Change a file of others, and return whether that was needed."""
        if self.text(path) == text:
            return False
        if path not in self._edited:
            self._edited.append(path)
        folders = self._missing(os.path.dirname(path))
        self.save()
        self._make(folders)
        self._replace(path, text)
        return True

    def restore_file(self, path, text):
        """Give such a file back its text; none is left where that is empty."""
        if not text:
            self._unlink(path)
        elif self.text(path) != text:
            self._replace(path, text)
        self._edited.remove(path)
        self._remove_folders()
        self.save()

    def write_value(self, path, text, write, devices=()):
        """Write a value of the kernel's.

        :param write: does so; takes the path and the text
        :param devices: what tells an interrupt from another with its number
        :raises OSError: where the kernel refuses; nothing is noted then
        """
        known = self._values.get(path)
        note = {'before': self.text(path), 'after': text,
                'devices': list(devices)}
        if known and known['devices'] == note['devices']:
            note['before'] = known['before']
        self._values[path] = note
        self.save()
        try:
            write(path, text)
        except OSError:
            if known:
                self._values[path] = known
            else:
                del self._values[path]
            self.save()
            raise

    def restore_value(self, path, write, same, devices=()):
        """Put a value back, and return whether that could be done.

        What somebody else has set since is left, and so is what is of another
        device now.

        :param same: whether two texts are one value; takes the path, too
        """
        note = self._values[path]
        now = self.text(path)
        restored = now is not None and note['devices'] == list(devices)
        if restored and now != note['before']:
            restored = same(path, now, note['after'])
            if restored:
                write(path, note['before'])
        del self._values[path]
        self.save()
        return restored

    def forget(self):
        """Remove the notes, when all is put back."""
        self._unlink(f'{self._path}.tmp')
        self._unlink(self._path)
        self._remove_folders()
        self.found = False

    def _read(self):
        text = self.text(self._path)
        if text is None:
            return None
        try:
            notes = json.loads(text)
            if notes['version'] == _VERSION:
                return notes
            reason = f'it is of version {notes["version"]}'
        except (ValueError, TypeError, LookupError) as error:
            reason = str(error) or type(error).__name__
        raise Unreadable(
            f'/{self._path} cannot be used: {reason}. Use the release that '
            'wrote it, or remove it and the files that it names.')

    def _full(self, path):
        return os.path.join(self._root, path)

    def _replace(self, path, text):
        # Where it is a link, what it leads to.
        full = os.path.realpath(self._full(path))
        other = f'{full}.tmp'
        try:
            before = os.stat(full)
        except FileNotFoundError:
            before = None
        try:
            with open(other, 'w', encoding='utf-8', newline='',
                      errors='surrogateescape') as file:
                file.write(text)
                file.flush()
                if before is not None:
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                    os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
                os.fsync(file.fileno())
            os.replace(other, full)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(other)
            raise

    def _unlink(self, path):
        try:
            os.unlink(self._full(path))
        except FileNotFoundError:
            return False
        return True

    def _missing(self, path):
        """Note a folder and those above it where they are not there."""
        missing = []
        while path and not os.path.isdir(self._full(path)):
            missing.insert(0, path)
            path = os.path.dirname(path)
        self._folders += [
            folder for folder in missing if folder not in self._folders]
        return missing

    def _make(self, folders):
        for folder in folders:
            os.mkdir(self._full(folder))

    def _remove_folders(self):
        """Remove the folders that were made and are empty again."""
        for folder in list(reversed(self._folders)):
            try:
                os.rmdir(self._full(folder))
            except FileNotFoundError:
                pass
            except OSError:
                # Somebody has put something there, or still needs it.
                continue
            self._folders.remove(folder)
