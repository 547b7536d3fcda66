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

"""The cloud's Nova with the patches of this repository."""

import pathlib
import shutil
import subprocess

import nova

from tools.demo import processes

CHECK = pathlib.Path(__file__).absolute().parents[2] / 'patches' / 'check.py'


def make(cloud, folder):
    """Copies the cloud's Nova to a folder, and puts all patches on it.

    The cloud's own stays as it is: who has the folder first in its path
    runs the copy.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    package = pathlib.Path(nova.__file__).parent
    for source in (package, *package.parent.glob('nova-*.dist-info')):
        shutil.copytree(
            source,
            folder / source.name,
            ignore=shutil.ignore_patterns('__pycache__'),
        )
    done = subprocess.run(
        [cloud.bin / 'python', CHECK, 'install', folder],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise processes.Failure(f'patches: {done.stdout}{done.stderr}')
