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

"""What the guests said, side by side, and what their domains differ in."""

import dataclasses
import difflib
import re

BEGIN = '=== numa-ext guest report begins ==='
END = '=== numa-ext guest report ends ==='
# What this project, or Nova's NUMA support, may change in a domain.
ELEMENTS = ('vcpu', 'cputune', 'numatune', 'cpu')


@dataclasses.dataclass
class Report:
    """One guest's lines: key=value, some of them repeated."""

    values: dict
    caches: list

    @property
    def topology(self):
        cpus, sockets, cores = (
            int(self.values[key]) for key in ('cpus', 'sockets', 'cores')
        )
        return sockets, cores // sockets, cpus // cores

    def nodes(self):
        for key, value in sorted(self.values.items()):
            if re.fullmatch(r'node\d+', key):
                yield key, _fields(value)


def _fields(text):
    return dict(field.split(':', 1) for field in text.split())


def parse(path):
    """The last whole report of a console log, or None."""
    try:
        text = path.read_text(errors='replace').replace('\r', '')
    except OSError:
        return None
    _, found, rest = text.rpartition(BEGIN)
    body, ended, _ = rest.partition(END)
    if not (found and ended):
        return None
    values, caches = {}, []
    for line in body.splitlines():
        key, separator, value = line.partition('=')
        if key == 'cache':
            caches.append(_fields(value))
        elif separator:
            values[key] = value
    return Report(values, caches)


def _cells(guest, report):
    """A guest's column: (heading, lines) of each row."""
    sockets, cores, threads = report.topology
    specs = [f'{key}={value}' for key, value in guest.extra_specs.items()]
    yield 'extra specs', specs or ['(none)']
    yield 'vCPUs', [report.values['cpus']]
    yield (
        'topology',
        [f'sockets {sockets}, cores {cores}, threads {threads}'],
    )
    members = {}
    for key, value in sorted(report.values.items()):
        if re.fullmatch(r'cpu\d+', key):
            socket = _fields(value)['socket']
            members.setdefault(socket, []).append(key[3:])
    yield (
        'CPUs of sockets',
        [f'socket {key}: {",".join(cpus)}' for key, cpus in members.items()],
    )
    yield (
        'NUMA nodes',
        [
            f'{name}: CPUs {fields["cpus"]}, {int(fields["kib"]) // 1024} MiB'
            for name, fields in report.nodes()
        ],
    )
    for level, kind in (
        ('1', 'Data'),
        ('1', 'Instruction'),
        ('2', 'Unified'),
        ('3', 'Unified'),
    ):
        name = f'L{level}' + {'Data': 'd', 'Instruction': 'i'}.get(kind, '')
        found = [
            cache
            for cache in report.caches
            if (cache['level'], cache['type']) == (level, kind)
        ]
        sharing = {}
        for each in found:
            sharing.setdefault(each['size'], []).append(each['cpus'])
        lines = [
            f'{size} of CPUs {" | ".join(cpus)}'
            for size, cpus in sharing.items()
        ]
        yield name, lines or ['none']
    yield 'CPU model', [report.values.get('model', '?')]
    flags = report.values.get('flags', '').split()
    yield 'CPU flags', [str(len(flags))]


def table(results):
    """Guests side by side; `results` has (guest, report) of each."""
    columns = [list(_cells(guest, report)) for guest, report in results]
    heading = ('seen from inside', [[guest.name] for guest, _ in results])
    rows = [heading]
    for parts in zip(*columns, strict=True):
        rows.append((parts[0][0], [lines for _, lines in parts]))
    widths = [max(len(name) for name, _ in rows)]
    for index in range(len(results)):
        widths.append(
            max(len(line) for _, cells in rows for line in cells[index])
        )
    rule = '+'.join('-' * (width + 2) for width in widths)
    output = [rule]
    for name, cells in rows:
        for number in range(max(len(lines) for lines in cells)):
            words = [name if number == 0 else '']
            words += [
                lines[number] if number < len(lines) else '' for lines in cells
            ]
            output.append(
                '|'.join(
                    f' {word:{width}} '
                    for word, width in zip(words, widths, strict=True)
                ).rstrip()
            )
        if name == heading[0]:
            output.append(rule)
    output.append(rule)
    output.append('Caches: size of CPUs shared_cpu_list | shared_cpu_list')
    return '\n'.join(output)


def _reduced(xml):
    """The lines of a domain that tell of CPUs, caches and memory."""
    from lxml import etree

    parser = etree.XMLParser(remove_blank_text=True)
    domain = etree.fromstring(xml, parser)
    lines = []
    for name in ELEMENTS:
        for element in domain.findall(name):
            text = etree.tostring(element, pretty_print=True, encoding=str)
            lines += text.splitlines()
    return lines


def difference(one, other, xml_one, xml_other):
    """A unified diff of two domains; long lists of features are cut."""
    diff = difflib.unified_diff(
        _reduced(xml_one),
        _reduced(xml_other),
        f'domain of {one}',
        f'domain of {other}',
        lineterm='',
        n=3,
    )
    output, skipped = [], []

    def flush():
        if len(skipped) > 4:
            output.extend(skipped[:2])
            output.append(
                f'{skipped[0][0]}    ({len(skipped) - 2} more features)'
            )
        else:
            output.extend(skipped)
        skipped.clear()

    for line in diff:
        if re.match(r'[-+] +<feature ', line):
            if skipped and skipped[0][0] != line[0]:
                flush()
            skipped.append(line)
        else:
            flush()
            output.append(line)
    flush()
    return '\n'.join(output)
