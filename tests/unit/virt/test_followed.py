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

import testtools

from nova_numa_ext import figures
from nova_numa_ext.compat import fast_path
from nova_numa_ext.virt import domains
from nova_numa_ext.virt import followed

UUID = 'f7cb5d34-2d8e-4f2a-8a0c-7d5a1c6a3f10'
XML = """
<domain type='kvm' {run}>
  <uuid>{uuid}</uuid>
  <vcpu placement='static' {current}>4</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{disk}' {index}/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='{port}'/>
  </devices>
</domain>
"""


def xml(run='', current='', disk='/disk', index='', port=5900):
    return XML.format(uuid=UUID, run=run, current=current, disk=disk,
                      index=index, port=port)


class Domain:
    """libvirt's object of a domain, and what it was asked."""

    weight = 3

    def __init__(self):
        self.asked = []
        self.xml = xml("id='1'")
        self.id = 1
        self.error = None

    def UUIDString(self):
        return UUID

    def ID(self):
        return self.id

    def XMLDesc(self, flags=0):
        self.asked.append(('XMLDesc', flags))
        return self.xml

    def info(self):
        return [1, 2, 3, 4, 5]

    def vcpus(self):
        self.asked.append(('vcpus',))
        return [(0, 1, 9, 0)], [(True,)]

    def _done(self, *asked):
        self.asked.append(asked)
        if self.error:
            raise self.error
        return 0

    def createWithFlags(self, flags=0):
        self.id = 1
        return self._done('createWithFlags', flags)

    def destroy(self):
        self.id = -1
        return self._done('destroy')

    def undefine(self):
        self._done('undefine')

    def suspend(self):
        return self._done('suspend')

    def resume(self):
        return self._done('resume')

    def attachDeviceFlags(self, device, flags=0):
        return self._done('attachDeviceFlags', device, flags)


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.known = domains.Domains()
        self.known.connected(True)
        self.libvirts = Domain()
        self.domain = followed.Followed(self.libvirts, self.known)

    def state(self):
        known = self.known.state(UUID)
        return known and (known.state, known.id)


class FollowedTest(TestCase):

    def test_it_is_libvirts(self):
        self.assertIsInstance(self.domain, Domain)
        self.assertEqual(self.domain, self.libvirts)
        self.assertEqual(
            self.domain, followed.Followed(self.libvirts, self.known))
        self.assertNotEqual(self.domain, Domain())
        self.assertEqual({self.libvirts}, {self.domain})
        self.assertEqual(repr(self.libvirts), repr(self.domain))
        self.assertEqual(3, self.domain.weight)
        self.assertEqual([1, 2, 3, 4, 5], self.domain.info())
        self.assertRaises(AttributeError, lambda: self.domain.unheard_of)

    def test_what_nova_does_is_what_it_is_then(self):
        for name, state in (
                ('createWithFlags', (domains.RUNNING, 1)),
                ('suspend', (domains.PAUSED, 1)),
                ('resume', (domains.RUNNING, 1)),
                ('destroy', (domains.SHUT_OFF, -1))):
            arguments = (0,) if name == 'createWithFlags' else ()
            self.assertEqual(0, getattr(self.domain, name)(*arguments))
            self.assertEqual(state, self.state(), name)

    def test_a_guest_that_is_started_paused(self):
        self.domain.createWithFlags(1)

        self.assertEqual((domains.PAUSED, 1), self.state())
        self.assertEqual([('createWithFlags', 1)], self.libvirts.asked)

    def test_a_start_that_failed(self):
        self.libvirts.error = OSError('no')

        self.assertRaises(OSError, self.domain.createWithFlags, 0)

        self.assertIsNone(self.state())

    def test_xml_that_is_read_is_known(self):
        self.assertEqual(self.libvirts.xml, self.domain.XMLDesc(flags=0))

        self.assertEqual(
            self.libvirts.xml, self.known.xml(UUID, 1).text)

    def test_xml_of_another_kind_is_not(self):
        # VIR_DOMAIN_XML_INACTIVE
        self.domain.XMLDesc(2)

        self.assertIsNone(self.known.definition(UUID))

    def test_a_start_keeps_the_xml(self):
        self.libvirts.xml = xml()
        self.domain.XMLDesc(0)

        self.domain.createWithFlags(0)

        self.assertEqual(self.libvirts.xml, self.known.xml(UUID, 1).text)

    def test_any_other_change_drops_it(self):
        for change in (
                self.domain.suspend, self.domain.destroy,
                lambda: self.domain.attachDeviceFlags('<disk/>', flags=3)):
            self.domain.XMLDesc(0)
            change()
            self.assertIsNone(self.known.definition(UUID))

    def test_what_nova_undefines_is_looked_up_again(self):
        self.known.keep_object(UUID, self.domain)
        self.domain.undefine()
        self.assertIsNone(self.known.object(UUID))

    def test_what_only_reads_drops_nothing(self):
        self.domain.XMLDesc(0)

        self.domain.info()
        self.domain.vcpus()
        self.domain.ID()

        self.assertIsNotNone(self.known.definition(UUID))

    def test_uuid_and_id(self):
        self.assertEqual(UUID, followed.uuid_in(xml()))
        self.assertIsNone(followed.uuid_in('<domain/>'))
        self.assertEqual(-1, followed.id_in(xml()))
        self.assertEqual(17, followed.id_in(xml('id="17"')))


class ReadTest(TestCase):

    def setUp(self):
        super().setUp()
        self.path = fast_path.FastPath('domain_xml', 'switch', True)
        self.found = None
        self.read = followed.Read(
            self.domain, self.path, lambda: self.found)

    def remember(self, text):
        self.found = domains.Xml(text, 1, 0.0)

    def test_remembered(self):
        self.remember('<domain/>')

        self.assertEqual('<domain/>', self.read.XMLDesc(0))
        self.assertEqual([], self.libvirts.asked)

    def test_not_known_yet(self):
        self.assertEqual(self.libvirts.xml, self.read.XMLDesc(flags=0))
        self.assertEqual([('XMLDesc', 0)], self.libvirts.asked)
        self.assertEqual(self.libvirts.xml, self.known.xml(UUID, 1).text)

    def test_secrets_are_not_remembered(self):
        self.remember('<domain/>')

        self.assertEqual(self.libvirts.xml, self.read.XMLDesc(1))

    def test_the_number_of_vcpus(self):
        for current, number in (('', 4), ("current='2'", 2)):
            self.remember(xml(current=current))
            self.assertEqual(number, len(self.read.vcpus()[0]))
        self.assertEqual([], self.libvirts.asked)

    def test_shadow_mode_gives_what_libvirtd_says(self):
        self.path.shadow = True
        before = self.mismatches()
        self.remember(xml("id='1'"))
        self.assertEqual([(0, 1, 9, 0)], self.read.vcpus()[0])
        self.assertEqual(1, self.mismatches() - before)
        self.remember(xml('', port=-1))
        self.assertEqual(self.libvirts.xml, self.read.XMLDesc(0))
        self.assertEqual(1, self.mismatches() - before)
        self.remember(xml(disk='/other'))
        self.assertEqual(self.libvirts.xml, self.read.XMLDesc(0))
        self.assertEqual(2, self.mismatches() - before)

    def mismatches(self):
        return figures.value(
            'shadow_mismatches_total', fast_path='domain_xml')

    def test_what_is_the_same(self):
        one = xml()
        for same in (xml("id='4'"), xml(port=-1), xml(index="index='1'")):
            self.assertTrue(followed.is_same(one, same), same)
        for other in (xml(current="current='3'"), xml(disk='/other'),
                      one.replace('hvm', 'exe'),
                      one.replace('tablet', 'mouse')):
            self.assertFalse(followed.is_same(one, other), other)
