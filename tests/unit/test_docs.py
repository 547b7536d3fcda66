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

"""The README and the pages say what is there."""

import dataclasses
import os
import re
import sys
from unittest import mock

import testtools

from nova_numa_ext import traits
from nova_numa_ext.conf import opts
from nova_numa_ext.policy import table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, 'doc', 'ext'))

import render  # noqa: E402


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as f:
        return f.read()


def files(folder, ending):
    for where, _folders, names in os.walk(os.path.join(ROOT, folder)):
        for name in names:
            if name.endswith(ending):
                yield os.path.relpath(os.path.join(where, name), ROOT)


class TestPages(testtools.TestCase):
    """What is written by hand, against what there is."""

    documents = ('README.md', 'CONTRIBUTING.rst', 'HACKING.rst',
                 'patches/README.md', 'devstack/README.md',
                 *sorted(files('doc/source', '.rst')))

    def test_make_targets(self):
        targets = set(re.findall(r'^([a-z0-9-]+):', read('Makefile'), re.M))
        for name in (*self.documents, 'tox.ini', '.ci/run'):
            # In a code block, in quotes, in tox.ini, in .ci/run.
            found = re.findall(r'(?:^ {4}|`|\$ |commands = |step \S+ )'
                               r'make ([a-z0-9-]+)', read(name), re.M)
            self.assertLessEqual(set(found), targets, name)

    def test_tox_environments(self):
        """CONTRIBUTING names no environment that tox.ini does not have."""
        (sentence,) = re.findall(r'``tox -e (.*?) run the same',
                                 read('CONTRIBUTING.rst'), re.S)
        names = re.findall(r'([a-z0-9]+)``', sentence)
        self.assertIn('py3', names)
        for name in names:
            self.assertRegex(read('tox.ini'),
                             r'envlist.*\b%s\b|testenv:%s\]' % (name, name))

    def test_links(self):
        for name in self.documents:
            if not name.endswith('.md'):
                continue
            links = re.findall(r'\]\(([^)#]+)\)', read(name))
            for link in links:
                if not re.match('https?://', link):
                    path = os.path.join(ROOT, os.path.dirname(name), link)
                    self.assertTrue(os.path.exists(path), (name, link))

    def test_length_of_readme(self):
        self.assertThat(read('README.md').splitlines(),
                        testtools.matchers.AfterPreprocessing(
                            len, testtools.matchers.LessThan(180)))

    def test_specs(self):
        """No page names a spec that there is not."""
        known = {row.spec for row in table.ROWS}
        known |= {row.image_property for row in table.ROWS}
        for name in (*self.documents, *files('releasenotes/notes', '.yaml')):
            if name.endswith('messages.rst'):
                # It has wrong ones on purpose.
                continue
            words = re.findall(r'\bnuma_ext[:_][a-z0-9_]+', read(name))
            words = {word for word in words if not word.endswith('_')}
            self.assertEqual(set(), words - known, name)

    def test_specs_of_the_readme(self):
        """The README's table has each row, in the order of the table."""
        rows = re.findall(r'^\| `([a-z0-9_]+)` \| (.*) \| (yes|no) \|$',
                          read('README.md'), re.M)
        self.assertEqual(
            [(row.name, 'no' if row.flavor_only else 'yes')
             for row in table.ROWS],
            [(name, image) for name, _, image in rows])
        for row, (_, values, _) in zip(table.ROWS, rows):
            for word in getattr(row.type, 'words', ()):
                self.assertIn('`%s`' % word, values)

    def test_refusal_of_the_readme(self):
        message = render.refusal(['flavor numa_ext:cpu_mode=host-passtrough'])
        self.assertIn(message, ' '.join(read('README.md').split()))

    def test_specs_of_the_guide(self):
        """The administrator's guide has something on each row."""
        guide = ''.join(read(name) for name in files(
            os.path.join('doc', 'source', 'admin'), '.rst'))
        self.assertEqual([], [
            row.spec for row in table.ROWS
            if ':spec:`%s`' % row.spec not in guide])


class TestReference(testtools.TestCase):
    """What is generated."""

    def test_each_row_is_there(self):
        text = '\n'.join(render.specs())
        for row in table.ROWS:
            self.assertIn('.. spec:: %s\n' % row.spec, text)
            self.assertIn('\n   %s\n' % row.help, text)
            self.assertIn('   :Values: %s\n' % row.type.help, text)
            self.assertEqual(not row.flavor_only,
                             '``%s``' % row.image_property in text)

    def test_needs(self):
        text = '\n'.join(render.specs())
        self.assertIn('   :Needs: custom: :spec:`numa_ext:cpu_models`\n', text)
        self.assertIn('   :Needs: :spec:`numa_ext:cpu_mode` to be custom\n',
                      text)

    def test_needs_of_novas(self):
        text = '\n'.join(render.specs())
        self.assertIn(
            '   :Needs: realtime: ``hw:cpu_realtime`` to be yes; realtime: '
            '``hw:cpu_policy`` to be dedicated or mixed; realtime: '
            '``hw:cpu_realtime_mask`` or ``hw:emulator_threads_policy``\n',
            text)

    def test_excludes(self):
        self.assertIn('   :Excludes: :spec:`numa_ext:iothreads` to be off\n',
                      '\n'.join(render.specs()))

    def test_versions_and_what_a_host_without_does(self):
        row = dataclasses.replace(
            table.BY_NAME['cpu_dies'], leave_out=False, versions=(
                ('*', table.Version(6001000, 4002001)),
                ('auto', table.Version(libvirt=7000000))))
        text = '\n'.join(render.specs([row]))
        self.assertIn('   :Host: libvirt 6.1.0 and QEMU 4.2.1; auto: libvirt '
                      '7.0.0\n   :On a host that lacks it: refused\n', text)
        self.assertIn(
            '   :On a host that lacks it: left out\n', '\n'.join(
                render.specs([dataclasses.replace(row, leave_out=True)])))
        self.assertIn(
            '   :On a host that lacks it: refused; left out where a profile '
            'set it\n', '\n'.join(render.specs([table.BY_NAME['cpu_mode']])))

    def test_profiles(self):
        text = '\n'.join(render.specs())
        lines = render.profiles()
        for profile, settings in table.PROFILES.items():
            self.assertIn('     - %s' % profile, lines)
            for name, value in settings:
                self.assertIn('%s sets %s' % (profile, value), text)
                at = lines.index('   * - :spec:`numa_ext:%s`' % name)
                self.assertIn(
                    '     - %s' % value, lines[at:at + 1 + len(
                        table.PROFILES)])

    def test_row_without_help(self):
        row = dataclasses.replace(table.BY_NAME['cpu_mode'], help=' ')
        error = self.assertRaises(
            render.Incomplete, render.specs, (*table.ROWS, row))
        self.assertEqual('numa_ext:cpu_mode has no help', str(error))

    def test_rule_that_names_no_row(self):
        for rule in ({'needs': (('*', table.Needs('moon')),)},
                     {'excludes': (('*', table.Excludes('moon', ('x',))),)}):
            row = dataclasses.replace(table.BY_NAME['cpu_topology'], **rule)
            error = self.assertRaises(render.Incomplete, render.specs, (row,))
            self.assertEqual(
                'numa_ext:cpu_topology names moon, which is no row',
                str(error))

    def test_each_option_is_there(self):
        text = '\n'.join(render.options(opts.list_opts()))
        for group, options in opts.list_opts():
            self.assertIn('.. oslo.config:group:: %s\n' % group.name, text)
            for option in options:
                self.assertIn('.. oslo.config:option:: %s\n' % option.dest,
                              text)
                self.assertIn(option.help.strip().splitlines()[0], text)

    def test_option_without_help(self):
        option = opts.cfg.BoolOpt('mute')
        error = self.assertRaises(
            render.Incomplete, render.options, [(opts.GROUP, [option])])
        self.assertEqual('[numa_ext] mute has no help', str(error))

    def test_each_trait_is_there(self):
        text = '\n'.join(render.traits())
        for row in traits.ROWS:
            self.assertIn(
                '   * - ``CUSTOM_NUMA_EXT_%s``\n     - %s\n     - %s'
                % (row.name, row.help, row.needed or '--'), text)

    def test_trait_without_help(self):
        row = dataclasses.replace(traits.ROWS[0], help=' ')
        with mock.patch.object(traits, 'ROWS', [row]):
            error = self.assertRaises(render.Incomplete, render.traits)
        self.assertEqual('GUEST_POLICY has no help', str(error))

    def test_traits_that_pages_name(self):
        names = {re.sub(r'\{.*', '', row.name) for row in traits.ROWS}
        for name in (*TestPages.documents,
                     *files('releasenotes/notes', '.yaml')):
            for word in re.findall(r'CUSTOM_NUMA_EXT_([A-Z0-9_]+)',
                                   read(name)):
                self.assertTrue(any(
                    word == known or known.endswith('_')
                    and word.startswith(known) for known in names),
                    (name, word))

    def test_pages_use_the_generators(self):
        source = ('doc', 'source')
        self.assertIn('.. numa-ext-specs::',
                      read(*source, 'reference', 'extra-specs.rst'))
        self.assertIn('.. numa-ext-traits::',
                      read(*source, 'reference', 'traits.rst'))
        self.assertIn('.. numa-ext-options::',
                      read(*source, 'configuration', 'index.rst'))

    def test_refusal_by_a_host(self):
        wanted = ['flavor numa_ext:cpu_mode=host-passthrough']
        self.assertIn('virt_type = kvm',
                      render.refusal(wanted, render.HOST_WITHOUT_KVM))
        self.assertRaises(render.Incomplete, render.refusal, wanted)
