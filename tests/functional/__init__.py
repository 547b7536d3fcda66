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

"""Tests of the driver within Nova: API, scheduler, placement and computes.

They stand on Nova's own fixtures, and importing Nova's package of functional
tests chooses between eventlet and native threads, which must come first. It
reads OS_NOVA_DISABLE_EVENTLET_PATCHING, and the Makefile sets that.
"""

import logging

import nova.tests.functional  # noqa: F401

# It logs each pool that ends, after the test that had it.
logging.getLogger('nova.thread_pool_factory').setLevel(logging.WARNING)
