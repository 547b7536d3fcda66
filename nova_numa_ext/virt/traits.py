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

"""Nova's driver: it tells placement the traits of its host."""

from nova import exception
import nova.conf
from nova.virt import hardware
from nova.virt.libvirt import driver as nova_driver
from nova.virt.libvirt import host as nova_host
from oslo_log import log as logging

from nova_numa_ext import traits
from nova_numa_ext.conf import opts
from nova_numa_ext.host import reader
from nova_numa_ext.virt import cpu_check

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

opts.register_opts(CONF)

RELIED_ON = {
    nova_driver.LibvirtDriver: {
        'get_available_resource': '(self, nodename)',
        'update_provider_tree':
            '(self, provider_tree, nodename, allocations=None)',
    },
}


class Traits:
    """A part of the driver: the traits of the host.

    They are read with each audit, before it takes the tracker's lock, and
    remembered until the next one; so that guests that come and go wait for
    nothing, and placement is asked for nothing more than before where they
    are what they were. What is read of libvirt is remembered as long as its
    connection holds.
    """

    def _init_traits(self):
        # None: not read yet.
        self._traits = None
        self._libvirt_told = None
        self._told_over = None

    def get_available_resource(self, nodename):
        resources = super().get_available_resource(nodename)
        if CONF.numa_ext.report_traits:
            self._read_traits()
        return resources

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        super().update_provider_tree(
            provider_tree, nodename, allocations=allocations)
        wanted = self._traits if CONF.numa_ext.report_traits else ()
        if wanted is None:
            return
        there = provider_tree.data(nodename).traits
        provider_tree.remove_traits(nodename, *traits.stale(there, wanted))
        provider_tree.add_traits(nodename, *wanted)

    def _read_traits(self):
        try:
            host, capabilities = self._told_by_libvirt()
        except (nova_host.libvirt.libvirtError,
                exception.HypervisorUnavailable, ValueError) as error:
            LOG.warning(
                'Traits of this host stay as they are: libvirt does not tell '
                'what it is: %(error)s', {'error': error})
            return
        found = traits.traits(traits.read(
            reader.THIS, host, capabilities,
            hardware.get_cpu_dedicated_set(), CONF.numa_ext.guest_policy))
        before = frozenset(self._traits or ())
        if before != frozenset(found):
            LOG.info(
                'Traits of this host: %(more)s; no longer: %(less)s', {
                    'more': ', '.join(sorted({*found} - before)) or 'none',
                    'less': ', '.join(sorted(before - {*found})) or 'none'})
        self._traits = found

    def _told_by_libvirt(self):
        """Return what libvirt says of the host and its guests.

        Nova pings libvirtd whenever it is asked for the connection. Whether
        that is another one is seen without.
        """
        if self._libvirt_told is None or (
                self._told_over is not self._connection_seen()):
            connection = self._host.get_connection()
            host = self._host_facts.topology(connection)
            self._libvirt_told = host, self._guests_of(connection, host.arch)
            self._told_over = self._connection_seen()
        return self._libvirt_told

    def _connection_seen(self):
        """Return the connection that Nova has; None where that is not seen.

        Where it never is, what libvirt said at the start of nova-compute
        holds until its end, as with Nova's own traits of CPUs.
        """
        return getattr(self._host, '_wrapped_conn', None)

    def _guests_of(self, connection, arch):
        try:
            return self._host_facts.domain_capabilities(
                connection, arch, CONF.libvirt.virt_type)
        except nova_host.libvirt.libvirtError as error:
            if cpu_check.is_connection_lost(error):
                raise
            LOG.warning(
                '%(kind)s guests of %(arch)s cannot run here: %(error)s', {
                    'kind': CONF.libvirt.virt_type, 'arch': arch,
                    'error': error})
            return None
