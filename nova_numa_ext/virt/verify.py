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

"""Whether a guest that was just started got what it was promised."""

from nova import exception
from nova.compute import vm_states
import nova.conf
from nova.virt.libvirt import driver as nova_driver
from oslo_log import log as logging

from nova_numa_ext.host import reader
from nova_numa_ext.verify import report

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


def after_start(host, instance):
    """Look at a guest as the options say, once it has been started.

    Only a guest that is being built is given up: one that was there before
    has data, and runs on with a warning.

    :param host: a nova.virt.libvirt.host.Host
    :raises BuildAbortException: where a promise is broken, so that Nova
        destroys the guest and the server is in ERROR
    """
    mode = CONF.numa_ext.verify_guests
    if mode == 'off' or not CONF.numa_ext.guest_policy:
        return
    broken = _broken(host, instance)
    if mode == 'fail' and broken and (
            instance.vm_state == vm_states.BUILDING):
        more = f' ({len(broken) - 1} more broken)' if broken[1:] else ''
        raise exception.BuildAbortException(
            instance_uuid=instance.uuid, reason=f'{broken[0]}{more}')


def _broken(host, instance):
    """Return the promises that are not kept, after a warning of each.

    None are of a guest that was defined, and not started.
    """
    try:
        guest = host.get_guest(instance)
        if not guest.is_active():
            return ()
        found = report.of_guest(
            reader.THIS, guest.get_xml_desc(dump_inactive=True),
            guest.get_xml_desc())
    except (exception.NovaException,
            nova_driver.libvirt.libvirtError) as error:
        # Nova finds out by itself what became of the guest.
        LOG.warning('Not verified: %s', error, instance=instance)
        return ()
    if found.rows is None:
        LOG.warning(
            'Not verified: nova-compute sees no process of this guest. Where '
            'it is in a container, give that the PID namespace of the host.',
            instance=instance)
        return ()
    for row in found.broken:
        LOG.warning('Broken promise of %s', row, instance=instance)
    for row in found.unread:
        LOG.debug('Not verified, for it needs root: %s, %s', row.subject,
                  row.promise, instance=instance)
    return found.broken
