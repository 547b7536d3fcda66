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

"""Flavors and images that mean no good, the same ones for the same seed."""

import dataclasses

from nova_numa_ext.policy import table
from tests.unit.policy import test_table

#: XML, shells, formats, encodings: what might end a value and begin another.
PAYLOADS = (
    '', ' ', ',', ':', '+', '-', '*', '^', '=', '..', '/', '../../etc/passwd',
    "'><cpu/>", '"/><cpu mode="custom"/>', '</cpu><cpu>', '<!--', '-->',
    '<![CDATA[', ']]>', '&', '&amp;', '&#60;', '&xxe;', '<?xml?>',
    '<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>',
    '{http://x}cpu', 'xmlns:a="b"', '%s', '%n%n', '%(x)s', '{0}', '{0.x}',
    '$(id)', '`id`', ';id', '\\', '\\x00', '\0', '\0on', '\n', '\r\n', '\t',
    '\x0b', '\x0c', '\x1b[31m', '\x1c', '\x1f', '\x7f', '\x85', '\xa0',
    '\u2028', '\u200b', '\u200e', '\u202e', '\u2066', '\ufeff', '\ufffe',
    '\ud800', '\udfff', '\U0001f4a9', 'é', 'ｏｆｆ', 'оn', 'Ⅷ', '٣', '²', '１',
    '1e3', '0x10', '1_0', '-1', '+1', '1.0', 'NaN', 'inf', 'None', 'null',
    'True', '9' * 30, '9' * 5000, 'x' * 255, 'x' * 300, 'é' * 3000,
    ',' * 1000, '+a' * 1000, '0:1MiB,' * 300, 'fifo:' * 100,
)

NOVA = {
    'hw:cpu_policy': ('dedicated', 'mixed', 'shared', ' dedicated'),
    'hw:cpu_realtime': ('yes', 'no', '1', 'TRUE'),
    'hw:cpu_realtime_mask': ('^0', '^0-1', '1-3', '0-3', '^9'),
    'hw:emulator_threads_policy': ('isolate', 'share'),
    'hw:mem_page_size': ('large', 'small', 'any', '2MB'),
    'hw:numa_nodes': ('1', '2', '3'),
    'hw:pmu': ('yes', 'no'),
    'hw:locked_memory': ('yes', 'no'),
    'hw:cpu_sockets': ('2',),
    'hw:cpu_max_threads': ('1',),
    'resources:PCPU': ('4', '0'),
}


@dataclasses.dataclass(frozen=True)
class Request:
    """What a flavor and an image have."""

    specs: dict
    properties: dict


class Generator:
    """Makes requests.

    :param random: a random.Random
    """

    def __init__(self, random):
        self._random = random
        self._good = {
            row.name: sorted(test_table.EXAMPLES[row.name].good)
            for row in table.ROWS}
        self._wrong = sorted({
            text for examples in test_table.EXAMPLES.values()
            for text in (*examples.good, *examples.wrong)})

    def request(self):
        """Return the next one.

        Most are right but for one setting, so that it is that setting which
        is judged; some are right, some all wrong.
        """
        specs = dict(self._some(NOVA, 3, self._novas))
        properties = {}
        hostile = self._random.choice((0, 0, 1, 1, 1, 1, 1, 3))
        if self._chance(0.5):
            specs.update(test_table.REALTIME)
        for row in self._random.sample(
                table.ROWS, self._random.randrange(1, 5)):
            text = self._random.choice(self._good[row.name])
            if row.flavor_only or self._chance(0.6):
                specs[row.spec] = text
                specs.update(test_table.beside(row, text))
            else:
                properties[row.image_property] = text
                specs.update(test_table.beside(row, text))
        for _number in range(hostile):
            row = self._random.choice(table.ROWS)
            name, text = row.spec, self._value(row)
            if self._chance(0.2):
                name = table.SPEC_PREFIX + self._spoilt(row.name)
            if self._chance(0.5):
                specs[name] = text
            else:
                properties[name.replace(':', '_', 1)] = text
        return Request(specs, properties)

    def _chance(self, share):
        return self._random.random() < share

    def _some(self, names, most, value):
        for name in self._random.sample(
                sorted(names), self._random.randrange(most + 1)):
            yield name, value(name)

    def _novas(self, name):
        if self._chance(0.9):
            return self._random.choice(NOVA[name])
        return self._random.choice(PAYLOADS)

    def _value(self, row):
        if self._chance(0.2):
            return self._random.choice(PAYLOADS)
        text = self._random.choice(
            self._good[row.name] if self._chance(0.7) else self._wrong)
        return self._spoilt(text)

    def _spoilt(self, text):
        payload = self._random.choice(PAYLOADS)
        at = self._random.randrange(len(text) + 1)
        return self._random.choice((
            text[:at] + text[at + 1:],
            text[:at] + payload + text[at:],
            text + payload,
            payload + text,
            f'{text},{payload}{text}',
            text.upper(),
            text[::-1],
            text * 40,
        ))
