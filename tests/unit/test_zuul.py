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

"""The gate's jobs, against what they name."""

import configparser
import pathlib
import re

import testtools
import yaml

from nova_numa_ext.compat import release

ROOT = pathlib.Path(__file__).parents[2]

# Of other projects: zuul-jobs, openstack-zuul-jobs, tempest, devstack and
# whitebox-tempest-plugin.
JOBS = {
    'devstack-tempest', 'openstack-tox', 'openstack-tox-docs',
    'openstack-tox-functional', 'openstack-tox-pep8', 'openstack-tox-py311',
    'tempest-multinode-full-py3', 'whitebox-devstack-multinode-base'}
NODESETS = {
    'debian-bookworm', 'devstack-single-node-debian-bookworm',
    'nested-virt-multinode'}
PIPELINES = {'check', 'gate', 'periodic', 'experimental'}
#: What a job runs where it does not say so.
ENVIRONMENTS = {
    'openstack-tox-docs': 'docs', 'openstack-tox-functional': 'functional',
    'openstack-tox-pep8': 'pep8'}
PROJECT = 'x/nova-numa-ext'
PLUGIN = {'nova-numa-ext': f'https://opendev.org/{PROJECT} main'}


def load():
    items = yaml.safe_load((ROOT / '.zuul.yaml').read_text())
    found = {}
    for item in items:
        (kind, value), = item.items()
        found.setdefault(kind, []).append(value)
    return found


def environments():
    """Return the environments of tox.ini, with what is between braces."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / 'tox.ini')
    names = set()
    for text in (tox['tox']['envlist'], *(
            section.partition(':')[2] for section in tox.sections())):
        for name in re.findall(r'[^,{]+(?:\{[^}]*\})?', text):
            start, _brace, numbers = name.rstrip('}').partition('{')
            names.update(f'{start}{number}' for number in numbers.split(','))
    return names


class ZuulTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.loaded = load()
        self.jobs = {job['name']: job for job in self.loaded['job']}
        (self.project,) = self.loaded['project']

    def in_pipelines(self):
        """Return (pipeline, name of a job, what is set there)."""
        for pipeline in PIPELINES & set(self.project):
            for job in self.project[pipeline]['jobs']:
                if isinstance(job, str):
                    yield pipeline, job, {}
                else:
                    (name, more), = job.items()
                    yield pipeline, name, more

    def line(self, name):
        """Return a job and those above it, the nearest first."""
        while name in self.jobs:
            yield self.jobs[name]
            name = self.jobs[name]['parent']

    def test_each_name_is_there_once(self):
        self.assertEqual(len(self.loaded['job']), len(self.jobs))
        self.assertLessEqual(set(self.project), PIPELINES)

    def test_jobs_are_defined(self):
        for pipeline, name, _more in self.in_pipelines():
            self.assertIn(name, JOBS | set(self.jobs), pipeline)
            self.assertNotIn('abstract', self.jobs.get(name, ()), name)

    def test_parents_are_defined(self):
        for job in self.jobs.values():
            self.assertIn(job['parent'], JOBS | set(self.jobs), job['name'])
            self.assertTrue(job['description'].strip().endswith('.'))

    def test_no_job_of_another_project_is_known_in_vain(self):
        used = {job['parent'] for job in self.jobs.values()}
        used |= {name for _pipeline, name, _more in self.in_pipelines()}
        self.assertLessEqual(JOBS, used)

    def test_no_job_is_forgotten(self):
        used = {name for _pipeline, name, _more in self.in_pipelines()}
        used |= {job['parent'] for job in self.jobs.values()}
        self.assertEqual(set(), set(self.jobs) - used)

    def test_nodesets(self):
        defined = {nodeset['name'] for nodeset in self.loaded['nodeset']}
        used = {job['nodeset'] for job in self.jobs.values()
                if 'nodeset' in job}
        used |= {more['nodeset'] for _pipeline, _name, more
                 in self.in_pipelines() if 'nodeset' in more}
        self.assertEqual(set(), used - defined - NODESETS)
        self.assertLessEqual(defined, used)

    def test_playbooks(self):
        for job in self.jobs.values():
            for phase in ('pre-run', 'run', 'post-run'):
                books = job.get(phase, [])
                for book in [books] if isinstance(books, str) else books:
                    self.assertTrue((ROOT / book).exists(), book)

    def test_environments_of_tox(self):
        known = environments()
        self.assertIn('nova26', known)
        for _pipeline, name, more in self.in_pipelines():
            found = more.get('vars', {}).get(
                'tox_envlist', ENVIRONMENTS.get(name))
            if name in self.jobs:
                line = list(self.line(name))
                if line[-1]['parent'] != 'openstack-tox':
                    continue
                found = next(job['vars']['tox_envlist'] for job in line
                             if 'tox_envlist' in job.get('vars', {}))
            self.assertIn(found, known, name)

    def test_each_release_of_nova(self):
        for number in range(release.OLDEST, release.NEWEST + 1):
            job = self.jobs[f'nova-numa-ext-nova{number}']
            text = (ROOT / f'locks/nova-{number}.in').read_text()
            python = re.search('^# Python (.*)$', text, re.MULTILINE)
            self.assertEqual(python and python[1],
                             job['vars'].get('python_version'), number)

    def test_devstack(self):
        """Jobs with a cloud have the plug-in, on all nodes."""
        for name in self.jobs:
            line = list(self.line(name))
            if line[-1]['parent'] == 'openstack-tox':
                continue
            projects = [job['required-projects'] for job in line
                        if 'required-projects' in job]
            self.assertIn(PROJECT, projects[0], name)
            places = [job.get('vars', {}) for job in line]
            if line[-1]['parent'] == 'whitebox-devstack-multinode-base':
                for group in ('subnode', 'tempest'):
                    self.assertEqual(
                        PLUGIN, line[-1]['group-vars'][group][
                            'devstack_plugins'])
            else:
                self.assertIn(PLUGIN, [
                    place.get('devstack_plugins') for place in places], name)

    def test_settings_of_the_plugin(self):
        settings = (ROOT / 'devstack/settings').read_text()
        text = (ROOT / '.zuul.yaml').read_text()
        found = set(re.findall('NUMA_EXT_[A-Z_]+', text))
        self.assertIn('NUMA_EXT_VERIFY_GUESTS', found)
        for name in found:
            self.assertIn(f'\n{name}=', settings)

    def test_what_is_gated_votes(self):
        for pipeline, name, more in self.in_pipelines():
            if pipeline == 'gate':
                self.assertNotIn('voting', more, name)

    def test_novas_master_is_tried_each_day(self):
        daily = [name for pipeline, name, _more in self.in_pipelines()
                 if pipeline == 'periodic']
        self.assertIn('master', [
            self.jobs[name].get('override-checkout') for name in daily])
