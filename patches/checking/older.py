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

"""What of the series applies to releases that have none of their own."""

from __future__ import annotations

import ast
import pathlib
import tempfile
from typing import Iterator

from checking import released
from checking.series import folders
from checking.series import is_run
from checking.series import Patch
from checking.series import put
from checking.series import read_series
from checking.series import Refusal

TABLE = ('<!-- older: check.py older -->\n', '<!-- end of older -->\n')
#: How a patch is tried, the strictest first: words, what of it, fuzz.
WAYS = (
    ('whole', None, 0),
    ('code', is_run, 0),
    ('code, fuzz', is_run, 2),
)


def outcome(patch: Patch, sdist: pathlib.Path) -> str:
    """Return how a patch applies to a release, '-' where it does not.

    Nothing is run; but Python must be able to read what comes of it.
    """
    for words, wanted, fuzz in WAYS:
        with tempfile.TemporaryDirectory() as temp:
            tree = pathlib.Path(temp)
            names = [name for name in patch.files
                     if wanted is None or wanted(name)]
            released.extract(sdist, tree, set(names))
            text = patch.part(wanted) if wanted else patch.text
            if put(text, tree, fuzz) is None and all(
                    is_python(tree / name) for name in names
                    if name.endswith('.py')):
                return words
    return '-'


def is_python(path: pathlib.Path) -> bool:
    try:
        ast.parse(path.read_text())
    except SyntaxError:
        return False
    return True


def lines(here: pathlib.Path, rows: list[dict]) -> Iterator[str]:
    """Return the table: the oldest release's patches on those before it."""
    oldest = folders(here)[-1]
    series = read_series(oldest)
    yield '| | ' + ' | '.join(row['nova'] for row in rows) + ' |'
    yield '|---' * (len(rows) + 1) + '|'
    sdists = [released.fetch(row, here / '.cache') for row in rows]
    for patch in series:
        cells = [outcome(patch, sdist) for sdist in sdists]
        yield '| %s %s | %s |' % (
            patch.name[:4], patch.fields['Description'], ' | '.join(cells))


def write(here: pathlib.Path, rows: list[dict]) -> None:
    """Write the table into README.md."""
    readme = here / 'README.md'
    text = readme.read_text()
    start, end = (text.find(mark) for mark in TABLE)
    if start < 0 or end < start:
        raise Refusal('README.md has no place for the table of older '
                      'releases')
    readme.write_text('%s%s\n%s\n\n%s' % (
        text[:start], TABLE[0], '\n'.join(lines(here, rows)), text[end:]))
