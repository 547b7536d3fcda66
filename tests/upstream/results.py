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

"""What a module's tests came to, read from the stream that a worker left."""

import typing

import subunit
import testtools

#: What a test can come to; LOST is one that began and never ended.
PASSED = 'passed'
FAILED = 'failed'
SKIPPED = 'skipped'
LOST = 'lost'

_OUTCOMES = {
    'success': PASSED,
    'xfail': PASSED,
    'skip': SKIPPED,
    'fail': FAILED,
    'uxsuccess': FAILED,
    'inprogress': LOST,
    'unknown': LOST,
}


class Outcome(typing.NamedTuple):
    state: str
    #: Why, in a line.
    why: str = ''

    @property
    def is_bad(self):
        return self.state in (FAILED, LOST)


def _why(test):
    details = test['details']
    for name in ('traceback', 'reason', *details):
        if name in details:
            lines = details[name].as_text().strip().splitlines()
            return _last_error(lines)[:200] if lines else ''
    return ''


def _last_error(lines):
    # A difference takes several lines; the error's name is on the first.
    starts = [index for index, line in enumerate(lines)
              if line.startswith('  File ')]
    after = lines[starts[-1] + 1:] if starts else lines
    said = [line.strip() for line in after
            if line and not line.startswith('    ')]
    return ' '.join(said) or lines[-1].strip()


def read(path):
    """Return the outcome of each test in a file, by the test's id."""
    found = {}

    def note(test):
        name = test['id']
        if name is None:
            return
        if test['status'] == 'exists':
            # All of a module's are named before the first runs.
            found.setdefault(name, Outcome(LOST, 'Was not run.'))
            return
        state = _OUTCOMES[test['status']]
        before = found.get(name)
        if before is None or before.state == LOST or state == FAILED:
            found[name] = Outcome(
                state, '' if state == PASSED else _why(test))

    result = testtools.StreamToDict(note)
    result.startTestRun()
    with open(path, 'rb') as stream:
        subunit.ByteStreamToStreamResult(
            stream, non_subunit_name='output').run(result)
    result.stopTestRun()
    found.pop('output', None)
    return found


def passed(outcomes):
    return sum(one.state == PASSED for one in outcomes.values())


def bad(outcomes):
    return sum(one.is_bad for one in outcomes.values())
