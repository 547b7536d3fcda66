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

from nova_numa_ext.host import cpu_identity
from tests.unit.host import base

X86 = """processor	: {}
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping	: 7
microcode	: 0x5003604
cpu MHz		: {}
flags		: fpu vme sse avx512f
bugs		: spectre_v1
"""
ARM = """processor	: 0
BogoMIPS	: 50.00
Features	: fp asimd atomics
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x3
CPU part	: 0xd0c
CPU revision	: 1
"""
INTEL = cpu_identity.CpuIdentity(
    'GenuineIntel', '6', '85', '7', ('avx512f', 'fpu', 'sse', 'vme'))


class CpuIdentityTest(base.TestCase):

    def kinds(self, text):
        return cpu_identity.read(
            self.reader('debian', {'proc/cpuinfo': text}))

    def test_x86(self):
        """Clocks and microcode are no part of it."""
        text = '\n'.join(
            X86.format(number, 1000 + number) for number in range(4))

        self.assertEqual((INTEL,), self.kinds(text))

    def test_arm(self):
        self.assertEqual(
            (cpu_identity.CpuIdentity(
                '0x41', '8', '0xd0c', '0x3.1', ('asimd', 'atomics', 'fp')),),
            self.kinds(ARM))

    def test_kinds_that_differ(self):
        other = X86.format(1, 1).replace('avx512f', 'avx2')

        found = self.kinds(f'{X86.format(0, 1)}\n{other}')

        self.assertEqual(2, len(found))
        self.assertEqual(
            found, self.kinds(f'{other}\n{X86.format(0, 1)}'))

    def test_nothing_told(self):
        self.assertEqual((), self.kinds('vendor_id : IBM/S390\n'))
        self.assertEqual((), cpu_identity.read(self.reader('debian')))

    def test_fingerprint(self):
        found = cpu_identity.fingerprint((INTEL,))

        self.assertRegex(found, '^[0-9a-f]{16}$')
        self.assertEqual(found, cpu_identity.fingerprint(
            self.kinds(X86.format(7, 3000))))
        self.assertIsNone(cpu_identity.fingerprint(()))

    def test_what_changes_a_fingerprint(self):
        before = X86.format(0, 1)
        for old, new in (
            ('GenuineIntel', 'AuthenticAMD'), ('family\t: 6', 'family\t: 7'),
            ('model\t\t: 85', 'model\t\t: 86'), (': 7\n', ': 8\n'),
            ('sse', 'sse2'),
        ):
            self.assertIn(old, before)
            self.assertNotEqual(
                cpu_identity.fingerprint((INTEL,)),
                cpu_identity.fingerprint(
                    self.kinds(before.replace(old, new))), new)
