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

"""The table as Nova's API validates extra specs, from microversion 2.86 on.

Loaded by nova-api through the entry point
``nova.api.extra_spec_validators``. One spec is judged by itself, when it is
set; what specs need of each other, and of the image, the compute host judges
when a server boots.
"""

from nova import exception
from nova.api.validation.extra_specs import base
import nova.conf

from nova_numa_ext import policy
from nova_numa_ext.api import refusals
from nova_numa_ext.conf import opts
from nova_numa_ext.policy import table

CONF = nova.conf.CONF

opts.register_opts(CONF)


class SpecValidator(base.ExtraSpecValidator):
    """One spec of this project's, read as compute hosts read it."""

    def validate(self, name, value):
        if not CONF.numa_ext.guest_policy:
            return
        try:
            policy.read_setting('flavor', name, value)
        except policy.InvalidRequest as refused:
            raise exception.ValidationError(str(refused)) from refused


def register():
    """Return the validators, as Nova asks for them when nova-api starts."""
    refusals.reword()
    return [
        *(SpecValidator(
            name=row.spec, description=row.help, value={'type': str})
          for row in table.ROWS),
        # Nova tries this one for names that no other has. Without it, Nova
        # would refuse them itself, and not say what may have been meant.
        SpecValidator(
            name=table.SPEC_PREFIX + '{name}',
            description='Any other name is refused.',
            parameters=[{'name': 'name', 'pattern': '.*'}],
            value={'type': str}),
    ]
