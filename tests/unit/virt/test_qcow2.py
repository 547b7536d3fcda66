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

import struct

import hypothesis
from hypothesis import strategies as st
import testtools

from nova_numa_ext.virt import qcow2

GIB = 1 << 30


def image(version=3, size=GIB, encrypted=0, features=0, name=b'',
          magic=b'QFI\xfb', length=None):
    """Return the first bytes of an image, as docs/interop/qcow2.txt has them.

    :param name: of the backing file
    :param length: what is said of the name's length
    """
    at = 112 if name else 0
    return (struct.pack(
        '>4sIQIIQIIQQIIQ', magic, version, at,
        len(name) if length is None else length, 16, size, encrypted,
        0, 0, 0, 0, 0, 0) + struct.pack('>QQQII', features, 0, 0, 4, 104)
        ).ljust(112, b'\0') + name


class ReadTest(testtools.TestCase):

    def test_what_it_tells(self):
        for name in (b'', b'/var/lib/nova/instances/_base/0a1b', b'base'):
            for version in (2, 3):
                self.assertEqual(
                    (GIB, name.decode() or None),
                    qcow2.read(image(version, name=name)))

    def test_whole_sectors(self):
        self.assertEqual(GIB, qcow2.read(image(size=GIB + 511)).virtual_size)

    def test_features_that_change_nothing(self):
        """Dirty, compressed otherwise, extended L2 entries."""
        for bit in (0, 3, 4):
            self.assertEqual(
                (GIB, None), qcow2.read(image(features=1 << bit)))
        # Version 2 has other things there.
        self.assertEqual((GIB, None), qcow2.read(image(2, features=1 << 2)))

    def test_what_qemu_should_judge(self):
        for what, begin in {
            'another format': image(magic=b'QED\0'),
            'a version to come': image(version=4),
            'a version that was': image(version=1),
            'encrypted': image(encrypted=2),
            'damaged': image(features=1 << 1),
            'its data elsewhere': image(features=1 << 2),
            'a feature to come': image(features=1 << 5),
            'a backing file by a protocol': image(name=b'nbd:host:1'),
            'a backing file as JSON': image(name=b'json:{"driver":"raw"}'),
            'a backing file without a name': image(name=b'x', length=0),
            'a name that is too long': image(name=1024 * b'x'),
            'a name that is elsewhere': image(name=b'x', length=2),
            'a name that is no text': image(name=b'\xff'),
            'a part of a header': image()[:79],
            'nothing': b'',
        }.items():
            self.assertIsNone(qcow2.read(begin), what)

    @hypothesis.given(st.binary(max_size=200))
    def test_any_bytes(self, begin):
        qcow2.read(begin)
        found = qcow2.read(image()[:8] + begin)
        if found:
            self.assertNotIn(':', found.backing_file or '')
