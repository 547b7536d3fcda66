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

"""Nova's fake domains, whose threads and memory can be moved."""

import fixtures
from lxml import etree
from nova.compute import resource_tracker
from nova.tests.fixtures import libvirt as fakelibvirt
from oslo_concurrency import lockutils

from nova_numa_ext.domain import standing
from nova_numa_ext.topology import cpuset

LIVE, CONFIG = 1, 2
_DOMAIN = 'nova.tests.fixtures.libvirt.Domain'


class Domains(fixtures.Fixture):
    """Have domains keep their XML, and pins and memory that are set.

    To be set up before what counts their calls.

    :ivar fails: names of calls that fail
    :ivar moved: calls that moved something
    :ivar under_lock: those of them that the tracker's lock was held for
    """

    def _setUp(self):
        self.fails = set()
        self.moved = []
        self.under_lock = []
        made, started = (
            fakelibvirt.Domain.__init__, fakelibvirt.Domain.createWithFlags)

        def make(domain, connection, xml, *args, **kwargs):
            made(domain, connection, xml, *args, **kwargs)
            domain.texts = {CONFIG: xml, LIVE: xml}

        def start(domain, flags=0):
            domain.texts[LIVE] = domain.texts[CONFIG]
            return started(domain, flags)

        def xml_of(domain, flags=0):
            # VIR_DOMAIN_XML_INACTIVE
            return domain.texts[CONFIG if flags & 2 else LIVE]

        for name, method in (
                ('__init__', make), ('createWithFlags', start),
                ('XMLDesc', xml_of), *((name, self._pin(name, tag, key))
                                       for name, tag, key in (
                    ('pinVcpuFlags', 'vcpupin', 'vcpu'),
                    ('pinIOThread', 'iothreadpin', 'iothread'),
                    ('pinEmulator', 'emulatorpin', None))),
                ('setNumaParameters', self._bind())):
            self.useFixture(fixtures.MonkeyPatch(f'{_DOMAIN}.{name}', method))

    def _pin(self, name, tag, key):
        def pin(domain, *args):
            *number, cpus, flags = args

            def change(tree):
                found, = (
                    node for node in tree.iterfind(f'cputune/{tag}')
                    if not key or node.get(key) == str(number[0]))
                found.set('cpuset', cpuset.show(
                    cpu for cpu, may in enumerate(cpus) if may))
            self._change(domain, name, flags, change)
        return pin

    def _bind(self):
        def set_numa_parameters(domain, parameters, flags):
            self._change(
                domain, 'setNumaParameters', flags,
                lambda tree: tree.find('numatune/memory').set(
                    'nodeset', parameters['numa_nodeset']))
        return set_numa_parameters

    def _change(self, domain, name, flags, change):
        self.moved.append(name)
        lock = lockutils.internal_fair_lock(
            resource_tracker.COMPUTE_RESOURCE_SEMAPHORE)
        if lock.is_writer():
            self.under_lock.append(name)
        if name in self.fails:
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError, f'{name} does not go here',
                error_code=fakelibvirt.VIR_ERR_INTERNAL_ERROR)
        for flag in LIVE, CONFIG:
            if flags & flag:
                tree = etree.fromstring(domain.texts[flag])
                change(tree)
                domain.texts[flag] = etree.tostring(tree, encoding='unicode')

    def take(self):
        """Return the calls that moved something since the last time."""
        moved, self.moved = self.moved, []
        return moved


def standing_of(connection, server, which=LIVE):
    """Return where a server's guest stands on a fake host."""
    found, = (domain for domain in connection._vms.values()
              if domain.UUIDString() == server['id'])
    return standing.of_domain(found.texts[which])
