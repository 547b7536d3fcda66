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

"""With no ``numa_ext:`` spec the domain's XML is Nova's own, byte for byte.

The guests are those of Nova's own unit tests. Each of them that comes to
``_get_guest_config`` is run with Nova's driver and with ours in its place, and
what the two return has to be the same XML.
"""

import ast
import contextlib
import inspect
import itertools
import tempfile
import textwrap
import time
import types
import unittest
from unittest import mock
import uuid

import fixtures
from nova import objects
import nova.conf
from nova.console import serial
from nova.tests.unit.virt.libvirt import test_driver as novas_tests
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as nova_driver
import testtools

from nova_numa_ext.virt import driver

CONF = nova.conf.CONF

#: The tests whose guests are looked at.
CASES = (
    novas_tests.LibvirtConnTestCase,
    novas_tests.LibvirtDriverTestCase,
)

#: What makes a guest's configuration.
SOURCES = {'_get_guest_config', '_get_guest_xml'}

#: Asked for, and neither given nor refused where the switch is off.
SPECS = {
    'numa_ext:cpu_mode': 'maximum',
    'numa_ext:cpu_topology': 'auto',
    'numa_ext:cpu_cash': 'no such name',
}

#: Fewer tests than in any release of Nova; more have to be compared.
FEWEST = 150


def tests_of(case):
    """Return the tests of a class that come to a guest's configuration.

    Their source names it, or a method of the class that does.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(case)))
    named = {
        function.name: {
            node.attr for node in ast.walk(function)
            if isinstance(node, ast.Attribute)}
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)}
    found = set(SOURCES)
    more = found
    while more:
        more = {name for name, names in named.items()
                if names & found and name not in found}
        found |= more
    return [name for name in unittest.TestLoader().getTestCaseNames(case)
            if name in found]


class StandIn(types.ModuleType):
    """Nova's driver module, but for the driver that it hands out.

    Only the tests have it: Nova's own code names the class in its module.
    """

    def __init__(self, replacement):
        vars(self)['LibvirtDriver'] = replacement

    def __getattr__(self, name):
        return getattr(nova_driver, name)

    def __setattr__(self, name, value):
        setattr(nova_driver, name, value)

    def __delattr__(self, name):
        delattr(nova_driver, name)


def xml_of(guest):
    """Return the XML of a guest, or why it has none.

    Some tests have Nova build guests that cannot be written.
    """
    try:
        return guest.to_xml()
    except TypeError as error:
        return repr(error)


def recorder(base, guests, specs):
    """Return a driver that keeps the XML of each guest that it returns.

    :param base: the driver
    :param guests: where to put them
    :param specs: extra specs that each flavor gets besides its own, with the
        switch off
    """

    class LibvirtDriver(base):

        def __init__(self, *args, **kwargs):
            # Nova's tests have reset the configuration by now.
            CONF.set_override('guest_policy', not specs, group='numa_ext')
            super().__init__(*args, **kwargs)

        def _get_guest_config(self, instance, *args, **kwargs):
            flavor = instance.flavor
            if specs and isinstance(flavor, objects.Flavor):
                flavor.extra_specs = {
                    **(flavor.get('extra_specs') or {}), **specs}
            guest = super()._get_guest_config(instance, *args, **kwargs)
            if isinstance(guest, vconfig.LibvirtConfigGuest):
                guests.append(xml_of(guest))
            return guest

    return LibvirtDriver


@contextlib.contextmanager
def same_each_time():
    """Have what is random, and the time, be what they were last time."""
    numbers = itertools.count(1)
    clock = mock.Mock(spec=time, **{'strftime.return_value': 'now'})
    with contextlib.ExitStack() as stack:
        for patch in (
            mock.patch.object(vconfig, 'time', clock),
            mock.patch.object(
                uuid, 'uuid4', autospec=True,
                side_effect=lambda: uuid.UUID(int=next(numbers))),
            mock.patch.object(
                tempfile, '_get_candidate_names', autospec=True,
                return_value=(f'{n:08}' for n in itertools.count())),
            # Of ports for consoles no other process takes one.
            mock.patch.object(serial, 'ALLOCATED_PORTS', set()),
            mock.patch.object(serial, '_verify_port', autospec=True),
        ):
            stack.enter_context(patch)
        yield


def run(case, name, base, specs=None):
    """Run a test of Nova's with this driver.

    :returns: whether it succeeded, and the XML of its guests
    """
    guests = []
    result = unittest.TestResult()
    standin = StandIn(recorder(base, guests, specs))
    with same_each_time():
        with mock.patch.object(novas_tests, 'libvirt_driver', standin):
            case(name).run(result)
    return result.wasSuccessful(), guests


class ByteForByteTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # Other workers make temporary files of the same names.
        self.useFixture(fixtures.NestedTempfile())
        self.addCleanup(
            CONF.clear_override, 'guest_policy', group='numa_ext')

    def compare(self, ours, specs=None):
        """Compare the guests of all of Nova's tests.

        :returns: the tests in which ours differ, and in how many there are
            guests
        """
        differ = []
        compared = 0
        for case in CASES:
            for name in tests_of(case):
                stock = run(case, name, nova_driver.LibvirtDriver, specs)
                compared += bool(stock[1])
                if stock != run(case, name, ours, specs):
                    differ.append(name)
        return differ, compared


class WithoutSpecsTest(ByteForByteTestCase):

    def test_guests_are_novas(self):
        differ, compared = self.compare(driver.NumaLibvirtDriver)
        self.assertEqual([], differ)
        self.assertGreaterEqual(compared, FEWEST)


class SwitchedOffTest(ByteForByteTestCase):

    def test_guests_are_novas_whatever_is_asked_for(self):
        differ, compared = self.compare(driver.NumaLibvirtDriver, SPECS)
        self.assertEqual([], differ)
        self.assertGreaterEqual(compared, FEWEST)


class ControlTest(ByteForByteTestCase):
    """A difference would be seen."""

    CASE = novas_tests.LibvirtConnTestCase
    NAME = 'test_get_guest_config'

    def test_guests_that_differ(self):

        class Altered(driver.NumaLibvirtDriver):

            def _set_features(self, guest, *args, **kwargs):
                super()._set_features(guest, *args, **kwargs)
                guest.vcpus += 1

        stock = run(self.CASE, self.NAME, nova_driver.LibvirtDriver)
        self.assertTrue(stock[1])
        self.assertEqual(
            stock, run(self.CASE, self.NAME, nova_driver.LibvirtDriver))
        self.assertNotEqual(
            stock[1], run(self.CASE, self.NAME, Altered)[1])
