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

"""The harness that runs Nova's own tests: what it can tell, and must."""

import functools
import importlib
import io
import os
import pathlib
import runpy
import sys
from unittest import mock

import fixtures
import subunit
import testtools

from nova_numa_ext.compat import release
from tests.upstream import drift
from tests.upstream import expected
from tests.upstream import ours
from tests.upstream import report
from tests.upstream import results
from tests.upstream import runs
from tests.upstream import stand_in
from tests.upstream import verdict

MODULE = 'nova.tests.unit.test_it'
OWN = 'tests.unit.test_upstream.ExpectedTest.test_own_tests_by_name'

NOVAS = """
class Driver:
    def one(self): return 'nova'
    def two(self): return self.one()
    @staticmethod
    def three(): return 'nova'
def made(): return Driver()
"""


class Novas(fixtures.Fixture):
    """A package with a module that defines a class and makes one."""

    def _setUp(self):
        root = self.useFixture(fixtures.TempDir()).path
        package = pathlib.Path(root, 'novas')
        package.mkdir()
        package.joinpath('driver.py').write_text(NOVAS)
        package.joinpath('__init__.py').write_text(
            'from novas import driver\nDriver = driver.Driver\n')
        package.joinpath('user.py').write_text(
            'from novas import driver\n'
            'def made(): return driver.Driver()\n')
        self.useFixture(fixtures.PythonPathEntry(root))
        self.addCleanup(sys.modules.pop, 'novas')
        self.addCleanup(sys.modules.pop, 'novas.driver')
        self.addCleanup(sys.modules.pop, 'novas.user')
        self.module = importlib.import_module('novas.driver')
        self.user = importlib.import_module('novas.user')


class StandInTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        package = self.useFixture(Novas())
        self.module, self.user = package.module, package.user
        self.novas = novas = self.module.Driver

        class OurDriver(novas):
            def one(self):
                return 'ours'

        self.ours = stand_in.leaf(OurDriver, novas)
        stand_in.replace(novas, self.ours)

    def test_who_imports_it_gets_the_subclass(self):
        from novas import driver
        import novas.driver

        self.assertIs(self.ours, driver.Driver)
        self.assertIs(self.ours, novas.driver.Driver)
        self.assertIs(self.ours, novas.Driver)
        self.assertEqual('ours', driver.Driver().two())

    def test_who_imported_it_before_gets_it_too(self):
        self.assertIs(self.ours, type(self.user.made()))

    def test_the_module_itself_has_its_own(self):
        self.assertIs(self.novas, type(self.module.made()))

    def test_it_passes_for_the_one_it_replaces(self):
        self.assertEqual(
            ('Driver', 'novas.driver'),
            (self.ours.__name__, self.ours.__module__))
        self.assertIsInstance(vars(self.ours)['three'], staticmethod)

    def test_a_method_is_patched_where_it_counts(self):
        with mock.patch('novas.driver.Driver.one', autospec=True,
                        return_value='mock'):
            self.assertEqual('mock', self.ours().two())
            self.assertEqual('nova', self.novas().two())

        self.assertEqual('ours', self.ours().two())

    def test_the_class_is_patched(self):
        with mock.patch('novas.driver.Driver', autospec=True) as driver:
            self.assertIs(driver, self.module.Driver)

        self.assertIs(self.novas, self.module.Driver)

    def test_a_global_is_patched(self):
        with mock.patch('novas.driver.made', autospec=True) as made:
            self.assertIs(made, self.module.made)

        self.assertIsInstance(self.module.made(), self.novas)

    def test_a_global_is_patched_that_need_not_be_there(self):
        with mock.patch('novas.driver.made', create=True, autospec=True):
            pass

        self.assertIsInstance(self.module.made(), self.novas)


class RecordTest(testtools.TestCase):

    def test_which_ran(self):
        novas = self.useFixture(Novas()).module.Driver

        class OurDriver(novas):
            def one(self):
                return super().one()

            @staticmethod
            def three(kind='x'):
                return kind

            def a_method_of_its_own(self):
                pass

        found = ours.overrides(OurDriver, novas)
        self.assertEqual({'one': OurDriver, 'three': OurDriver}, found)
        folder = self.useFixture(fixtures.TempDir()).path
        record = ours.Record(folder)
        for name, base in found.items():
            record.wrap(base, name)

        self.assertEqual('y', OurDriver.three('y'))
        self.assertEqual('x', OurDriver().three())
        name, = os.listdir(folder)
        self.assertEqual(
            [f'{__name__}.{OurDriver.__qualname__}.three'],
            pathlib.Path(folder, name).read_text().split())

    def test_a_memory_of_novas_can_be_emptied(self):
        novas = self.useFixture(Novas()).module.Driver
        novas.one = functools.lru_cache(novas.one)

        class OurDriver(novas):
            def one(self):
                return super().one()

        ours.Record('').wrap(OurDriver, 'one', novas)
        self.assertEqual(novas.one.cache_clear, OurDriver.one.cache_clear)

    def test_all_of_ours_are_known(self):
        names = {name.rpartition('.')[2] for name in ours.labels()}

        self.assertLessEqual(
            {'spawn', 'get_info', '_test_connection', 'instance_claim'},
            names)


class ResultsTest(testtools.TestCase):

    def read(self, *events):
        stream = io.BytesIO()
        result = subunit.StreamResultToBytes(stream)
        for test, status, said in events:
            result.status(
                test_id=test, test_status=status,
                **({'file_name': 'traceback', 'eof': True,
                    'file_bytes': said.encode(),
                    'mime_type': 'text/plain;charset=utf8'} if said else {}))
        path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'result')
        path.write_bytes(stream.getvalue())
        return results.read(path)

    def test_outcomes(self):
        found = self.read(
            *((test, 'exists', '') for test in 'abcde'),
            *((test, 'inprogress', '') for test in 'abcd'),
            ('a', 'success', ''), ('b', 'skip', ''),
            ('c', 'fail', 'Traceback\n  File "x", line 1, in y\n'
             '    call()\nValueError: no\nsuch thing\n'))

        self.assertEqual(
            ['passed', 'skipped', 'failed', 'lost', 'lost'],
            [found[test].state for test in 'abcde'])
        self.assertEqual('ValueError: no such thing', found['c'].why)
        self.assertEqual(1, results.passed(found))
        self.assertEqual(3, results.bad(found))

    def test_one_that_fails_after_it_passed(self):
        found = self.read(('a', 'success', ''), ('a', 'fail', 'late'))

        self.assertTrue(found['a'].is_bad)


class ExpectedTest(testtools.TestCase):

    def read(self, text, nova=34, mode='threading'):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'list')
        path.write_text(text)
        return expected.read(nova, mode, path)

    def test_own_tests_by_name(self):
        self.assertTrue(expected.exists(OWN))
        for name in (
                '', 'test', OWN + 's', OWN.replace('Expected', 'None'),
                OWN.replace('_upstream', '_none'),
                OWN.replace('test_own_tests_by_name', 'read')):
            self.assertFalse(expected.exists(name), name)

    def test_an_entry(self):
        entries, faults = self.read(
            f'[{{test: a, reason: why, ours: {OWN}}}]')

        self.assertEqual([], faults)
        self.assertEqual(expected.Entry('a', 'why', OWN), entries['a'])

    def test_only_of_a_release_or_a_mode(self):
        text = (f'[{{test: a, reason: why, ours: {OWN}, releases: [33]}},'
                f' {{test: b, reason: why, ours: {OWN}, modes: [eventlet]}}]')

        self.assertEqual(set(), set(self.read(text)[0]))
        self.assertEqual({'a'}, set(self.read(text, nova=33)[0]))
        self.assertEqual({'b'}, set(self.read(text, mode='eventlet')[0]))

    def test_faults(self):
        for text, fault in (
            (f'[{{test: a, ours: {OWN}}}]', 'needs a reason'),
            (f'[{{test: a, reason: "x\\n\\ny", ours: {OWN}}}]',
             'needs a reason, of one line'),
            ('[{test: a, reason: why}]', 'there is no such test'),
            ('[{test: a, reason: why, ours: tests.unit.test_x.X.test_x}]',
             'there is no such test'),
            (f'[{{test: a, reason: why, ours: {OWN}, flakey: true}}]',
             'has flakey'),
            (f'[{{test: a, reason: why, ours: {OWN}}},'
             f' {{test: a, reason: why, ours: {OWN}}}]', 'listed twice'),
        ):
            _entries, (said,) = self.read(text)
            self.assertIn(fault, said)

    def test_the_list(self):
        """Each entry of the real list has a test of ours behind it."""
        for mode in ('threading', 'eventlet'):
            self.assertEqual([], expected.read(34, mode)[1])


def outcomes(**states):
    return {f'{MODULE}.{name}': results.Outcome(state)
            for name, state in states.items()}


def many(number, state='passed'):
    return {f'{MODULE}.many{index}': results.Outcome(state)
            for index in range(number)}


class VerdictTest(testtools.TestCase):

    def judge(self, stock, of_ours, *listed, flaky=False):
        module = verdict.Module(
            MODULE, {**many(100), **stock}, {**many(100), **of_ours})
        return verdict.judge([module], {
            f'{MODULE}.{name}': expected.Entry(name, 'why', OWN, flaky)
            for name in listed}, [], {'ours.one'})

    def assertRed(self, sentence, judged):
        self.assertEqual(verdict.RED, judged.verdict)
        self.assertEqual([verdict.RED], [
            each for _listed, each in judged.modules.values()])
        fault, = judged.faults
        self.assertIn(sentence, fault)

    def test_good(self):
        same = outcomes(a='passed', b='failed', c='skipped')

        judged = self.judge(same, same)

        self.assertEqual((verdict.GOOD, []), (judged.verdict, judged.faults))
        self.assertEqual({MODULE: (0, verdict.GOOD)}, judged.modules)

    def test_one_that_fails_with_ours(self):
        for state in ('failed', 'lost', 'skipped'):
            self.assertRed(
                f'{MODULE}.a: {state}',
                self.judge(outcomes(a='passed'), outcomes(a=state)))

    def test_one_that_is_not_run_with_ours(self):
        self.assertRed('was not run', self.judge(outcomes(a='passed'), {}))

    def test_one_that_is_there_with_ours_only(self):
        self.assertRed(
            "no test on Nova's", self.judge({}, outcomes(setUpClass='failed')))

    def test_a_listed_one_may_fail(self):
        judged = self.judge(
            outcomes(a='passed'), outcomes(a='failed'), 'a')

        self.assertEqual((verdict.GOOD, []), (judged.verdict, judged.faults))
        self.assertEqual({MODULE: (1, verdict.GOOD)}, judged.modules)

    def test_a_listed_one_must_fail(self):
        same = outcomes(a='passed')

        self.assertRed('take it off the list', self.judge(same, same, 'a'))
        self.assertEqual(
            verdict.GOOD, self.judge(same, same, 'a', flaky=True).verdict)

    def test_a_listed_one_that_nova_fails_too(self):
        same = outcomes(a='failed')

        self.assertRed(
            "fails on Nova's own classes too", self.judge(same, same, 'a'))

    def test_a_listed_one_that_does_not_exist(self):
        judged = self.judge({}, {}, 'a')

        self.assertEqual(verdict.RED, judged.verdict)
        self.assertIn('there is no such test', judged.faults[0])

    def test_too_many_are_listed(self):
        names = 'abc'
        judged = self.judge(
            outcomes(**dict.fromkeys(names, 'passed')),
            outcomes(**dict.fromkeys(names, 'failed')), *names)

        self.assertEqual(verdict.RED, judged.verdict)
        self.assertIn('3 of 103 tests are listed', judged.faults[0])

    def test_a_fault_of_the_list(self):
        module = verdict.Module(MODULE, many(1), many(1))

        self.assertEqual(
            verdict.RED, verdict.judge(
                [module], {}, ['a fault'], {'ours.one'}).verdict)

    def test_too_little_passes_on_stock(self):
        for bad, judgement in ((25, verdict.GOOD), (26, verdict.NOT_JUDGED)):
            same = {f'{MODULE}.bad{index}': results.Outcome('failed')
                    for index in range(bad)}
            judged = self.judge(same, same)
            self.assertEqual(judgement, judged.verdict, judged.faults)
        self.assertIn('100 of 126 pass', judged.faults[0])

    def test_nothing_ran(self):
        empty = verdict.Module(MODULE, {}, {})

        for modules in ([], [empty]):
            self.assertEqual(
                verdict.NOT_JUDGED,
                verdict.judge(modules, {}, [], {'ours.one'}).verdict)

    def test_nothing_of_ours_ran(self):
        module = verdict.Module(MODULE, many(1), many(1))

        judged = verdict.judge([module], {}, [], set())

        self.assertEqual(verdict.NOT_JUDGED, judged.verdict)
        self.assertEqual(["No method of this project's ran."], judged.faults)


class ReportTest(testtools.TestCase):

    def test_overrides_that_no_test_ran(self):
        module = verdict.Module(MODULE, many(3), many(3))
        ran = {'ours.one'}
        said = report.text(
            'Nova 34.', [module], verdict.judge([module], {}, [], ran),
            ({'ours.one', 'ours.two'}, ran))

        self.assertIn('1 of the 2 methods', said)
        self.assertIn('No test ran:\n  ours.two\n', said)
        self.assertIn('| unit.test_it |            3 |', said)


class DriftTest(testtools.TestCase):

    def test_a_table(self):
        table = drift.found()

        self.assertEqual(
            '(self)',
            table['nova.virt.libvirt.host.Host._get_connection']['signature'])
        # Overridden; asked at the start; called in a class; a module's own.
        self.assertLessEqual({
            'nova.virt.libvirt.driver.LibvirtDriver.spawn',
            'nova.virt.libvirt.guest.Guest.get_config',
            'nova.virt.libvirt.driver.LibvirtDriver._check_emulation_arch',
            'nova.compute.utils.is_volume_backed_instance',
        }, set(table))

    def test_what_changed(self):
        one = {'signature': '(self)', 'code': '1'}
        before = dict.fromkeys('abcd', one)
        after = {'a': one, 'b': {**one, 'code': '2'},
                 'c': {'signature': '(self, x)', 'code': '3'}, 'e': one}

        self.assertEqual([
            'b: does something else', 'c: takes (self, x), took (self)',
            'd: is gone, or not used any more',
            'e: is new here, or newly used'],
            drift.differences(before, after))

    def test_a_docstring_is_no_change(self):
        self.assertEqual(
            self.digest('def f(x):\n    return x\n'),
            self.digest('def f(x):\n    """Say."""\n    return x  # why\n'))
        self.assertNotEqual(
            self.digest('def f(x):\n    return x\n'),
            self.digest('def f(x):\n    return -x\n'))

    def digest(self, text):
        folder = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(folder, 'drifting.py')
        path.write_text(text)
        return drift.digest(runpy.run_path(str(path))['f'])

    def test_the_table_is_of_what_is_used_now(self):
        nova = release.NEWEST
        if not release.installed().startswith(f'{nova}.'):
            self.skipTest(f'this is Nova {release.installed()}: only the '
                          f'table of Nova {nova} has to be up to date')

        self.assertEqual(
            set(drift.read(nova)), set(drift.found()),
            f'Run: make drift NOVA={nova} ARGS=--write')


class RunTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.tests = self.folder / 'test_it.py'
        self.tests.write_text('one')

    def run_of(self, **kwargs):
        run = runs.Run(34, kwargs.pop('mode', 'threading'),
                       results_in=self.folder, **kwargs)
        run.folder.mkdir(parents=True, exist_ok=True)
        return run

    def test_results_are_kept_while_nothing_changes(self):
        run = self.run_of()
        self.assertFalse(run.is_kept(MODULE, self.tests))
        run.path(MODULE, 'key').write_text(run.key(self.tests))

        self.assertTrue(self.run_of().is_kept(MODULE, self.tests))
        self.assertFalse(
            self.run_of(classes=runs.OURS).is_kept(MODULE, self.tests))
        self.assertFalse(
            self.run_of(mode='eventlet').is_kept(MODULE, self.tests))
        self.tests.write_text('another')
        self.assertFalse(self.run_of().is_kept(MODULE, self.tests))

    def test_modules(self):
        found = runs.modules('test_host$|test_rt_servers')

        self.assertEqual([
            'nova.tests.unit.virt.libvirt.test_host',
            'nova.tests.functional.libvirt.test_rt_servers'], list(found))
        self.assertTrue(all(path.is_file() for path in found.values()))
