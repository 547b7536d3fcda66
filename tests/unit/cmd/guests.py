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

"""What the commands see of libvirt, and what they say."""

import contextlib
import io
from unittest import mock

import fixtures

from nova_numa_ext.cmd import connection
from nova_numa_ext.cmd import main
from tests.unit.host import tree
from tests.unit.verify import base


class LibvirtError(Exception):
    """As libvirt has it."""


class TestCase(base.TestCase):
    """A host with libvirt on it, and the guests of ``self.domains``.

    :ivar domains: for each whether it runs, and its defined and live XML
    """

    def setUp(self):
        super().setUp()
        self.domains = [(True, self.defined, self.live)]
        self.libvirt = mock.Mock(
            spec=['libvirtError', 'VIR_DOMAIN_XML_INACTIVE',
                  'VIR_CONNECT_LIST_DOMAINS_ACTIVE'],
            libvirtError=LibvirtError, VIR_DOMAIN_XML_INACTIVE=2,
            VIR_CONNECT_LIST_DOMAINS_ACTIVE=1)
        self.asked = mock.Mock(spec=['listAllDomains', 'close'])
        self.asked.listAllDomains.side_effect = self._list
        self.useFixture(fixtures.MockPatchObject(
            connection, 'module', return_value=self.libvirt))
        self.opened = self.useFixture(fixtures.MockPatchObject(
            connection, 'open_read_only', return_value=self.asked)).mock

    def _list(self, flags=0):
        found = []
        for active, defined, live in self.domains:
            if flags & 1 and not active:
                continue
            domain = mock.Mock(spec=['XMLDesc', 'isActive', 'name'])
            domain.isActive.return_value = active
            domain.name.return_value = 'instance'
            domain.XMLDesc.side_effect = (
                lambda flags=0, defined=defined, live=live:
                defined if flags & 2 else live)
            found.append(domain)
        return found

    def run_command(self, *arguments):
        """Return the status, what it says, and what it complains of."""
        self.useFixture(fixtures.MonkeyPatch(
            'nova_numa_ext.host.reader.THIS',
            self.useFixture(tree.Tree(self.files)).reader))
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said):
            with contextlib.redirect_stderr(complained):
                status = main.main([*arguments])
        return status, said.getvalue(), complained.getvalue()
