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

"""What the difference between two runs of Nova's tests means."""

import typing

from tests.upstream import results

#: Less than this share passed on Nova's own classes: nothing is known.
ENOUGH = 0.80
#: More than this share is listed: it is no exception any more.
TOO_MANY = 0.02

GOOD = 'good'
RED = 'RED'
NOT_JUDGED = 'NOT JUDGED'


class Module(typing.NamedTuple):
    """A module's outcomes with Nova's classes and with ours, by test."""

    name: str
    stock: dict
    ours: dict


class Verdict(typing.NamedTuple):
    verdict: str
    #: Of a module's name, how many of its tests are listed, and its verdict.
    modules: dict
    #: Sentences: what makes it red, or keeps it from being judged.
    faults: list


def _fault(test, stock, ours, entry):
    """Return why the outcomes of one test are not as they should be."""
    if stock is None:
        return (f"{test}: {ours.state} on this project's classes, and is no "
                "test on Nova's")
    if ours is None:
        return f"{test}: was not run on this project's classes"
    worse = (ours.is_bad and not stock.is_bad
             or stock.state == results.PASSED and ours.state != stock.state)
    if entry is None:
        if worse:
            return f'{test}: {ours.state}. {ours.why}'.strip()
        return None
    if stock.is_bad:
        return f"{test}: is listed, and fails on Nova's own classes too"
    if not worse and not entry.flaky:
        return f'{test}: is listed, and {ours.state}: take it off the list'
    return None


def _is_enough(outcomes):
    good = results.passed(outcomes)
    return good > 0 and good >= ENOUGH * (good + results.bad(outcomes))


def of_module(module, expected):
    """Return one module's verdict and its faults."""
    faults = []
    for test in sorted({*module.stock, *module.ours}):
        fault = _fault(test, module.stock.get(test), module.ours.get(test),
                       expected.get(test))
        if fault:
            faults.append(fault)
    if not _is_enough(module.stock):
        good, bad = results.passed(module.stock), results.bad(module.stock)
        return NOT_JUDGED, [
            f"{module.name}: {good} of {good + bad} pass on Nova's own "
            f'classes, which is less than {ENOUGH:.0%}'
            if good + bad else f'{module.name}: no test ran', *faults]
    return (RED if faults else GOOD), faults


def judge(modules, expected, faults, ran):
    """Judge a run.

    :param modules: those that were run
    :param expected: what is listed, by the test's id
    :param faults: those of the list
    :param ran: names of this project's methods that ran
    """
    found = {}
    faults = list(faults)
    run = set()
    for module in modules:
        verdict, of_it = of_module(module, expected)
        listed = sum(test in expected for test in module.ours)
        found[module.name] = (listed, verdict)
        faults += of_it
        run.update(module.ours)
    names = tuple(f'{module.name}.' for module in modules)
    faults += [f'{test}: is listed, and there is no such test'
               for test in sorted(set(expected) - run)
               if test.startswith(names)]
    listed = len(run & set(expected))
    if listed > TOO_MANY * len(run):
        faults.append(f'{listed} of {len(run)} tests are listed, which is '
                      f'more than {TOO_MANY:.0%}')
    verdict = GOOD
    if faults:
        verdict = RED
    if not ran:
        faults.append("No method of this project's ran.")
    if not (modules and ran) or any(
            each == NOT_JUDGED for _listed, each in found.values()):
        verdict = NOT_JUDGED
    return Verdict(verdict, found, faults)
