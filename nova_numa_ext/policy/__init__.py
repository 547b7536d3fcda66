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

"""What is asked of a guest: one table, one resolver, one kind of message.

Pure: imports the standard library and the other pure rooms only.
"""

from nova_numa_ext.policy.errors import HostCannot
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.errors import Refused
from nova_numa_ext.policy.guest_policy import GuestPolicy
from nova_numa_ext.policy.resolve import read_setting
from nova_numa_ext.policy.resolve import resolve

__all__ = [
    'GuestPolicy',
    'HostCannot',
    'InvalidRequest',
    'Refused',
    'read_setting',
    'resolve',
]
