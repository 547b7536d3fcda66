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

import json
import os
import pathlib

import fixtures
import testtools

from nova_numa_ext.cmd import journal

NOTES = 'var/lib/x/notes.json'
FILE = 'etc/a/b/file.conf'
VALUE = 'proc/value'


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (self.root / 'proc').mkdir()
        (self.root / 'etc').mkdir()
        (self.root / VALUE).write_text('old\n')

    def journal(self):
        return journal.Journal(str(self.root), NOTES)

    def tree(self):
        return sorted(
            (path.relative_to(self.root).as_posix(),
             path.read_text() if path.is_file() else None)
            for path in self.root.rglob('*'))

    def write(self, path, text):
        (self.root / path).write_text(text)

    @staticmethod
    def same(_path, one, other):
        return one == other


class EditedTest(TestCase):

    THEIRS = 'etc/theirs.conf'

    def setUp(self):
        super().setUp()
        self.write(self.THEIRS, 'a\n')

    def test_edited_and_restored(self):
        (self.root / self.THEIRS).chmod(0o604)
        before = self.tree()
        self.assertIs(True, self.journal().edit_file(self.THEIRS, 'b\n'))
        notes = self.journal()
        self.assertEqual((self.THEIRS,), notes.edited)
        self.assertEqual('b\n', (self.root / self.THEIRS).read_text())
        self.assertEqual(
            0o604, (self.root / self.THEIRS).stat().st_mode & 0o777)
        self.assertIs(False, notes.edit_file(self.THEIRS, 'b\n'))
        notes.restore_file(self.THEIRS, 'a\n')
        self.assertEqual((), self.journal().edited)
        notes.forget()
        self.assertEqual(before, self.tree())

    def test_it_is_no_file_of_ours(self):
        notes = self.journal()
        notes.edit_file(self.THEIRS, 'b\n')
        self.write(self.THEIRS, 'c\n')
        self.assertEqual((), notes.foreign())

    def test_one_that_was_not_there(self):
        before = self.tree()
        notes = self.journal()
        notes.edit_file('etc/new/x.conf', 'b\n')
        notes.restore_file('etc/new/x.conf', '')
        notes.forget()
        self.assertEqual(before, self.tree())

    def test_a_link_stays_one(self):
        link = self.root / 'etc/link.conf'
        link.symlink_to('theirs.conf')
        self.journal().edit_file('etc/link.conf', 'b\n')
        self.assertTrue(link.is_symlink())
        self.assertEqual('b\n', (self.root / self.THEIRS).read_text())

    def test_nothing_is_left_of_what_cannot_be_written(self):
        self.useFixture(fixtures.MonkeyPatch('os.replace', self.refuse))
        self.assertRaises(
            OSError, self.journal().edit_file, self.THEIRS, 'b\n')
        self.assertEqual(
            [], [path for path, _text in self.tree() if '.tmp' in path])

    @staticmethod
    def refuse(_path, _other):
        raise OSError('no')


class FilesTest(TestCase):

    def test_written_and_removed(self):
        before = self.tree()
        notes = self.journal()
        self.assertIs(False, notes.found)
        self.assertIs(True, notes.write_file(FILE, 'text\n'))
        self.assertEqual('text\n', (self.root / FILE).read_text())
        notes = self.journal()
        self.assertIs(True, notes.found)
        self.assertEqual((FILE,), notes.files)
        self.assertIs(True, notes.remove_file(FILE))
        notes.forget()
        self.assertEqual(before, self.tree())

    def test_written_again(self):
        self.journal().write_file(FILE, 'text\n')
        self.assertIs(False, self.journal().write_file(FILE, 'text\n'))
        self.assertIs(True, self.journal().write_file(FILE, 'other\n'))
        self.assertEqual('other\n', (self.root / FILE).read_text())
        self.assertEqual((), self.journal().foreign())

    def test_files_of_others(self):
        (self.root / 'etc/a/b').mkdir(parents=True)
        self.write(FILE, 'mine\n')
        self.assertEqual(
            (FILE,), self.journal().foreign([(FILE, 'text\n')]))
        # The same text is no reason.
        self.assertEqual((), self.journal().foreign([(FILE, 'mine\n')]))

    def test_changed_since(self):
        self.journal().write_file(FILE, 'text\n')
        self.write(FILE, 'text\nmore\n')
        self.assertEqual((FILE,), self.journal().foreign())

    def test_removed_since(self):
        self.journal().write_file(FILE, 'text\n')
        (self.root / FILE).unlink()
        self.assertEqual((), self.journal().foreign())
        self.assertIs(False, self.journal().remove_file(FILE))

    def test_folders_that_others_use_stay(self):
        notes = self.journal()
        notes.write_file(FILE, 'text\n')
        self.write('etc/a/other', '')
        notes.remove_file(FILE)
        notes.forget()
        self.assertEqual(['etc/a', 'etc/a/other'], [
            path for path, _text in self.tree() if path.startswith('etc/')])

    def test_a_write_that_fails(self):
        notes = self.journal()
        notes.write_file(FILE, 'text\n')
        before = self.tree()
        replace = os.replace

        def fail(source, target):
            if target.endswith(FILE):
                raise OSError(28, 'No space left on device', target)
            replace(source, target)

        with fixtures.MonkeyPatch('os.replace', fail):
            self.assertRaises(OSError, notes.write_file, FILE, 'other\n')
        # No rest of it, and both texts are known for ours.
        self.assertEqual(
            [path for path, _text in before],
            [path for path, _text in self.tree()])
        self.assertEqual('text\n', (self.root / FILE).read_text())
        self.assertEqual((), self.journal().foreign())
        self.write(FILE, 'other\n')
        self.assertEqual((), self.journal().foreign())
        self.journal().write_file(FILE, 'other\n')
        self.write(FILE, 'text\n')
        self.assertEqual((FILE,), self.journal().foreign())

    def test_noted_before_it_is_done(self):
        """What a loss of power leaves is what the notes have."""
        def stop(*_args):
            raise KeyboardInterrupt
        before = self.tree()
        notes = self.journal()
        notes.save()
        with fixtures.MonkeyPatch('os.mkdir', stop):
            self.assertRaises(
                KeyboardInterrupt, notes.write_file, FILE, 'text\n')
        notes = self.journal()
        self.assertEqual((FILE,), notes.files)
        notes.remove_file(FILE)
        notes.forget()
        self.assertEqual(before, self.tree())


class ValuesTest(TestCase):

    def test_written_and_restored(self):
        before = self.tree()
        self.journal().write_value(VALUE, 'new\n', self.write)
        self.assertEqual('new\n', (self.root / VALUE).read_text())
        notes = self.journal()
        self.assertEqual((VALUE,), notes.values)
        self.assertIs(
            True, notes.restore_value(VALUE, self.write, self.same))
        notes.forget()
        self.assertEqual(before, self.tree())

    def test_the_first_is_what_was_before(self):
        self.journal().write_value(VALUE, 'new\n', self.write)
        self.journal().write_value(VALUE, 'newer\n', self.write)
        self.journal().restore_value(VALUE, self.write, self.same)
        self.assertEqual('old\n', (self.root / VALUE).read_text())

    def test_set_by_others_since(self):
        self.journal().write_value(VALUE, 'new\n', self.write)
        self.write(VALUE, 'theirs\n')
        self.assertIs(False, self.journal().restore_value(
            VALUE, self.write, self.same))
        self.assertEqual('theirs\n', (self.root / VALUE).read_text())
        self.assertEqual((), self.journal().values)

    def test_put_back_by_others_since(self):
        self.journal().write_value(VALUE, 'new\n', self.write)
        self.write(VALUE, 'old\n')
        self.assertIs(True, self.journal().restore_value(
            VALUE, self.write, self.same))

    def test_of_another_device_since(self):
        self.journal().write_value(VALUE, 'new\n', self.write, ('eth0',))
        self.assertIs(False, self.journal().restore_value(
            VALUE, self.write, self.same, ('eth1',)))
        self.assertEqual('new\n', (self.root / VALUE).read_text())

    def test_gone_since(self):
        self.journal().write_value(VALUE, 'new\n', self.write)
        (self.root / VALUE).unlink()
        self.assertIs(False, self.journal().restore_value(
            VALUE, self.write, self.same))

    def test_refused(self):
        def refuse(path, _text):
            raise OSError(5, 'Input/output error', path)
        self.assertRaises(
            OSError, self.journal().write_value, VALUE, 'new\n', refuse)
        self.assertEqual((), self.journal().values)
        self.journal().write_value(VALUE, 'new\n', self.write)
        self.assertRaises(
            OSError, self.journal().write_value, VALUE, 'newer\n', refuse)
        self.journal().restore_value(VALUE, self.write, self.same)
        self.assertEqual('old\n', (self.root / VALUE).read_text())


class NotesTest(TestCase):

    def test_what_is_kept(self):
        notes = self.journal()
        notes.wishes = {'exempt': ['a.service']}
        notes.stuck = {'31': ['nvme0q1']}
        notes.group = 'sys/group'
        notes.save()
        notes = self.journal()
        self.assertEqual(
            ({'exempt': ['a.service']}, {'31': ['nvme0q1']}, 'sys/group'),
            (notes.wishes, notes.stuck, notes.group))

    def test_what_cannot_be_read(self):
        self.journal().save()
        for text, reason in (
            ('{', 'Expecting property name'),
            ('[]', 'list indices'),
            (json.dumps({'version': 2}), 'it is of version 2'),
            ('{}', "'version'"),
        ):
            self.write(NOTES, text)
            error = self.assertRaises(journal.Unreadable, self.journal)
            self.assertIn(f'/{NOTES} cannot be used: {reason}', str(error))
