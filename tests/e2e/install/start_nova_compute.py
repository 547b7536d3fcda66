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

"""Runs the nova-compute command until its driver is loaded, then says which.

    PYTHON start_nova_compute.py NOVA-COMPUTE [OPTION]...

PYTHON is the interpreter of that command. Everything up to and including the
manager, which loads the driver, is Nova's own; only what would ask a conductor
or Placement is left out, and the service is not started. Prints JSON on the
last line.
"""

import json
import runpy
import sys

from nova.cmd import compute  # first: it decides on monkey-patching
from nova.conductor import api as conductor_api
from nova.scheduler.client import report as placement


def report(server, *args, **kwargs):
    driver = server.manager.driver
    print()
    print(json.dumps({
        'class': type(driver).__name__,
        'bases': ['%s.%s' % (cls.__module__, cls.__name__)
                  for cls in type(driver).__mro__],
        'file': sys.modules[type(driver).__module__].__file__,
        'nova': compute.utils.__file__,
    }))
    sys.stdout.flush()
    sys.exit(0)


conductor_api.API.wait_until_ready = lambda *args, **kwargs: None
compute.utils.raise_if_old_compute = lambda: None
placement.SchedulerReportClient._create_client = lambda *args: None
compute.service.serve = report

sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
