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

"""A report as text for a terminal, and as data."""

import dataclasses

from nova_numa_ext.explain import fragments
from nova_numa_ext.picture import text
from nova_numa_ext.picture import words

#: What the marks before lines of the domain mean.
_MARKS = {
    fragments.SAME: '  ', fragments.ADDED: '+ ', fragments.GONE: '- ',
    fragments.CUT: '  ',
}
_COLOURS = {fragments.ADDED: 32, fragments.GONE: 31}


def as_text(report, width=text.WIDTH, ascii_only=False, colour=False):
    """Return all of a report, each line within the width but for XML."""

    def said(lines):
        return [part for line in lines
                for part in _wrapped(line, width, ascii_only)]

    parts = []
    if report.refused:
        parts.append(said([report.refused]))
    if report.lacks:
        parts.append(said([
            f'{report.flavor.name} does not fit on {report.host.name}:',
            *(f'  {sentence}' for sentence in report.lacks)]))
    if report.host_map is not None:
        parts.append(text.draw(
            report.host_map, width, ascii_only, colour).splitlines())
    if report.guest:
        parts.append(said([f'The guest sees: {report.guest["words"]}.']))
    parts += [said(lines) for lines in _sections(report)]
    if report.fragments:
        parts.append([
            *said(["Domain: + is written by this project, - is Nova's own "
                   'that it replaces']),
            *(line for fragment in report.fragments
              for line in _lines_of(fragment, ascii_only, colour))])
    return '\n'.join(
        ''.join(f'{line}\n' for line in part) for part in parts)


def _sections(report):
    """Return what is said in lists, without those that are empty."""
    profile = report.profile
    sections = []
    if profile is not None:
        sections.append((f'Profile {profile.name} sets:', profile.made))
        sections.append(('Set otherwise than by the profile:',
                         profile.overridden))
    sections += [
        ('Left out on this host:', [
            sentence.replace('Left out: ', '', 1)
            for sentence in report.left_out]),
        ('Missing for the full effect:', report.missing),
        ('Warnings:', report.warnings),
        ('Notes:', report.notes),
    ]
    return [[title, *(f'  {sentence}' for sentence in sentences)]
            for title, sentences in sections if sentences]


def _lines_of(fragment, ascii_only, colour):
    for mark, line in fragment.lines:
        shown = _MARKS[mark] + words.clean(line, ascii_only)
        if colour and mark in _COLOURS:
            shown = f'\033[{_COLOURS[mark]}m{shown}\033[0m'
        yield shown


def _wrapped(line, width, ascii_only):
    """Return a line that a terminal can have; its margin is kept."""
    words_of_it = words.clean(line.lstrip(' '), ascii_only)
    margin = ' ' * (len(line) - len(line.lstrip(' ')))
    return [(margin + part).rstrip(' ') for part in words.wrapped(
        words_of_it, width - len(margin), '  ')]


def as_data(report):
    """Return all of a report as JSON has it."""
    profile = report.profile
    host_map = report.host_map
    return {
        'fits': report.status == 0,
        'refused': report.refused,
        'lacks': list(report.lacks),
        'flavor': dataclasses.asdict(report.flavor),
        'image': dataclasses.asdict(report.image),
        'host': report.host.name,
        'nodes': [_node(node) for node in host_map.nodes] if host_map else [],
        'guest': {key: value for key, value in report.guest.items()
                  if key != 'words'},
        'settings': [
            {'name': name, 'value': value, 'source': source}
            for name, value, source in report.settings],
        'profile': profile and dataclasses.asdict(profile),
        'left_out': list(report.left_out),
        'missing': list(report.missing),
        'warnings': list(report.warnings),
        'notes': list(report.notes),
        'changed': [fragment.path for fragment in report.fragments],
        'domain': report.domain,
    }


def _node(node):
    return {
        'id': node.id,
        'memory_kib': node.memory.total_kib,
        'free_kib': node.memory.free_kib,
        'pages': [dataclasses.asdict(pages) for pages in node.memory.pages],
        'caches': [[[cpu.id for cpu in core] for core in cache.cores]
                   for cache in node.caches],
        'cpus': {cpu.id: {'use': cpu.stand.use, 'label': cpu.stand.label}
                 for cpu in node.cpus},
    }
