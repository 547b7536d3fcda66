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

"""nova-compute, unmodified, with the instruments of the benchmark.

    python tools/bench/compute.py SOCKET [ARGUMENT OF nova-compute]...
"""

import pathlib
import sys

# This checkout, instead of this folder.
sys.path[0] = str(pathlib.Path(__file__).absolute().parents[2])

# First of all: it makes the standard library's threads and sockets green,
# where nova-compute is to run so.
from nova.cmd import compute  # noqa: E402

from tools.bench import instrument  # noqa: E402

if __name__ == '__main__':
    instrument.install(sys.argv.pop(1))
    sys.argv[0] = 'nova-compute'
    sys.exit(compute.main())
