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

"""CPU, cache and NUMA topology chosen per guest for Nova's libvirt driver."""

# What nova.conf's compute_driver says to run this driver. Nova imports
# nova.virt.<module>; loader.py answers for that module.
COMPUTE_DRIVER = 'numa_ext.NumaLibvirtDriver'


def is_misspelt_driver(module):
    """Whether a module under ``nova.virt`` can only mean this driver.

    :param module: the first part of a compute_driver, such as
        ``nova_numa_ext`` or ``numa-ext``
    :returns: True for another spelling of the name, False for the name itself
        and for everything else
    """
    letters = ''.join(c for c in module.lower() if c.isalpha())
    right = COMPUTE_DRIVER.partition('.')[0]
    return module != right and letters in ('numaext', 'novanumaext')
