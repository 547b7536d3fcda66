# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What releases of the services differ in, found by looking at their files.

Nothing is imported: eventlet would replace this process's own threads where
a release has it do so.
"""

import importlib.machinery
import pathlib

# The module and, where a release has none, the script with the application.
APPLICATIONS = {
    'keystone': ('keystone.wsgi.api', 'keystone-wsgi-public'),
    'placement': ('placement.wsgi.api', 'placement-api'),
    'glance': ('glance.wsgi.api', 'glance-wsgi-api'),
    'neutron': ('neutron.wsgi.api', 'neutron-api'),
    'nova': ('nova.wsgi.osapi_compute', 'nova-api-wsgi'),
}


# Not what this process has imported already.
_find = importlib.machinery.PathFinder.find_spec


def source(name):
    """The file of a module, or None."""
    package, *rest = name.split('.')
    spec = _find(package)
    if spec is None:
        return None
    for folder in spec.submodule_search_locations or ():
        path = pathlib.Path(folder, *rest)
        for each in (path.with_suffix('.py'), path / '__init__.py'):
            if each.is_file():
                return each
    return None


def application(service, scripts):
    """uWSGI's options that name the application of a service."""
    module, script = APPLICATIONS[service]
    if source(module):
        return ('--module', f'{module}:application')
    return ('--wsgi-file', scripts / script)


def green(service):
    """Whether the application has eventlet in place of threads."""
    if service == 'nova':
        # Where this is no function, importing Nova's API does it.
        return 'def patch(' not in source('nova.monkey_patch').read_text()
    if service == 'neutron':
        # The script's application is that of neutron.cmd.eventlet.
        return source(APPLICATIONS['neutron'][0]) is None
    return False


def uwsgi(prefix):
    """uWSGI's options for the Python of these services."""
    if _find('pyuwsgi'):
        return ('--home', prefix)
    # A distribution's: its Python is a plug-in.
    return ('--plugin', 'python3')


def defaults(prefix):
    """The folder of the files that came with the services, api-paste.ini."""
    ours = prefix / 'etc'
    return ours if ours.is_dir() else pathlib.Path('/etc')
