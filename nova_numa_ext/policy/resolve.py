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

"""From the words of a flavor and an image to a policy."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from typing import Mapping

from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import rules
from nova_numa_ext.policy import table
from nova_numa_ext.policy import values
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.errors import listed
from nova_numa_ext.policy.errors import Origin
from nova_numa_ext.policy.guest_policy import GuestPolicy

#: Nova cuts values of image properties here when it copies them to the
#: instance (nova.utils.get_system_metadata_from_image).
CUT = 255

_NAMES = tuple(row.name for row in table.ROWS)
_PREFIXES = {
    'flavor': table.SPEC_PREFIX,
    'image': table.PROPERTY_PREFIX,
}


def resolve(
    extra_specs: Mapping[str, str],
    image_properties: Mapping[str, str],
) -> GuestPolicy:
    """Return what a guest with this flavor and this image is to be.

    Names that are not this project's are not looked at, but for those of
    Nova's that its rules depend on.

    :param extra_specs: the flavor's extra specs
    :param image_properties: the image's properties, by the names that the
        image has them under
    :raises InvalidRequest: where the request is wrong by itself
    """
    from_flavor = _read('flavor', extra_specs)
    from_image = _read('image', image_properties)
    merged = {**from_image, **from_flavor}
    for name in sorted(from_flavor.keys() & from_image.keys()):
        _agree(from_flavor[name], from_image[name])

    _add_defaults(merged)

    origins = {name: origin for name, (origin, _value) in merged.items()}
    asked = {name: value for name, (_origin, value) in merged.items()}
    nova = nova_specs.read(extra_specs, image_properties)
    # Before Nova's: a profile names all that is missing at once.
    rules.judge(asked, origins, nova)
    nova_specs.judge(nova, extra_specs)
    # The table names each field, and each type is the one of its field.
    return GuestPolicy(
        nova=nova, origins=MappingProxyType(origins), **asked)


def read_setting(
    kind: str, key: str, value: str,
) -> tuple[str, Origin, Any]:
    """Read one setting in this project's namespace, by itself.

    :param kind: ``flavor`` or ``image``
    :param key: the name as it is written there, prefix and all
    :returns: the name of its row, where it came from, and its value
    :raises InvalidRequest: for an unknown name or value, or where an image
        may not set it
    """
    prefix = _PREFIXES[kind]
    origin = Origin(kind, key, str(value))
    name = key[len(prefix):]
    row = table.BY_NAME.get(name)
    if row is None:
        raise InvalidRequest(origin, 'no such name', _known_name(prefix, name))
    if kind == 'image':
        # First, for the tail of a cut value may look like a wrong word.
        _judge_image(row, origin)
    try:
        return name, origin, row.type.parse(origin.value.strip(' '))
    except values.BadValue as bad:
        raise InvalidRequest(origin, bad.reason, bad.remedy) from bad


def _add_defaults(found: dict[str, tuple[Origin, Any]]) -> None:
    """Add what the profile sets, where nothing else sets it."""
    if 'profile' not in found:
        return
    for name, text in table.PROFILES[found['profile'][1]]:
        row = table.BY_NAME[name]
        found.setdefault(
            name,
            (Origin('profile', row.spec, text), row.type.parse(text)))


def _read(
    kind: str, settings: Mapping[str, str],
) -> dict[str, tuple[Origin, Any]]:
    """Return name -> (origin, value) of what is this project's here."""
    found = {}
    for key in sorted(settings):
        if key.startswith(_PREFIXES[kind]):
            name, origin, value = read_setting(kind, key, settings[key])
            found[name] = (origin, value)
    return found


def _known_name(prefix: str, name: str) -> str:
    meant = values.nearest(name, _NAMES)
    if meant is not None:
        return f'Did you mean {prefix}{meant}? Else remove it'
    return f'Known names: {listed(_NAMES)}; remove this one'


def _judge_image(row: table.Row, origin: Origin) -> None:
    if row.flavor_only:
        raise InvalidRequest(
            origin,
            'only the flavor may set this',
            f'Remove the property, or ask for a flavor with {row.spec}',
        )
    if len(origin.value) >= CUT:
        raise InvalidRequest(
            origin,
            f'Nova cuts properties at {CUT} characters, so this may be cut',
            f'Shorten it, or set {row.spec} on the flavor',
        )


def _agree(flavor: tuple[Origin, Any], image: tuple[Origin, Any]) -> None:
    if flavor[1] != image[1]:
        raise InvalidRequest(
            flavor[0],
            f'differs from {image[0]}',
            'Set one of the two, or both alike',
        )
