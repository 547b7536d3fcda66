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

"""patches/check.py older, on releases of a Nova of three files."""

import hashlib
import pathlib
import tarfile

from tests.unit import test_patches

# isort: split
# What that made importable.
from checking import older  # noqa: E402


class OlderTest(test_patches.PatchesTest):

    def setUp(self):
        super().setUp()
        # What comes of it is to be Python's.
        self.patch.write_text(test_patches.PATCH.replace(
            'line ', '# line ').replace('LINE ', '# LINE '))
        (self.here / 'README.md').write_text('A%s%sB' % older.TABLE)

    def release(self, **changed):
        """Return the row of an older release, with files that differ."""
        files = {name: text.replace('line ', '# line ')
                 for name, text in test_patches.FILES.items()}
        for name, text in files.items():
            before, after = changed.get(pathlib.Path(name).stem, ('', ''))
            self.assertIn(before, text)
            (self.tree / name).write_text(text.replace(before, after))
        version = '25.0.%d' % len(list((self.here / '.cache').glob('*')))
        sdist = self.here / '.cache' / ('nova-%s.tar.gz' % version)
        with tarfile.open(sdist, 'w:gz') as archive:
            archive.add(self.tree, 'nova-' + version)
        return {'nova': version, 'sha256': hashlib.sha256(
            sdist.read_bytes()).hexdigest()}

    def test_how_it_applies(self):
        (self.here / '.cache').mkdir()
        rows = [
            self.release(),
            self.release(test_driver=('splitlines()[9]', 'readlines()[9]')),
            self.release(driver=('# line 12\n', '# line twelve\n')),
            self.release(driver=('# line 10\n', '# line ten\n')),
            # It applies, and nobody can read it.
            self.release(driver=('# line 20\n', 'line 20\n')),
        ]

        older.write(self.here, rows)

        table = (self.here / 'README.md').read_text()
        self.assertIn(
            '| | 25.0.0 | 25.0.1 | 25.0.2 | 25.0.3 | 25.0.4 |\n', table)
        self.assertIn('| 0001 The driver is louder | whole | code '
                      '| code, fuzz | - | - |\n', table)
        older.write(self.here, rows)
        self.assertEqual(table, (self.here / 'README.md').read_text())
        self.assertTrue(table.startswith('A') and table.endswith('B'))

    def test_no_place_for_it(self):
        (self.here / 'README.md').write_text('nothing')

        self.assertRefused('no place', older.write, self.here, [])
