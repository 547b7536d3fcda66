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

from unittest import mock

import fixtures
from nova import exception
from nova import objects
from nova.compute import vm_states
import nova.conf
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import host as libvirt_host
from oslo_log import log as logging

from nova_numa_ext.conf import opts
from nova_numa_ext.virt import verify
from tests.unit.host import tree
from tests.unit.verify import base

CONF = nova.conf.CONF
opts.register_opts(CONF)


class AfterStartTest(base.TestCase):
    """A guest that has just been started, and what is said of it."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG, format='%(levelname)s %(message)s'))
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.libvirt.driver.libvirt', fakelibvirt))
        self.guest = mock.create_autospec(libvirt_guest.Guest, instance=True)
        self.guest.is_active.return_value = True
        self.guest.get_xml_desc.side_effect = (
            lambda dump_inactive=False:
            self.defined if dump_inactive else self.live)
        self.host = mock.create_autospec(libvirt_host.Host, instance=True)
        self.host.get_guest.return_value = self.guest
        self.instance = objects.Instance(
            uuid=base.UUID, vm_state=vm_states.BUILDING)

    def set(self, name, value):
        CONF.set_override(name, value, group='numa_ext')
        self.addCleanup(CONF.clear_override, name, group='numa_ext')

    def verify(self, mode):
        self.set('verify_guests', mode)
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(self.files)).reader))
        verify.after_start(self.host, self.instance)

    def break_promises(self):
        self.change('task/4011/stat', ' 3 1 0 0 0 ', ' 4 1 0 0 0 ')
        self.change('task/4006/status', 'list:\t1', 'list:\t0')

    def test_off(self):
        self.break_promises()
        self.verify('off')
        self.host.get_guest.assert_not_called()

    def test_no_guest_policy(self):
        self.set('guest_policy', False)
        self.verify('fail')
        self.host.get_guest.assert_not_called()

    def test_all_is_kept(self):
        self.verify('fail')
        self.assertEqual('', self.log.output)

    def test_warn(self):
        self.break_promises()
        self.verify('warn')
        self.assertEqual(
            'WARNING Broken promise of IO thread 2, CPUs: asked for 1, '
            'got 0\n'
            'WARNING Broken promise of vCPU 1, scheduler: asked for fifo:3, '
            'got fifo:4\n', self.log.output)

    def test_fail(self):
        self.break_promises()
        error = self.assertRaises(
            exception.BuildAbortException, self.verify, 'fail')
        self.assertIn(
            'aborted: IO thread 2, CPUs: asked for 1, got 0 (1 more broken)',
            str(error))

    def test_fail_spares_a_guest_that_was_there_before(self):
        self.instance.vm_state = vm_states.ACTIVE
        self.break_promises()
        self.verify('fail')
        self.assertIn('WARNING Broken promise of vCPU 1', self.log.output)

    def test_a_guest_that_was_not_started(self):
        self.guest.is_active.return_value = False
        self.break_promises()
        self.verify('fail')
        self.assertEqual('', self.log.output)

    def test_a_process_that_cannot_be_seen(self):
        self.files = {}
        self.verify('fail')
        self.assertIn('WARNING Not verified: nova-compute sees no process',
                      self.log.output)

    def test_what_needs_root(self):
        self.files[f'{base.PROC}/numa_maps'] = None
        self.verify('fail')
        self.assertIn('DEBUG Not verified, for it needs root: guest node 0, '
                      'host nodes', self.log.output)
        self.assertNotIn('WARNING', self.log.output)

    def test_a_guest_that_is_gone(self):
        self.host.get_guest.side_effect = exception.InstanceNotFound(
            instance_id=base.UUID)
        self.verify('fail')
        self.assertIn('WARNING Not verified: Instance', self.log.output)

    def test_a_libvirtd_that_is_gone(self):
        self.guest.get_xml_desc.side_effect = (
            fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, 'Connection reset by peer'))
        self.verify('fail')
        self.assertIn('WARNING Not verified: Connection reset',
                      self.log.output)
