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

import argparse
import contextlib
import io
import types

import fixtures

from nova_numa_ext.cmd import plans
from nova_numa_ext.host import item
from nova_numa_ext.tune import units
from tests.unit.cmd import files

OWN = 'etc/x/own.conf'
THEIRS = 'etc/theirs.conf'
MARKED = 'a\n# BEGIN nova-numa-ext\nb\n# END nova-numa-ext\n'


class PlansTest(files.HostTest):
    """A command that has a file of its own and one of others."""

    def setUp(self):
        super().setUp()
        self.put(THEIRS, 'a\n')
        self.command = types.SimpleNamespace(
            __name__='x.this', add_parser=self.add_parser)
        self.plan = plans.Plan(
            files=(units.File(OWN, 'mine\n'),),
            edits=(units.File(THEIRS, MARKED),),
            lines=['said first'], notes=['said last'], restart=('d', 'e'),
            plain={'more': 1})
        self.wished = []

    def add_parser(self, subparsers):
        parser = subparsers.add_parser('this')
        plans.add_arguments(parser, 'Nova')
        parser.add_argument('--wish')
        parser.set_defaults(run=lambda arguments: plans.run(
            arguments, 'this', ('wish',), self.plan_of))

    def plan_of(self, look, wished):
        self.assertEqual(str(self.root), look.root)
        self.wished.append(wished['wish'])
        if isinstance(self.plan, Exception):
            raise self.plan
        return self.plan

    def test_shown(self):
        self.assertEqual((0, """\
said first
/etc/x/own.conf: not there, wanted:
    mine
/etc/theirs.conf: another text, wanted:
    # BEGIN nova-numa-ext
    b
    # END nova-numa-ext
said last
Nothing was written: --write does it.
""", ''), self.run_command())

    def test_written(self):
        self.assertEqual((0, """\
said first
The files are written.
Restart, in this order: d, e.
said last
""", ''), self.run_command('--write'))
        found = self.files()
        self.assertEqual(('mine\n', MARKED), (found[OWN], found[THEIRS]))

    def test_reverted_though_there_is_no_plan_any_more(self):
        before = self.files()
        self.run_command('--write')
        self.plan = plans.Refused('no.')
        self.assertEqual(0, self.run_command('--revert')[0])
        self.assertEqual(before, self.files())

    def test_what_others_have_added_stays(self):
        self.run_command('--write')
        self.put(THEIRS, MARKED + 'c\n')
        self.run_command('--revert')
        self.assertEqual('a\nc\n', self.files()[THEIRS])

    def test_a_file_of_others_where_ours_goes(self):
        self.put(OWN, 'of others\n')
        before = self.files()
        status, said, complained = self.run_command('--write')
        self.assertEqual((2, ''), (status, said))
        self.assertIn(f'/{OWN}: not written by this command', complained)
        self.assertEqual(before, self.files())

    def test_our_file_changed_since(self):
        self.run_command('--write')
        self.put(OWN, 'changed\n')
        status, _said, complained = self.run_command('--revert')
        self.assertEqual(2, status)
        self.assertIn('changed since. Nothing was done', complained)
        self.assertEqual(MARKED, self.files()[THEIRS])

    def test_what_is_not_planned_any_more(self):
        before = self.files()
        self.run_command('--write')
        self.plan = plans.Plan()
        self.assertEqual(0, self.run_command('--write')[0])
        self.assertEqual(
            before, {path: text for path, text in self.files().items()
                     if not path.startswith('var')})

    def test_items(self):
        bad = item.Item('x', '1', '2', False, 'do it')
        self.plan.items = (bad,)
        status, said, _complained = self.run_command('--write')
        self.assertEqual(1, status)
        self.assertIn('\nx is not in effect yet: 1, wanted 2.\n', said)
        self.plan.items = (item.Item('x', '?', '2', None, 'do it'),)
        self.assertEqual(0, self.run_command('--check')[0])

    def test_wishes(self):
        self.run_command('--write', '--wish', '5')
        self.run_command('--check')
        self.run_command('--check', '--wish', '6')
        self.run_command()
        self.assertEqual(['5', '5', '5', '6', None], self.wished)

    def test_refused(self):
        self.plan = plans.Refused('no.')
        self.assertEqual((2, '', 'no.\n'), self.run_command('--write'))

    def test_notes_that_cannot_be_read(self):
        self.put('var/lib/nova-numa-ext/this.json', '{')
        status, _said, complained = self.run_command('--check')
        self.assertEqual(2, status)
        self.assertIn('this.json cannot be used', complained)

    def test_what_cannot_be_written(self):
        self.put('var', '')
        status, _said, complained = self.run_command('--write')
        self.assertEqual(2, status)
        self.assertIn('Run this as root', complained)

    def test_this_host(self):
        """Without --root it is the one that this runs on."""
        look = types.SimpleNamespace(root=str(self.root))
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS', look))
        parser = argparse.ArgumentParser()
        self.add_parser(parser.add_subparsers())
        arguments = parser.parse_args(['this', '--json'])
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(0, arguments.run(arguments))
        self.assertIn('"more": 1', said.getvalue())


class TextTest(files.HostTest):

    def test_as_it_is(self):
        look = types.SimpleNamespace(root=str(self.root))
        (self.root / 'x').write_bytes(b' a\r\n\n')
        self.assertEqual(' a\r\n\n', plans.text(look, 'x'))
        self.assertIsNone(plans.text(look, 'none/x'))
