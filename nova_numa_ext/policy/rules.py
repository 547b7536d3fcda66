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

"""What settings need of each other, and what they exclude."""

from __future__ import annotations

from typing import Any
from typing import Mapping

from nova_numa_ext.policy import nova_specs
from nova_numa_ext.policy import table
from nova_numa_ext.policy.errors import InvalidRequest
from nova_numa_ext.policy.errors import Origin


def judge(
    asked: Mapping[str, Any], origins: Mapping[str, Origin],
    nova: nova_specs.NovaSpecs,
) -> None:
    """Judge all that is asked for by the rules of the table.

    :param asked: name of a row -> its value
    :param origins: name of a row -> where it comes from
    :raises InvalidRequest: for the first row with a rule that is broken
    """
    for name in sorted(asked):
        row = table.BY_NAME[name]
        _judge_needs(row, asked, origins, nova)
        _judge_excludes(row, asked, origins, nova)


def _judge_needs(
    row: table.Row, asked: Mapping[str, Any], origins: Mapping[str, Origin],
    nova: nova_specs.NovaSpecs,
) -> None:
    missing = []
    for needs in row.rules_for(row.needs, asked[row.name]):
        if needs.name not in table.BY_NAME:
            if not (nova.has(needs.name, needs.words)
                    or needs.instead and nova.has(needs.instead)):
                missing.append(needs)
        elif needs.name not in asked:
            if not needs.unless_unset:
                missing.append(needs)
        elif needs.words and asked[needs.name] not in _parsed(needs):
            raise InvalidRequest(
                origins[row.name],
                f'{origins[needs.name]} does not go with it',
                f'Set {_spec(needs)} to {" or ".join(needs.words)}',
            )
    ours = [needs for needs in missing if needs.name in table.BY_NAME]
    if ours:
        raise InvalidRequest(
            origins[row.name],
            f'this needs {_spec(ours[0])}',
            f'Set {_spec(ours[0])} to {_values(row, ours[0])}',
        )
    if missing:
        # All at once: who mends one at a time meets the next refusal.
        *first, last = (_setting(needs) for needs in missing)
        settings = f'{", ".join(first)} and {last}' if first else last
        raise InvalidRequest(
            origins[row.name],
            f'this needs {settings}',
            f'Set {"them" if first else "it"} on the flavor',
        )


def _judge_excludes(
    row: table.Row, asked: Mapping[str, Any], origins: Mapping[str, Origin],
    nova: nova_specs.NovaSpecs,
) -> None:
    for excludes in row.rules_for(row.excludes, asked[row.name]):
        if excludes.name in table.BY_NAME:
            if asked.get(excludes.name) not in _parsed(excludes):
                continue
            other = str(origins[excludes.name])
        elif nova.has(excludes.name, excludes.words):
            other = excludes.name
            if excludes.words:
                other += f'={" or ".join(excludes.words)}'
        else:
            continue
        raise InvalidRequest(
            origins[row.name],
            f'{other} does not go with it',
            'Remove one of the two',
        )


def _parsed(rule: table.Needs | table.Excludes) -> tuple[object, ...]:
    return tuple(
        table.BY_NAME[rule.name].type.parse(word) for word in rule.words)


def _spec(needs: table.Needs) -> str:
    return table.BY_NAME[needs.name].spec


def _values(row: table.Row, needs: table.Needs) -> str:
    if needs.words:
        return ' or '.join(needs.words)
    excluded = {
        word for _key, excludes in row.excludes
        if excludes.name == needs.name for word in excludes.words}
    return ', '.join(
        word for word in table.BY_NAME[needs.name].type.help.split(', ')
        if word not in excluded)


def _setting(needs: table.Needs) -> str:
    if not needs.words:
        return f'{needs.name} (such as {nova_specs.EXAMPLES[needs.name]})'
    first, *others = needs.words
    more = f' (or {" or ".join(others)})' if others else ''
    return f'{needs.name}={first}{more}'
