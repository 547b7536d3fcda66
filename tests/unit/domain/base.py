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


"""Guests, trees and refusals for the tests of elements."""

import dataclasses

from lxml import etree
import testtools

from nova_numa_ext import policy
from tests import golden


def guest(extra_specs=None, arch='x86_64', **fields):
    """Return a guest with some fields of a golden case."""
    made = golden.guest_of(golden.Case(
        'any', {}, {}, extra_specs or {}, **fields))
    return dataclasses.replace(made, capabilities=dataclasses.replace(
        made.capabilities, arch=arch))


class ElementTestCase(testtools.TestCase):

    def refused(self, configure, *args, kind=policy.HostCannot, **kwargs):
        return self.assertRaises(kind, configure, guest(*args, **kwargs))

    def assertWrites(self, expected, element, cpu='<cpu/>'):
        """Compare the whole <cpu> after an element was written."""
        domain = etree.fromstring(f'<domain>{cpu}</domain>')

        element.write(domain)
        element.write(domain)

        self.assertEqual(
            etree.canonicalize(f'<domain>{expected}</domain>'),
            etree.canonicalize(domain))
