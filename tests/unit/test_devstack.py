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

"""The DevStack plug-in, run by bash with what DevStack gives it.

DEVSTACK_DIR may name a clone of DevStack, whose own helpers are used then.
"""

import configparser
import os
import pathlib
import re
import subprocess

import fixtures
import testtools
from testtools import content

import nova_numa_ext
from nova_numa_ext.conf import opts
from nova_numa_ext.tune import libvirtd

ROOT = pathlib.Path(__file__).parents[2]
DEVSTACK = ROOT / 'devstack'
FUNCTIONS = pathlib.Path(__file__).parent / 'devstack' / 'functions.sh'
LIBVIRTD = """\
# Master libvirt daemon configuration file
#max_clients = 5000
max_workers = 20
  max_client_requests=5
log_filters="1:qemu"
"""
LIMITED = """\
# Master libvirt daemon configuration file
#max_clients = 5000
#nova-numa-ext# max_workers = 20
#nova-numa-ext#   max_client_requests=5
log_filters="1:qemu"
# BEGIN nova-numa-ext
max_clients = 5000
max_workers = 50
max_client_requests = 40
prio_workers = 5
# END nova-numa-ext
"""
# What auto is.
AUTO = '''\
#!/bin/sh
echo "$*" >> "$CALLS"
echo '{"notes": [], "workers": {"conductor": 5, "scheduler": 3, "api": 7}}'
'''
# Of a Nova that still has them, and of one that does not.
WITH_WORKERS = """
    cfg.IntOpt('osapi_compute_workers',
    cfg.IntOpt('metadata_workers',
"""


class TestCase(testtools.TestCase):
    """A node in a folder.

    :ivar root: the folder
    """

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.put('nova/nova/conf/service.py', WITH_WORKERS)
        self.put('etc/libvirt/libvirtd.conf', LIBVIRTD)
        self.status(0)
        self.put('venv/bin/nova-numa-ext', AUTO).chmod(0o755)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def status(self, code):
        """Have nova-numa-ext-status exit with a code."""
        self.put('venv/bin/nova-numa-ext-status',
                 f'#!/bin/sh\necho "status $*" >> "$CALLS"\nexit {code}\n'
                 ).chmod(0o755)

    def run_bash(self, words, code=0, **variables):
        """Run words after DevStack's functions and the plug-in's settings.

        :returns: what they say, without what xtrace says
        """
        (self.root / 'calls').write_text('')
        (self.root / 'tmp').mkdir(exist_ok=True)
        done = subprocess.run(
            ['bash', '-c', f'source {FUNCTIONS}\n{words}'],
            env={'PATH': os.environ['PATH'], 'ROOT': str(ROOT),
                 'SCRATCH': str(self.root),
                 'TMPDIR': str(self.root / 'tmp'),
                 'CALLS': str(self.root / 'calls'),
                 'DEVSTACK_DIR': os.environ.get('DEVSTACK_DIR', ''),
                 **variables},
            capture_output=True, text=True, check=False, cwd=self.root)
        self.addDetail('stderr', content.text_content(done.stderr))
        self.assertEqual(code, done.returncode)
        return done.stdout, [
            line for line in done.stderr.splitlines()
            if not line.startswith('+')]

    def stack(self, words='stack', **variables):
        self.run_bash(words, **variables)
        self.assertEqual([], list((self.root / 'tmp').iterdir()))

    @property
    def calls(self):
        return (self.root / 'calls').read_text().splitlines()

    @property
    def libvirtd(self):
        return (self.root / 'etc/libvirt/libvirtd.conf').read_text()

    def options(self, name='nova.conf'):
        """Return a file's options, each with the list of its values."""
        found = {}
        section = None
        for line in (self.root / 'etc/nova' / name).read_text().splitlines():
            if line.startswith('['):
                section = line.strip('[]')
            elif line:
                option, _equals, value = line.partition(' = ')
                found.setdefault((section, option), []).append(value)
        return found

    def files(self):
        """Return the texts of all that is in etc, by path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_text()
            for path in (self.root / 'etc').rglob('*') if path.is_file()}


class StackTest(TestCase):

    def test_one_node(self):
        self.stack()

        self.assertEqual([
            f'install -e nova-numa-ext from {ROOT}',
            'tune workers --json --cells 1 --config-file '
            f'{self.root}/etc/nova/nova.conf',
            'restart libvirtd',
            f'status --config-file {self.root}/etc/nova/nova-cpu.conf '
            'upgrade check',
        ], self.calls)
        for name in ('nova.conf', 'nova-cpu.conf'):
            found = self.options(name)
            self.assertEqual([nova_numa_ext.COMPUTE_DRIVER],
                             found['DEFAULT', 'compute_driver'], name)
            self.assertEqual(['True'],
                             found['numa_ext', 'allow_untested_nova'], name)
        self.assertEqual(
            {'allow_untested_nova', 'conductor_workers', 'scheduler_workers',
             'api_workers'},
            {option for section, option in found if section == 'numa_ext'})
        self.assertEqual(LIMITED, self.libvirtd)

    def test_again(self):
        self.stack()
        before = self.files()
        self.stack()

        self.assertEqual(before, self.files())
        self.assertNotIn('restart libvirtd', self.calls)

    def test_xtrace_is_as_it_was(self):
        for setting in ('set -o xtrace', 'set +o xtrace'):
            self.stack(f'{setting}; before=$(set +o); stack; '
                       '[[ "$before" == "$(set +o)" ]]')

    def test_options(self):
        self.stack(NUMA_EXT_VERIFY_GUESTS='fail', NUMA_EXT_SHADOW='True',
                   NUMA_EXT_ALLOW_UNTESTED_NOVA='False')

        found = self.options('nova-cpu.conf')
        self.assertEqual(
            {'verify_guests': ['fail'], 'shadow': ['True'],
             'allow_untested_nova': ['False']},
            {option: value for (section, option), value in found.items()
             if section == 'numa_ext' and not option.endswith('_workers')})

    def test_a_node_of_computes(self):
        self.stack(ENABLED_SERVICES='n-cpu,q-agt')

        found = self.options()
        self.assertIn(('numa_ext', 'allow_untested_nova'), found)
        self.assertNotIn('tune workers', ' '.join(self.calls))
        self.assertEqual(['ComputeFilter,SameHostFilter'],
                         found['filter_scheduler', 'enabled_filters'])
        self.assertFalse((self.root / 'etc/nova/nova_cell1.conf').exists())

    def test_a_node_without_computes(self):
        self.stack(ENABLED_SERVICES='n-api,n-cond,n-sch')

        self.assertEqual(['libvirt.LibvirtDriver'],
                         self.options()['DEFAULT', 'compute_driver'])
        self.assertEqual(LIBVIRTD, self.libvirtd)
        self.assertEqual(
            ['install', 'tune'], [call.split()[0] for call in self.calls])

    def test_a_node_without_nova(self):
        self.stack('create_nova_conf; before=$(cat "$NOVA_CONF"); '
                   'for phase in pre-install install post-config extra; do '
                   'run_phase stack $phase; done; '
                   '[[ "$before" == "$(cat "$NOVA_CONF")" ]]',
                   ENABLED_SERVICES='mysql,rabbit')

        self.assertEqual([], self.calls)

    def test_without_the_driver(self):
        self.stack(NUMA_EXT_DRIVER='False', VIRT_DRIVER='fake')

        self.assertEqual(['libvirt.LibvirtDriver'],
                         self.options()['DEFAULT', 'compute_driver'])
        self.assertNotIn('status', ' '.join(self.calls))

    def test_a_check_that_warns(self):
        self.status(1)
        self.stack()

    def test_a_check_that_fails(self):
        self.status(2)
        _out, said = self.run_bash('stack', code=1)
        self.assertIn('nova-numa-ext-status: see what it says above.',
                      ' '.join(said))

    def test_a_step_that_fails(self):
        """errexit holds in the plug-in, as in stack.sh."""
        self.run_bash(
            'function setup_develop { false; }; stack; note "went on"',
            code=1)
        self.assertEqual([], self.calls)

    def test_settings_that_are_wrong(self):
        for name, value, sentence in (
            ('VIRT_DRIVER', 'ironic', "this driver is libvirt's"),
            ('NUMA_EXT_API_WORKERS', '0', 'NUMA_EXT_API_WORKERS=0: no number'),
            ('NUMA_EXT_LIBVIRT_MAX_WORKERS', 'all', '=all: no number'),
        ):
            _out, said = self.run_bash('stack', code=1, **{name: value})
            self.assertIn(sentence, ' '.join(said))
            self.assertEqual([], self.calls)


class FilterTest(TestCase):

    CLASS = 'nova_numa_ext.scheduler.numa_filter.AutoNUMATopologyFilter'

    def filters(self):
        found = self.options()
        return (found['filter_scheduler', 'enabled_filters'],
                found.get(('filter_scheduler', 'available_filters')))

    def test_added(self):
        self.stack()
        self.assertEqual((
            ['ComputeFilter,SameHostFilter,AutoNUMATopologyFilter'],
            ['nova.scheduler.filters.all_filters', self.CLASS],
        ), self.filters())

    def test_in_the_place_of_novas(self):
        self.stack(NOVA_FILTERS='NUMATopologyFilter, ComputeFilter,'
                                'NUMATopologyFilter')
        self.assertEqual(['ComputeFilter,AutoNUMATopologyFilter'],
                         self.filters()[0])

    def test_beside_those_of_others(self):
        self.stack('create_nova_conf; iniset_multiline "$NOVA_CONF" '
                   'filter_scheduler available_filters a.all b.Mine; '
                   'run_phase stack post-config; run_phase stack post-config')
        self.assertEqual((
            ['ComputeFilter,SameHostFilter,AutoNUMATopologyFilter'],
            ['a.all', 'b.Mine', self.CLASS]), self.filters())

    def test_not_wanted(self):
        self.stack(NUMA_EXT_SCHEDULER_FILTER='False')
        self.assertEqual((['ComputeFilter,SameHostFilter'], None),
                         self.filters())


    def test_it_is_there(self):
        module, _dot, name = self.CLASS.rpartition('.')
        text = (ROOT / module.replace('.', '/')).with_suffix('.py').read_text()
        self.assertIn(f'\nclass {name}(', text)


class WorkersTest(TestCase):

    def workers(self):
        nova = self.options()
        return tuple(found.get(name, [None]) for found, name in (
            (nova, ('conductor', 'workers')),
            (self.options('nova_cell1.conf'), ('conductor', 'workers')),
            (nova, ('scheduler', 'workers')),
            (self.options('nova-api-uwsgi.ini'), ('uwsgi', 'processes')),
            (self.options('nova-metadata-uwsgi.ini'), ('uwsgi', 'processes')),
            (nova, ('DEFAULT', 'osapi_compute_workers')),
            (nova, ('DEFAULT', 'metadata_workers')),
        ))

    WISHES = {'NUMA_EXT_CONDUCTOR_WORKERS': '6',
              'NUMA_EXT_SCHEDULER_WORKERS': '3',
              'NUMA_EXT_API_WORKERS': '4'}

    def test_set(self):
        self.stack(**self.WISHES)
        self.assertEqual(
            (['6'], ['6'], ['3'], ['4'], ['4'], ['4'], ['4']),
            self.workers())

        self.assertNotIn('tune', ' '.join(self.calls))

    def test_auto(self):
        self.stack(NUMA_EXT_SCHEDULER_WORKERS='1')
        self.assertEqual(
            (['5'], ['5'], ['1'], ['7'], ['7'], ['7'], ['7']),
            self.workers())
        found = self.options()
        self.assertEqual((['auto'], ['1']), tuple(
            found['numa_ext', f'{name}_workers']
            for name in ('conductor', 'scheduler')))

    def test_auto_that_fails(self):
        self.put('venv/bin/nova-numa-ext', '#!/bin/sh\nexit 2\n')
        self.run_bash('stack; note "went on"', code=1)
        self.assertNotIn('went on', self.calls)

    def test_left_to_devstack(self):
        self.stack(**dict.fromkeys(self.WISHES, ''))
        self.assertEqual((['2'],) * 7, self.workers())
        self.assertNotIn('tune', ' '.join(self.calls))

    def test_options_that_nova_does_not_know(self):
        self.put('nova/nova/conf/service.py', 'service_opts = []\n')
        for wishes in ({}, self.WISHES):
            self.stack(**wishes)
            self.assertEqual(([None], [None]), self.workers()[-2:])


class LibvirtTest(TestCase):

    def test_another_daemon(self):
        self.stack(NUMA_EXT_LIBVIRT_DAEMON='virtqemud')

        conf = self.root / 'etc/libvirt/virtqemud.conf'
        self.assertIn('max_client_requests = 40\n', conf.read_text())
        self.assertEqual(LIBVIRTD, self.libvirtd)
        self.assertIn('restart virtqemud', self.calls)
        self.stack('unstack', NUMA_EXT_LIBVIRT_DAEMON='virtqemud')
        # There was none before.
        self.assertFalse(conf.exists())

    def test_not_wanted(self):
        self.stack(NUMA_EXT_LIBVIRT_LIMITS='False')
        self.assertEqual(LIBVIRTD, self.libvirtd)
        self.assertNotIn('restart libvirtd', self.calls)

    def test_not_wanted_any_more(self):
        self.stack()
        self.stack(NUMA_EXT_LIBVIRT_LIMITS='False')
        self.assertEqual(LIBVIRTD, self.libvirtd)
        self.assertIn('restart libvirtd', self.calls)

    def test_other_limits(self):
        self.stack()
        self.stack(NUMA_EXT_LIBVIRT_MAX_CLIENT_REQUESTS='60')
        self.assertEqual(
            LIMITED.replace('requests = 40', 'requests = 60'), self.libvirtd)
        self.assertIn('restart libvirtd', self.calls)

    def test_what_others_have_added_since_stays(self):
        self.stack()
        self.put('etc/libvirt/libvirtd.conf', LIMITED + 'log_level = 1\n')
        self.stack('unstack')
        self.assertEqual(LIBVIRTD + 'log_level = 1\n', self.libvirtd)


class UnstackTest(TestCase):

    def test_nothing_is_left(self):
        self.stack(NOVA_FILTERS='ComputeFilter,SameHostFilter')
        self.stack('unstack')

        self.assertEqual([
            'stop n-cpu', 'stop n-sch', 'restart libvirtd',
            f'uninstall nova-numa-ext from {self.root}/venv',
        ], self.calls)
        self.assertEqual(LIBVIRTD, self.libvirtd)
        for name, text in self.files().items():
            self.assertNotRegex(text, '(?i)numa.?ext|AutoNUMA', name)
        self.assertEqual(['libvirt.LibvirtDriver'],
                         self.options()['DEFAULT', 'compute_driver'])
        self.assertEqual(['ComputeFilter,SameHostFilter'],
                         self.options()['filter_scheduler', 'enabled_filters'])

    def test_clean(self):
        self.stack()
        self.stack('clean')
        self.assertEqual(
            {'etc/libvirt/libvirtd.conf': LIBVIRTD}, self.files())

    def test_where_nothing_was_stacked(self):
        before = self.files()
        self.stack('unstack')
        self.assertEqual(before, self.files())
        self.assertNotIn('restart libvirtd', self.calls)

    def test_stacked_again(self):
        self.stack()
        before = self.files()
        self.stack('unstack')
        self.stack()
        self.assertEqual(before, self.files())

    def test_offline(self):
        """What could not be installed again is not uninstalled."""
        self.stack('unstack', OFFLINE='True')
        self.assertEqual(['stop n-cpu', 'stop n-sch'], self.calls)

    def test_a_file_that_cannot_be_read(self):
        self.stack()
        self.stack('function sudo { '
                   'if [[ $1 == awk ]]; then return 1; fi; "$@"; }; unstack')
        self.assertEqual(LIMITED, self.libvirtd)


class SettingsTest(testtools.TestCase):
    """What is written by hand, against what there is."""

    def names(self, *files):
        return {name for file in files for name in re.findall(
            r'^#?(NUMA_EXT_[A-Z_]+)=', file.read_text(), re.MULTILINE)}

    def test_each_option_has_a_setting(self):
        functions = (DEVSTACK / 'lib/nova_numa_ext').read_text()
        listed = re.search(
            r'_NUMA_EXT_OPTIONS="([^"]*)"', functions)[1].split()
        listed = [name for name in listed if name != '\\']

        self.assertEqual([option.name for option in opts.OPTS], listed)
        self.assertLessEqual(
            {f'NUMA_EXT_{name.upper()}' for name in listed},
            self.names(DEVSTACK / 'settings'))

    def test_limits_are_enough(self):
        settings = (DEVSTACK / 'settings').read_text()
        for limit in libvirtd.limits(libvirtd.Facts()):
            (number,) = re.findall(
                fr'NUMA_EXT_LIBVIRT_{limit.name.upper()}:-(\d+)}}', settings)
            self.assertGreaterEqual(int(number), limit.number, limit.name)

    def test_samples(self):
        samples = sorted(DEVSTACK.glob('local.conf*.sample'))
        self.assertEqual(4, len(samples))
        for sample in samples:
            text = sample.read_text()
            self.assertLessEqual(
                self.names(sample), self.names(DEVSTACK / 'settings'), sample)
            self.assertIn('\nenable_plugin nova-numa-ext ', text)
            for line in re.findall('^enable_plugin.*', text, re.MULTILINE):
                self.assertTrue(line.endswith(' main'), line)
            # What DevStack gives to bash.
            _head, rest = text.split('[[local|localrc]]\n')
            localrc = rest.partition('\n[[')[0]
            subprocess.run(['bash', '-n'], input=localrc, text=True,
                           check=True)
            for part in re.split(r'^\[\[.*\]\]$', rest, flags=re.M)[1:]:
                configparser.ConfigParser().read_string(part)

    def test_what_setup_develop_reads(self):
        """With awk, and in a shell that ends where it finds nothing."""
        self.assertIn('\nname = nova-numa-ext\n',
                      (ROOT / 'setup.cfg').read_text())

    def test_samples_are_in_the_readme(self):
        readme = (DEVSTACK / 'README.md').read_text()
        for path in DEVSTACK.glob('*.sample'):
            self.assertIn(f'({path.name})', readme)
