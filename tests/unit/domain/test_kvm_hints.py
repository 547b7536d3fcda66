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


import dataclasses

import ddt

from nova_numa_ext.domain import kvm_hints
from tests import golden
from tests.unit.domain import base

AUTO = golden.specs(kvm_hints='auto')
PINNED = {'vcpus': 2, 'cells': golden.nodes([0], [8])}


def guest(specs=AUTO, arch='x86_64', libvirt=9000000, qemu=7002000, **fields):
    made = base.guest(specs, arch, **{**PINNED, **fields})
    return dataclasses.replace(made, capabilities=dataclasses.replace(
        made.capabilities, libvirt_version=libvirt, hypervisor_version=qemu))


@ddt.ddt
class TestConfigure(base.ElementTestCase):

    def test_all(self):
        self.assertEqual(
            kvm_hints.KvmHints(('hint-dedicated', 'poll-control', 'pv-ipi')),
            kvm_hints.configure(guest()))

    @ddt.data(
        {'specs': golden.specs(kvm_hints='off')},
        {'specs': golden.specs(ksm='off')},
        {'capabilities': 'qemu'},
        {'arch': 'aarch64'},
        {'cells': ()},
        {'cells': golden.unpinned(1, 2)},
        # One that others share a CPU with is enough to make them wrong.
        {'cells': ({0: 0, 1: None},)},
        {'vcpus': 3},
        {'libvirt': 5006000},
        {'qemu': 2011000},
    )
    def test_none(self, fields):
        self.assertIsNone(kvm_hints.configure(guest(**fields)))

    @ddt.data(
        ((6009000, 7002000), ('hint-dedicated',)),
        ((6010000, 7002000), ('hint-dedicated', 'poll-control')),
        ((7010000, 3000000), ('hint-dedicated',)),
        ((7010000, 3001000), ('hint-dedicated', 'pv-ipi')),
        ((0, 0), ('hint-dedicated', 'poll-control', 'pv-ipi')),
    )
    @ddt.unpack
    def test_those_that_the_host_has(self, versions, names):
        libvirt, qemu = versions
        self.assertEqual(names, kvm_hints.configure(
            guest(libvirt=libvirt, qemu=qemu)).names)


class TestWrite(base.ElementTestCase):

    ELEMENT = kvm_hints.KvmHints(('hint-dedicated', 'pv-ipi'))

    def test_into_nothing(self):
        self.assertWrites(
            '<features><kvm><hint-dedicated state="on"/>'
            '<pv-ipi state="on"/></kvm></features><cpu/>',
            self.ELEMENT, '<cpu/>')

    def test_beside_what_nova_hides(self):
        self.assertWrites(
            '<features><acpi/><kvm><hidden state="on"/>'
            '<hint-dedicated state="on"/><pv-ipi state="on"/></kvm>'
            '</features>', self.ELEMENT,
            '<features><acpi/><kvm><hidden state="on"/></kvm></features>')
