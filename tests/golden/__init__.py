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

"""Guests, the domains that they get, and what libvirt says to those.

Shared by the unit tests, which compare each domain with the file of its name
in tests/unit/domain/golden, and the end-to-end tests, which give these files
to a real libvirt. After a wanted change run ``python -m tests.golden`` and
read the difference.
"""

from tests.golden import cpu_cases
from tests.golden import device_cases
from tests.golden import numa_cases
from tests.golden import thread_cases
from tests.golden.domains import DISK
from tests.golden.domains import domain_of
from tests.golden.domains import nova_domain
from tests.golden.domains import path_of
from tests.golden.guests import domain_capabilities
from tests.golden.guests import elements_of
from tests.golden.guests import FOLDER
from tests.golden.guests import guest_of
from tests.golden.guests import host_xml
from tests.golden.model import Case
from tests.golden.model import nodes
from tests.golden.model import NOT_RUN_HERE
from tests.golden.model import nova
from tests.golden.model import NovaCpu
from tests.golden.model import OK
from tests.golden.model import pairs
from tests.golden.model import properties
from tests.golden.model import specs
from tests.golden.model import unpinned

CASES = (
    *cpu_cases.CASES,
    *thread_cases.CASES,
    *numa_cases.CASES,
    *device_cases.CASES,
)

__all__ = [
    'CASES',
    'Case',
    'DISK',
    'FOLDER',
    'NOT_RUN_HERE',
    'NovaCpu',
    'OK',
    'domain_capabilities',
    'domain_of',
    'elements_of',
    'guest_of',
    'host_xml',
    'nodes',
    'nova',
    'nova_domain',
    'pairs',
    'path_of',
    'properties',
    'specs',
    'unpinned',
]
