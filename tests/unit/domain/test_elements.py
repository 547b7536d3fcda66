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


import importlib
import pkgutil
import re
from unittest import mock
from xml.etree import ElementTree

from lxml import etree
from nova.virt.libvirt import config as vconfig
import testscenarios
import testtools

from nova_numa_ext import domain
from nova_numa_ext import policy
from nova_numa_ext.domain import cpu
from nova_numa_ext.domain import cpu_cache
from nova_numa_ext.domain import elements
from nova_numa_ext.policy import table
from tests import golden
from tests.unit.domain import base

#: Releases differ in what they write of it.
NOVAS_BALLOON = vconfig.LibvirtConfigMemoryBalloon().to_xml()


class TestElements(testtools.TestCase):

    def test_every_part_of_the_domain_is_listed(self):
        found = {
            name for _finder, name, _ispkg in pkgutil.iter_modules(
                domain.__path__)
            if hasattr(importlib.import_module(f'{domain.__name__}.{name}'),
                       'configure')}

        self.assertEqual(
            found, {configure.__module__.rpartition('.')[2]
                    for configure in elements.CONFIGURATORS})
        self.assertEqual(len(found), len(elements.CONFIGURATORS))

    def test_nothing_asked_for_asks_nobody(self):
        with mock.patch.object(elements, 'CONFIGURATORS', (None,)):
            self.assertEqual((), elements.elements(base.guest()))

    def test_parts_that_are_asked_for(self):
        self.assertEqual(
            (cpu.Cpu('maximum', None, None), cpu_cache.CpuCache('emulate')),
            elements.elements(base.guest(golden.specs(
                cpu_mode='maximum', cpu_cache='emulate'))))


class TestGolden(testscenarios.WithScenarios, testtools.TestCase):

    scenarios = [(case.name, {'case': case}) for case in golden.CASES]

    def test_domain(self):
        whole = golden.path_of(self.case).read_text()
        if 'autodeflate' not in NOVAS_BALLOON:
            whole = whole.replace(
                ' autodeflate="on" freePageReporting="on"', '')
        self.assertEqual(whole, golden.domain_of(self.case))

    def test_refused(self):
        if not self.case.would_be:
            self.assertIsNone(self.case.refused)
            golden.elements_of(self.case)
        elif self.case.refused is not None:
            refused = self.assertRaises(
                policy.Refused, golden.elements_of, self.case)

            self.assertIn(self.case.refused, str(refused))

    def test_alike_with_the_standard_librarys_tree(self):
        domain = ElementTree.fromstring(
            etree.tostring(golden.nova_domain(self.case)))
        for part in self.case.would_be or golden.elements_of(self.case):
            part.write(domain)

        self.assertEqual(
            etree.canonicalize(golden.domain_of(self.case), strip_text=True),
            etree.canonicalize(
                ElementTree.tostring(domain, 'unicode'), strip_text=True))

    def test_expectations(self):
        self.assertEqual({'qemu', 'kvm'}, set(self.case.define))
        for virt_type, expected in self.case.define.items():
            self.assertEqual(
                expected == golden.OK, virt_type in self.case.start)
        for message in (*self.case.define.values(),
                        *self.case.start.values()):
            re.compile(message)


class TestGoldenSet(testtools.TestCase):

    def test_a_file_for_each_case(self):
        files = (golden.FOLDER / 'golden').iterdir()

        self.assertEqual(
            sorted(case.name for case in golden.CASES),
            sorted(path.stem for path in files))

    def test_every_row_is_in_some_domain(self):
        """From flavor or image; a word that no domain has is a gap."""
        seen = set()
        for case in golden.CASES:
            if not case.would_be:
                seen.update(case.extra_specs.items())
                seen.update(
                    (key.replace('numa_ext_', 'numa_ext:', 1), text)
                    for key, text in case.image_properties.items())
        for row in table.ROWS:
            words = getattr(row.type, 'words', ())
            self.assertIn(row.spec, {key for key, _text in seen})
            for word in words:
                self.assertIn((row.spec, word), seen)
