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
``nova.api.extra_spec_validators``.
"""

from nova import exception
from nova.api.validation.extra_specs import base

from nova_numa_ext.policy import table
from nova_numa_ext.policy import values


class RowValidator(base.ExtraSpecValidator):
    """One row, read as compute hosts read it."""

    def validate(self, name, value):
        row = table.BY_NAME[name[len(table.SPEC_PREFIX):]]
        try:
            row.type.parse(value.strip())
        except values.BadValue as bad:
            raise exception.ValidationError(
                f'flavor {name}={value!r}: {bad.reason}. {bad.remedy}.'
            ) from bad


def register():
    """Return the validators, as Nova asks for them."""
    return [
        RowValidator(
            name=row.spec, description=row.help, value={'type': str})
        for row in table.ROWS
    ]
