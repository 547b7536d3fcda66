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

"""Flavors and images as people have them: files, words, names in a cloud."""

import dataclasses
import json
import os
import re

from nova_numa_ext.explain import Unusable
from nova_numa_ext.policy import errors
from nova_numa_ext.policy import values

#: The most that is read of a file.
MOST = 1 << 20

#: A pair as `openstack flavor show` printed properties before it had JSON.
_PAIR = re.compile(r"\s*([^=,\s]+)='((?:[^'\\]|\\.)*)'\s*(?:,|$)")
_WORD = re.compile(r'[A-Za-z0-9_.:-]+=.*', re.DOTALL)
_NUMBERS = {'vcpus': 'vcpus', 'ram': 'ram_mib', 'disk': 'disk_gib'}


@dataclasses.dataclass(frozen=True)
class Flavor:
    """A flavor, as far as the guest's CPUs and memory depend on it."""

    name: str = 'flavor'
    vcpus: int = 1
    ram_mib: int = 1024
    disk_gib: int = 1
    extra_specs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Image:
    """An image and its properties, by the names that Glance has."""

    name: str = 'image'
    properties: dict = dataclasses.field(default_factory=dict)


def flavor(words, connect, is_sized=True):
    """Return the flavor that some words of the command line mean.

    :param words: ``key=value`` words, or one name of a file or a flavor
    :param connect: called for an openstack.connection.Connection
    :param is_sized: whether its vCPUs and memory have to be known
    :raises Unusable: where they mean none
    """
    found = _read('flavor', words)
    if found is None:
        found = _of_cloud('flavor', words[0], connect)
    name = str(found.pop('name', 'flavor'))
    numbers = {
        field: _count(key, found.pop(key))
        for key, field in _NUMBERS.items() if key in found}
    missing = sorted({'vcpus', 'ram'} - {
        key for key, field in _NUMBERS.items() if field in numbers})
    if missing and is_sized:
        raise Unusable(
            f'The flavor has no {" and no ".join(missing)}: add '
            'vcpus=NUMBER and ram=MIB.')
    return Flavor(name=name, extra_specs=_texts(found), **numbers)


def image(words, connect):
    """Return the image that some words of the command line mean.

    :param words: as for ``flavor``; none for an image without properties
    """
    if not words:
        return Image()
    found = _read('image', words)
    if found is None:
        found = _of_cloud('image', words[0], connect)
    return Image(str(found.pop('name', 'image')), _texts(found))


def _read(kind, words):
    """Return the settings of words or of a file, None for another name."""
    if len(words) == 1 and os.path.isfile(words[0]):
        return _parse(kind, words[0], _text_of(words[0]))
    if len(words) == 1 and not _WORD.fullmatch(words[0]):
        return None
    return _pairs(kind, words)


def _text_of(path):
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read(MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f'{errors.plain(path)} cannot be read: '
                       f'{errors.plain(str(error), 90)}.') from error
    if len(text) > MOST:
        raise Unusable(f'{errors.plain(path)} is larger than '
                       f'{MOST >> 20} MiB: no flavor and no image is.')
    return text


def _parse(kind, path, text):
    """Return the settings of a file: JSON, or lines of key=value."""
    if not text.lstrip().startswith('{'):
        lines = [line.strip() for line in text.splitlines()]
        return _pairs(kind, [
            line for line in lines if line and not line.startswith('#')])
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(f'{errors.plain(path)} is no JSON: '
                       f'{errors.plain(str(error), 90)}.') from error
    return _of_json(kind, found)


def _of_json(kind, found):
    """Return the settings of what `openstack ... show -f json` prints."""
    properties = found.pop('properties', None) or {}
    if isinstance(properties, str):
        # Older clients print one line: hw:a='1', hw:b='2'.
        properties = dict(_PAIR.findall(properties))
    if not isinstance(properties, dict):
        raise Unusable(f'The {kind} has properties that are no mapping: use '
                       f'what `openstack {kind} show -f json` prints.')
    kept = ('name', *_NUMBERS) if kind == 'flavor' else ('name',)
    return {**{key: found[key] for key in kept if key in found},
            **properties}


def _pairs(kind, words):
    found = {}
    for word in words:
        key, sign, value = word.partition('=')
        if not sign or not _WORD.fullmatch(word):
            raise Unusable(
                f'{errors.shown(word)} is neither a file nor key=value, such '
                + ('as vcpus=4.' if kind == 'flavor'
                   else 'as hw_cpu_policy=dedicated.'))
        if found.setdefault(key, value) != value:
            raise Unusable(
                f'The {kind} has {errors.plain(key)} twice, as '
                f'{errors.shown(found[key])} and as {errors.shown(value)}.')
    if kind == 'flavor':
        _judge_names(found)
    return found


def _judge_names(found):
    """Refuse misspelt names: an extra spec has a colon, mostly."""
    for key in found:
        if ':' in key or key in ('name', 'hide_hypervisor_id', *_NUMBERS):
            continue
        meant = values.nearest(key, ('name', *_NUMBERS))
        raise Unusable(
            f'A flavor has no {errors.plain(key)}: '
            + (f'did you mean {meant}?' if meant else
               'it has name, vcpus, ram (MiB), disk (GiB) and extra specs '
               'such as hw:numa_nodes.'))


def _count(key, text):
    if isinstance(text, bool) or not re.fullmatch('[0-9]{1,9}', str(text)):
        raise Unusable(
            f'{key}={errors.shown(str(text))} is not a whole number'
            + (' of MiB.' if key == 'ram' else '.'))
    return int(text)


def _texts(found):
    """Return settings as Nova and Glance have them: all text."""
    return {
        str(key): str(value) for key, value in found.items()
        if isinstance(value, (str, int, float))
    }


def _of_cloud(kind, name, connect):
    """Return the settings of a flavor or an image by its name in a cloud."""
    try:
        connection = connect()
        if kind == 'flavor':
            found = connection.compute.find_flavor(
                name, get_extra_specs=True)
        else:
            found = connection.image.find_image(name)
    except Exception as error:
        # openstacksdk, keystoneauth and requests have no common ancestor.
        raise Unusable(
            f'{errors.shown(name)} is no file here and no key=value, and no '
            f'cloud knows it: {errors.plain(str(error), 120)}.') from error
    if found is None:
        raise Unusable(
            f'{errors.shown(name)} is neither a file here nor a {kind} in '
            'the cloud.')
    if kind == 'flavor':
        return {'name': found.name, 'vcpus': found.vcpus, 'ram': found.ram,
                'disk': found.disk, **found.extra_specs}
    settings = found.to_dict(
        computed=False, ignore_none=True, original_names=True)
    settings.update(settings.pop('properties', None) or {})
    return settings


def connect_to_cloud():
    """Return a connection to the cloud of clouds.yaml or of OS_*.

    :raises Unusable: without openstacksdk
    """
    try:
        import openstack
    except ImportError as error:
        raise Unusable(
            'Names in a cloud need openstacksdk: install it, or give a file '
            'or key=value words.') from error
    return openstack.connect()
