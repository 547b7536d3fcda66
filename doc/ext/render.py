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

"""The generated parts of the documentation, as lines of reStructuredText.

Needs no Sphinx, so that the unit tests can read what the pages will say.
"""

from nova_numa_ext import policy
from nova_numa_ext import traits as placement
from nova_numa_ext.domain import capabilities
from nova_numa_ext.domain import element
from nova_numa_ext.domain import elements
from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import table
from nova_numa_ext.topology import guest as guest_topology
from nova_numa_ext.topology import host as host_topology

#: A host without KVM, for examples of what a host refuses.
HOST_WITHOUT_KVM = element.Guest(
    policy=policy.GuestPolicy(),
    vcpus=8,
    cells=(),
    limits=guest_topology.Limits(),
    explicit_topology=False,
    nova_cpu_mode=None,
    host=host_topology.HostTopology('x86_64', (), {}, ()),
    capabilities=capabilities.DomainCapabilities(
        'qemu', 'x86_64', ('maximum', 'host-model', 'custom'),
        {'Nehalem': True, 'Westmere': True, 'Cascadelake-Server': False}),
)


class Incomplete(Exception):
    """What the pages are made from lacks something."""


def specs(rows=table.ROWS):
    """Return the reference of extra specs.

    :raises Incomplete: where a row does not say what it means, or a rule
        names what nobody knows
    """
    lines = []
    for row in rows:
        for what, text in (('help', row.help), ('values', row.type.help),
                           ('release', row.since)):
            if not text.strip():
                raise Incomplete('%s has no %s' % (row.spec, what))
        lines += ['.. spec:: %s' % row.spec, '']
        lines += ['   :%s: %s' % field for field in _fields(row)]
        lines += ['', '   %s' % row.help, '']
    return lines


def _fields(row):
    """Return what the reference says of a row, but for its help."""
    yield 'Values', row.type.help
    yield 'Image property', (
        'none, only a flavor may set it' if row.flavor_only
        else '``%s``' % row.image_property)
    needs = [_needs(row, word, other) for word, other in row.needs]
    if needs:
        yield 'Needs', '; '.join(needs)
    excludes = [
        _for_value(word, _other(row, other) + (
            ' to be ' + ' or '.join(other.words) if other.words else ''))
        for word, other in row.excludes]
    if excludes:
        yield 'Excludes', '; '.join(excludes)
    versions = [_for_value(word, _version(version))
                for word, version in row.versions]
    if versions:
        yield 'Host', '; '.join(versions)
    yield 'On a host that lacks it', (
        'left out' if row.leave_out
        else 'refused; left out where a profile set it' if _profiles(row)
        else 'refused')
    if _profiles(row):
        yield 'Profiles', '; '.join(
            '%s sets %s' % found for found in _profiles(row))
    yield 'Since', row.since


def _profiles(row):
    return [(profile, text) for profile, settings in table.PROFILES.items()
            for name, text in settings if name == row.name]


def _needs(row, word, other):
    text = _other(row, other)
    if other.words:
        text += ' to be %s' % ' or '.join(other.words)
    if other.instead:
        text += ' or ``%s``' % other.instead
    if other.unless_unset:
        text += ', where that is set'
    return _for_value(word, text)


def _other(row, rule):
    if rule.name in table.BY_NAME:
        return ':spec:`%s`' % table.BY_NAME[rule.name].spec
    if rule.name not in nova_specs.FIELDS:
        raise Incomplete('%s names %s, which is no row'
                         % (row.spec, rule.name))
    return '``%s``' % rule.name


def _for_value(word, text):
    return text if word == '*' else '%s: %s' % (word, text)


def _version(version):
    return ' and '.join(
        '%s %d.%d.%d' % (
            program, number // 1000000, number // 1000 % 1000, number % 1000)
        for program, number in (
            ('libvirt', version.libvirt), ('QEMU', version.qemu)) if number)


def profiles():
    """Return a table of what the profiles set."""
    names = list(table.PROFILES)
    lines = ['.. list-table::', '   :header-rows: 1', '']
    settings = {name: dict(table.PROFILES[name]) for name in names}
    rows = [('extra spec', names)] + [
        (':spec:`%s`' % row.spec,
         [settings[name].get(row.name, 'not set') for name in names])
        for row in table.ROWS
        if any(row.name in of_profile for of_profile in settings.values())]
    for first, others in rows:
        lines.append('   * - %s' % first)
        lines += ['     - %s' % other for other in others]
    return lines


def traits():
    """Return a table of the traits that hosts have, and flavors need.

    :raises Incomplete: where a row does not say what it means
    """
    lines = ['.. list-table::', '   :header-rows: 1', '   :widths: 34 40 26',
             '', '   * - trait', '     - hosts that have it',
             '     - required by a flavor that']
    for row in placement.ROWS:
        if not row.help.strip():
            raise Incomplete('%s has no help' % row.name)
        lines += ['   * - ``%s%s``' % (placement.PREFIX, row.name),
                  '     - %s' % row.help,
                  '     - %s' % (row.needed or '--')]
    return lines


def options(groups):
    """Return the reference of configuration options.

    :param groups: what an ``oslo.config.opts`` entry point returns
    :raises Incomplete: where an option has no help
    """
    lines = []
    for group, opts in groups:
        lines += ['.. oslo.config:group:: %s' % group.name, '']
        for opt in opts:
            if not (opt.help or '').strip():
                raise Incomplete('[%s] %s has no help'
                                 % (group.name, opt.name))
            lines += [
                '.. oslo.config:option:: %s' % opt.dest,
                '',
                '   :Type: %s' % opt.type.type_name.replace(' value', ''),
                '   :Default: ``%s``' % opt.default,
                '',
            ]
            lines += ['   ' + line if line else ''
                      for line in opt.help.strip().splitlines()]
            lines.append('')
    return lines


def refusal(settings, host=None):
    """Return the message that a request is refused with.

    :param settings: lines such as ``flavor numa_ext:cpu_mode=maximum`` and
        ``image numa_ext_cpu_mode=maximum``
    :param host: an element.Guest whose host judges; none for what is wrong on
        every host
    :raises Incomplete: where it is not refused
    """
    asked = {'flavor': {}, 'image': {}}
    for line in settings:
        kind, _, setting = line.partition(' ')
        key, _, value = setting.partition('=')
        asked[kind][key] = value
    try:
        found = policy.resolve(asked['flavor'], asked['image'])
        if host is not None:
            guest = vars(host).copy()
            guest['policy'] = found
            elements.elements(element.Guest(**guest))
    except policy.Refused as refused:
        return str(refused)
    raise Incomplete('This is not refused: %s' % ', '.join(settings))
