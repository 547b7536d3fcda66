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

"""The header of a qcow2 image, which tells what ``qemu-img info`` would.

Its format is docs/interop/qcow2.txt of QEMU; all numbers are big-endian.
"""

import collections
import struct

#: Magic, version, offset and length of the backing file's name, bits of a
#: cluster, virtual size, method of encryption.
_BEGIN = struct.Struct('>4sIQIIQI')
_MAGIC = b'QFI\xfb'
#: Version 3 and later have bits of features there, of which those here do
#: not change what the rest means: dirty, compression, extended L2 entries.
_FEATURES = struct.Struct('>Q')
_FEATURES_AT = 72
_HARMLESS = 1 << 0 | 1 << 3 | 1 << 4
_NAME_LENGTH = 1023
_SECTOR = 512

#: :ivar virtual_size: what the guest sees, in bytes
#: :ivar backing_file: its name as the header has it, None without
Header = collections.namedtuple('Header', 'virtual_size backing_file')


def read(begin):
    """Return the Header of an image, None where QEMU should be asked.

    That is where it is not one, is encrypted or damaged, has its data
    elsewhere or features that are not known here, or where the name of its
    backing file may be more than a path.

    :param begin: the image's first bytes
    """
    if len(begin) < _FEATURES_AT + _FEATURES.size:
        return None
    magic, version, at, length, _bits, size, encrypted = _BEGIN.unpack_from(
        begin)
    if magic != _MAGIC or version not in (2, 3) or encrypted:
        return None
    if version > 2:
        (features,) = _FEATURES.unpack_from(begin, _FEATURES_AT)
        if features & ~_HARMLESS:
            return None
    backing_file = None
    if at:
        name = begin[at:at + length]
        if not 0 < length <= _NAME_LENGTH or len(name) < length:
            return None
        try:
            backing_file = name.decode()
        except UnicodeDecodeError:
            return None
        # A protocol's, or json:, as QEMU reads it.
        if ':' in backing_file:
            return None
    return Header(size // _SECTOR * _SECTOR, backing_file)
