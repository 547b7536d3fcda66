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

"""Items of a host as the commands print them."""

import prettytable


def table(title, items):
    """Return items as a table.

    :param title: what they are about
    """
    drawn = prettytable.PrettyTable([title, 'found', 'wanted', ''])
    drawn.align = 'l'
    drawn.max_width = 40
    for item in items:
        drawn.add_row([item.name, item.found, item.wanted, _verdict(item)])
    return str(drawn)


def remedies(items):
    """Return a line for each remedy of what is not as it should be."""
    names = {}
    for item in items:
        if item.ok is False:
            names.setdefault(item.remedy, []).append(item.name)
    return [f'{", ".join(found)}: {remedy}.'
            for remedy, found in names.items()]


def plain(items):
    """Return items as JSON has them."""
    return [{
        'name': item.name,
        'found': item.found,
        'wanted': item.wanted,
        'ok': item.ok,
        'needed': item.needed,
        'remedy': item.remedy,
    } for item in items]


def _verdict(item):
    if item.ok is None:
        return 'unknown'
    if item.ok:
        return 'ok'
    return 'MISSING' if item.needed else 'advised'
