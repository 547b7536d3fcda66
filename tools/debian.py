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

"""Where this machine has Debian 12 from, said for mmdebstrap."""

import re
import shutil
import subprocess

SUITE = 'bookworm'


def _output(*argv):
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def _codename():
    with open('/etc/os-release') as file:
        return dict(
            re.findall(r'^(\w+)="?(.*?)"?$', file.read(), re.MULTILINE)
        ).get('VERSION_CODENAME')


def sources():
    """Lines of a sources.list; '' where this machine is another Debian."""
    if _codename() != SUITE:
        return ''
    return _output(
        'apt-get',
        'indextargets',
        '--format',
        'deb $(REPO_URI) $(RELEASE) $(COMPONENT)',
        'Created-By: Packages',
        'Origin: Debian',
    )


def apt_options():
    """What this machine's apt needs to reach them: proxies, dates."""
    if shutil.which('apt-config') is None:
        return []
    wanted = r'Acquire::(https?(::|\s)|Check-|Retries)'
    return ['Acquire::Languages "none"'] + [
        line.rstrip(';')
        for line in _output('apt-config', 'dump').splitlines()
        if re.match(wanted, line) and not line.endswith(' "";')
    ]
