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

"""Runs one module of Nova's tests, in a process of its own.

    python -m tests.upstream.worker MODULE RESULT FOLDER [CLASSES]

RESULT is a file to be written, a stream of subunit's. CLASSES is a module with
``install(FOLDER)``, which returns what to call at the end; without one the
classes are Nova's. The environment says how Nova runs
(OS_NOVA_DISABLE_EVENTLET_PATCHING).
"""

import importlib
import os
import sys
import unittest

from subunit import run

PASTE = 'etc/nova/api-paste.ini'


def _find_api_paste():
    # Nova's fixture looks in a source tree; a wheel puts it here.
    paths = importlib.import_module('nova.conf.paths')
    packaged = os.path.join(sys.prefix, PASTE)
    novas = paths.state_path_def
    if os.path.exists(packaged):
        paths.state_path_def = (
            lambda path: packaged if path == PASTE else novas(path))


def main(module, result, folder, classes=None):
    # The package chooses between eventlet and threads; that comes first.
    importlib.import_module('.'.join(module.split('.')[:3]))
    _find_api_paste()
    cleanup = None
    if classes:
        cleanup = importlib.import_module(classes).install(folder)
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    with open(result, 'wb') as stream:
        run.SubunitTestRunner(stream=stream).run(suite)
    if cleanup:
        cleanup()
    # Threads that a test left do not matter any more.
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
