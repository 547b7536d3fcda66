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

"""Whether this host is one for realtime guests, and can lock memory."""

import nova.conf
from nova.virt import hardware
from oslo_log import log as logging

from nova_numa_ext.host import memory_lock
from nova_numa_ext.host import reader
from nova_numa_ext.host import readiness
from nova_numa_ext.policy import HostCannot
from nova_numa_ext.policy.errors import Origin

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


def judge(nova_specs, flavor, instance, comes=True):
    """Refuse a guest that this host cannot or should not run.

    Nova locks the memory of realtime guests, and of those that ask for it.
    QEMU does not start where that cannot be done, so that no option switches
    it off. Whether a host is tuned for realtime guests is judged when one
    comes to it, not when one that is here is started again.

    :param nova_specs: what Nova's own specs say, a NovaSpecs
    :param flavor: the flavor that the guest is to have
    :param comes: False for a guest that is started where it was before
    :raises HostCannot: saying why
    """
    if not (nova_specs.realtime or nova_specs.locked_memory):
        return
    origin = _origin(nova_specs, flavor)
    reason = memory_lock.judge(
        flavor.memory_mb << 10, memory_lock.gather(reader.THIS))
    if reason:
        raise HostCannot(origin, reason, memory_lock.REMEDY)
    if nova_specs.realtime and comes:
        _judge_realtime(origin, instance)


def _judge_realtime(origin, instance):
    mode = CONF.numa_ext.realtime_host_check
    if mode == 'off':
        return
    items = readiness.judge(
        reader.THIS, hardware.get_cpu_dedicated_set())
    reason = readiness.refusal(items)
    if reason is None:
        return
    refused = HostCannot(origin, reason, 'See nova-numa-ext host')
    if mode == 'enforce':
        raise refused
    LOG.warning('%s', refused, instance=instance)


def _origin(nova_specs, flavor):
    specs = flavor.get('extra_specs', {}) or {}
    for spec, asked in (('hw:cpu_realtime', nova_specs.realtime),
                        ('hw:locked_memory', nova_specs.locked_memory)):
        if asked and spec in specs:
            return Origin('flavor', spec, str(specs[spec]))
    return Origin('image', 'hw_locked_memory', 'true')
