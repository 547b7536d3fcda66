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

"""Whether the NUMA nodes of a guest are split by the host, and how far.

Who places guests sees the flavor alone, and not what the image sets of this
project's: so this reads nothing but what only a flavor may set.
"""

from __future__ import annotations

from typing import Mapping

from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import table
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.resolve import read_setting

#: The most nodes where the flavor does not say.
MOST = 16

_NAMES = ('numa_nodes', 'numa_max_nodes')


def most_nodes(
    extra_specs: Mapping[str, str], image_properties: Mapping[str, str],
) -> int | None:
    """Return how many nodes a guest may be split into, None for no split.

    What is wrong makes none: the driver refuses it, with all that it knows.

    :param image_properties: Nova's own
    """
    keys = [table.SPEC_PREFIX + name for name in _NAMES]
    try:
        asked = {
            name: value for name, _origin, value in (
                read_setting('flavor', key, extra_specs[key])
                for key in keys if key in extra_specs)}
    except InvalidRequest:
        return None
    nova = nova_specs.read(extra_specs, image_properties)
    if ('numa_nodes' not in asked
            or any(nova.has(rule.name, rule.words)
                   for _word, rule in table.BY_NAME['numa_nodes'].excludes)):
        return None
    most = asked.get('numa_max_nodes', MOST)
    return int(most)
