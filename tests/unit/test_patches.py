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

"""patches/check.py, on a Nova of three files, and on the patches we have."""

import ast
import base64
import hashlib
import pathlib
import shutil
import sys
import tarfile

import fixtures
import testtools

PATCHES = pathlib.Path(__file__).parents[2] / 'patches'
# As it is for check.py, which is a command and no part of a package.
sys.path.insert(0, str(PATCHES))

from checking import lint  # noqa: E402
from checking import released  # noqa: E402
from checking import series  # noqa: E402
from checking import site  # noqa: E402
from checking import upstream  # noqa: E402

LOUD = '0001-louder.patch'

DRIVER = ''.join('line %d\n' % number for number in range(1, 21))
TEST = '''import unittest


class TestDriver(unittest.TestCase):
    def test_other(self):
        pass

    def _line(self):
        return open('nova/driver.py').read().splitlines()[9]
    def test_line(self):
        self.assertEqual('line 10', self._line())
'''
FILES = {'nova/__init__.py': '', 'nova/driver.py': DRIVER,
         'nova/tests/__init__.py': '', 'nova/tests/test_driver.py': TEST}

PATCH = '''\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: Somebody <somebody@example.org>
Date: Sat, 21 Nov 2026 12:00:00 +0000
Subject: [PATCH] driver: Be louder

It was not loud.

Description: The driver is louder
Forwarded: no
Bug: not-reported
Applied-Upstream: no
Last-Update: 2026-11-21
---
 nova/driver.py | 2 +-

diff --git a/nova/driver.py b/nova/driver.py
--- a/nova/driver.py
+++ b/nova/driver.py
@@ -8,5 +8,5 @@
 line 8
 line 9
-line 10
+LINE 10
 line 11
 line 12
diff --git a/nova/tests/test_driver.py b/nova/tests/test_driver.py
--- a/nova/tests/test_driver.py
+++ b/nova/tests/test_driver.py
@@ -9,3 +9,3 @@
         return open('nova/driver.py').read().splitlines()[9]
     def test_line(self):
-        self.assertEqual('line 10', self._line())
+        self.assertEqual('LINE 10', self._line())
'''
TOML = '''[[release]]
release = "34"
nova = "34.0.0"
sha256 = "%s"
python = "3.11"
tests = ["nova.tests.test_driver"]
'''
README = 'Patches\n\n%s%s' % lint.TABLE


class PatchesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        temp = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.here = temp / 'patches'
        self.folder = self.here / 'nova-34'
        self.folder.mkdir(parents=True)
        self.patch = self.folder / LOUD
        self.patch.write_text(PATCH)
        self.series = self.folder / 'series'
        self.series.write_text(LOUD + '\n')
        (self.here / 'README.md').write_text(README)
        self.tree = temp / 'nova-34.0.0'
        self.site = temp / 'site-packages'
        for root in (self.tree, self.site):
            for name, text in FILES.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        self.sdist = temp / 'nova-34.0.0.tar.gz'
        with tarfile.open(self.sdist, 'w:gz') as archive:
            archive.add(self.tree, 'nova-34.0.0')
        self.row = {
            'nova': '34.0.0',
            'sha256': hashlib.sha256(self.sdist.read_bytes()).hexdigest()}
        (self.here / 'releases.toml').write_text(TOML % self.row['sha256'])
        info = self.site / 'nova-34.0.0.dist-info'
        info.mkdir()
        (info / 'RECORD').write_text(''.join(
            '%s,sha256=%s,%d\n' % (
                name, base64.urlsafe_b64encode(hashlib.sha256(
                    text.encode()).digest()).rstrip(b'=').decode(), len(text))
            for name, text in FILES.items()))

    def change(self, before, after):
        self.assertIn(before, PATCH)
        self.patch.write_text(PATCH.replace(before, after))

    def installed(self):
        return {
            path.relative_to(self.site).as_posix(): path.read_text()
            for path in self.site.rglob('*.py')
            if site.STATE not in path.parts}

    def assertRefused(self, message, call, *args, **kwargs):
        error = self.assertRaises(series.Refusal, call, *args, **kwargs)
        self.assertNotIn('\n', str(error))
        self.assertIn(message, str(error))


class LintTest(PatchesTest):

    def setUp(self):
        super().setUp()
        if sys.version_info < (3, 11):
            self.skipTest('lint reads TOML: Python 3.11 or later')
        lint.write_table(self.here)

    def test_nothing_is_wrong(self):
        self.assertEqual([], lint.lint(self.here))

    def test_fields(self):
        for before, after, fault in (
            ('Description: The driver is louder\n', '', 'field Description'),
            ('Bug: not-reported\n', '', 'no DEP-3 field Bug'),
            ('Applied-Upstream: no\n', '', 'no DEP-3 field Applied-Upstream'),
            ('Last-Update: 2026-11-21\n', '', 'no DEP-3 field Last-Update'),
            ('Forwarded: no\n', '', 'neither of the DEP-3 fields Origin and'),
            ('Last-Update: 2026-11-21', 'Last-Update: 2026-13-21', 'no date'),
            ('Bug: not-reported', 'Bug: yes', 'a Bug that says nothing: yes'),
            ('Subject: [PATCH]', 'Subject:', 'not what git format-patch'),
            ('driver: Be louder', 'x' * 80, 'more than 72 characters'),
            ('It was not loud', 'loud ' * 20, 'a line that is too long'),
            ('+LINE 10\n', '+LINE 10 \n', 'blanks at the end'),
            ('nova/tests/', 'nova/checks/', 'has no test'),
            ('nova/driver.py', 'setup.cfg', 'changes nothing that runs'),
            ('nova/driver.py', 'setup.cfg', 'should not: setup.cfg'),
        ):
            self.change(before, after)

            found = lint.lint(self.here)

            self.assertTrue(
                [line for line in found if fault in line], (fault, found))
            self.assertEqual([], [
                line for line in found
                if not line.startswith('nova-34/0001-louder.patch: ')])

    def test_origin_will_do_for_forwarded(self):
        self.change('Forwarded: no',
                    'Origin: upstream, https://example.org/commit/1')

        self.assertEqual([], lint.lint(self.here))

    def test_series_and_files(self):
        (self.folder / '0002-more.patch').write_text(PATCH)
        self.assertEqual(['nova-34/0002-more.patch: not in series'],
                         lint.lint(self.here))

        self.series.write_text('%s\n0002-more.patch\n0003-no.patch\n' % LOUD)
        self.assertEqual(
            ['nova-34/0003-no.patch: is in series but is not there'],
            lint.lint(self.here))

        self.series.write_text('0002-more.patch\n%s\n' % LOUD)
        self.assertEqual(
            ['nova-34/series: not in the order of the numbers, or one twice'],
            lint.lint(self.here))

    def test_releases_and_folders(self):
        shutil.copytree(self.folder, self.here / 'nova-33')
        self.assertEqual(['nova-33: not in releases.toml'],
                         lint.lint(self.here))

        shutil.rmtree(self.here / 'nova-33')
        (self.here / 'releases.toml').write_text(TOML % 'unknown')
        self.assertEqual(
            ["releases.toml: nova-34: sha256 is 'unknown'"],
            lint.lint(self.here))

    def test_one_number_is_one_patch_in_all_releases(self):
        older = self.here / 'nova-33'
        older.mkdir()
        (older / '0001-quieter.patch').write_text(PATCH)
        (older / 'series').write_text('0001-quieter.patch\n')
        with open(self.here / 'releases.toml', 'a') as file:
            file.write((TOML % self.row['sha256']).replace('34', '33'))

        self.assertEqual(
            ['nova-33/0001-quieter.patch: elsewhere 0001 is ' + LOUD],
            lint.lint(self.here))

    def test_table(self):
        self.assertIn(
            '| | 34 |\n|---|---|\n| 0001 The driver is louder | x |\n',
            (self.here / 'README.md').read_text())

        self.change('The driver is louder', 'The driver shouts')
        self.assertEqual(
            ['README.md: the table is out of date: run check.py table'],
            lint.lint(self.here))

        lint.write_table(self.here)
        self.assertEqual([], lint.lint(self.here))


class AppliedTest(PatchesTest):

    def apply(self):
        return list(released.apply(self.folder, self.sdist))

    def test_applies(self):
        self.assertEqual([], self.apply())

    def test_no_fuzz(self):
        """A line of the context is another: patch would take that."""
        self.change(' line 12\n', ' line twelve\n')

        self.assertEqual(
            ['0001-louder.patch, alone', '0001-louder.patch, after those '
             'before it'],
            [line.split(': ')[0].split('/')[1] for line in self.apply()])

    def test_alone_and_in_order(self):
        self.series.write_text('%s\n0002-more.patch\n' % LOUD)
        (self.folder / '0002-more.patch').write_text(
            PATCH.replace('LINE', 'Line').replace('line 10', 'LINE 10'))
        self.assertEqual(
            ['nova-34/0002-more.patch, alone'],
            [line.split(': ')[0] for line in self.apply()])

        self.series.write_text('%s\n0002-more.patch  # needs 0001\n' % LOUD)
        self.assertEqual([], self.apply())

    def test_another_sdist(self):
        self.assertEqual(self.sdist,
                         released.fetch(self.row, self.sdist.parent))

        self.assertRefused(
            'not that of releases.toml', released.fetch,
            {**self.row, 'sha256': '0' * 64}, self.sdist.parent)

    def test_refresh(self):
        """What has moved is found again, and written as git would."""
        self.change('@@ -8,5 +8,5 @@', '@@ -6,5 +6,5 @@')

        self.assertEqual(['nova-34/' + LOUD],
                         list(released.refresh(self.folder, self.sdist)))

        patch = series.Patch(self.patch)
        self.assertIn('\n@@ -7,7 +7,7 @@', patch.text)
        self.assertEqual('driver: Be louder', patch.subject)
        self.assertEqual('2026-11-21', patch.fields['Last-Update'])
        self.assertEqual([], list(lint.faults_of(patch)))
        self.assertEqual([], self.apply())
        self.assertEqual(
            [], list(released.refresh(self.folder, self.sdist)))


class UpstreamTest(PatchesTest):

    def test_which(self):
        """A test that uses a changed helper is one, too."""
        self.assertEqual(
            {'nova.tests.test_driver': ['TestDriver.test_line']},
            upstream.touched_tests(series.Patch(self.patch), self.tree))
        self.change(
            "-        self.assertEqual('line 10', self._line())\n"
            "+        self.assertEqual('LINE 10', self._line())\n",
            "         self.assertEqual('line 10', self._line())\n")
        text = self.patch.read_text().replace(
            '@@ -9,3 +9,3 @@\n         return',
            '@@ -9,3 +9,3 @@\n+        return')
        self.patch.write_text(text)
        self.assertEqual(
            {'nova.tests.test_driver': ['TestDriver.test_line']},
            upstream.touched_tests(series.Patch(self.patch), self.tree))

    def test_fails_without_and_passes_with(self):
        self.assertEqual([], self.run_tests())

    def run_tests(self):
        runner = upstream.Runner(sys.executable, {})
        return list(upstream.test(self.folder, self.sdist, runner, ()))

    def test_passes_without(self):
        self.change("'LINE 10', self._line()", "'LINE 10'.upper(), 'LINE 10'")

        self.assertEqual(
            ['nova-34/0001-louder.patch: no test fails without it'],
            self.run_tests())

    def test_fails_with(self):
        self.change("'LINE 10', self._line()", "'LINE 11', self._line()")

        self.assertEqual(
            ['nova-34/0001-louder.patch: tests fail with it: '
             'nova.tests.test_driver'], self.run_tests())


class SiteTest(PatchesTest):

    def install(self, **kwargs):
        return site.install(self.here, self.site, **kwargs)

    def test_there_and_back(self):
        before = self.installed()

        self.assertEqual(['nova/driver.py'], self.install())

        after = self.installed()
        self.assertEqual(
            {**before, 'nova/driver.py': DRIVER.replace('line 10', 'LINE 10')},
            after)
        self.assertRefused('has patches: revert them first', self.install)

        self.assertEqual(['nova/driver.py'], site.revert(self.site))
        self.assertEqual(before, self.installed())
        self.assertFalse((self.site / site.STATE).exists())
        self.assertRefused('has no patches', site.revert, self.site)

    def test_dry_run(self):
        before = self.installed()
        self.assertEqual(['nova/driver.py'], self.install(dry_run=True))
        self.assertEqual(before, self.installed())
        self.assertFalse((self.site / site.STATE).exists())

        self.install()
        after = self.installed()
        self.assertEqual(['nova/driver.py'],
                         site.revert(self.site, dry_run=True))
        self.assertEqual(after, self.installed())
        self.assertTrue((self.site / site.STATE).exists())

    def test_new_file(self):
        """A file that a patch makes goes when the patch goes."""
        self.patch.write_text(PATCH + '''\
diff --git a/nova/loud.py b/nova/loud.py
new file mode 100644
--- /dev/null
+++ b/nova/loud.py
@@ -0,0 +1 @@
+LOUD = True
''')
        before = self.installed()

        self.install()

        self.assertEqual('LOUD = True\n', self.installed()['nova/loud.py'])
        site.revert(self.site)
        self.assertEqual(before, self.installed())

    def test_modified_before(self):
        """Even where the patch would apply."""
        driver = self.site / 'nova/driver.py'
        driver.write_text(DRIVER + 'mine\n')

        self.assertRefused('is modified: nova/driver.py', self.install)

        self.assertEqual(DRIVER + 'mine\n', driver.read_text())

    def test_modified_after(self):
        self.install()
        driver = self.site / 'nova/driver.py'
        driver.write_text(DRIVER + 'mine\n')

        self.assertRefused('is modified since: nova/driver.py',
                           site.revert, self.site)

        self.assertEqual(DRIVER + 'mine\n', driver.read_text())

    def test_interrupted(self):
        """Nova's own file is as good a start for revert as the patched."""
        self.install()
        (self.site / 'nova/driver.py').write_text(DRIVER)

        site.revert(self.site)

        self.assertEqual(DRIVER, self.installed()['nova/driver.py'])

    def test_nova_was_upgraded(self):
        self.install()
        (self.site / 'nova-34.0.0.dist-info').rename(
            self.site / 'nova-34.0.1.dist-info')

        self.assertRefused('nova 34.0.1 has come since', site.revert,
                           self.site)

    def test_point_release_that_differs(self):
        text = DRIVER.replace('line 10\n', 'line ten\n')
        (self.site / 'nova/driver.py').write_text(text)
        record = self.site / 'nova-34.0.0.dist-info/RECORD'
        record.write_text('nova/driver.py,sha256=%s,1\n' % (
            base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            .rstrip(b'=').decode()))

        self.assertRefused('0001-louder.patch does not apply to nova 34.0.0',
                           self.install)

        self.assertEqual(text, self.installed()['nova/driver.py'])

    def test_packages_of_debian(self):
        """They have no RECORD; dpkg knows the sums."""
        info = self.site / 'nova-34.0.0.dist-info'
        shutil.rmtree(info)
        info = info.with_name('nova-34.0.0.egg-info')
        info.mkdir()
        names = ['nova/driver.py']
        dpkg = self.site.parent
        self.assertRefused('nor a package of Debian', site.modified,
                           self.site, info, names, dpkg)
        driver = (self.site / 'nova/driver.py').resolve()
        (dpkg / 'python3-nova.md5sums').write_text('%s  %s\n' % (
            hashlib.md5(DRIVER.encode()).hexdigest(),  # noqa: S324
            str(driver)[1:]))
        self.assertEqual(
            [], site.modified(self.site, info, names, dpkg))
        driver.write_text('mine\n')
        self.assertEqual(
            names, site.modified(self.site, info, names, dpkg))

    def test_version(self):
        info = self.site / 'nova-34.0.0.dist-info'
        for name in ('nova-34.0.0.egg-info', 'nova-34.0.0-py3.11.egg-info',
                     'nova-34.0.0.dev5.dist-info'):
            info = info.rename(info.with_name(name))
            self.assertEqual(('34.0.0', info), site.installed(self.site))

        info.rename(info.with_name('novaclient-1.0.0.dist-info'))
        self.assertRefused('says nothing of the version', site.installed,
                           self.site)

    def test_only_some(self):
        self.assertEqual(['nova/driver.py'], self.install(only=('0001',)))
        site.revert(self.site)

        self.assertRefused('nova-34 has no patch 0009', self.install,
                           only=('0009',))

    def test_no_nova(self):
        self.assertRefused('has no nova: name the folder', site.install,
                           self.here, self.here)

    def test_release_without_patches(self):
        (self.site / 'nova-34.0.0.dist-info').rename(
            self.site / 'nova-35.0.0.dist-info')

        self.assertRefused('no patches of nova 35.0.0', self.install)


class OursTest(testtools.TestCase):

    def test_lint(self):
        if sys.version_info < (3, 11):
            self.skipTest('lint reads TOML: Python 3.11 or later')

        self.assertEqual([], lint.lint(PATCHES))

    def test_install_and_revert_run_on_old_pythons(self):
        for name in ('check', 'checking/site', 'checking/series'):
            ast.parse((PATCHES / (name + '.py')).read_text(),
                      feature_version=(3, 8))
