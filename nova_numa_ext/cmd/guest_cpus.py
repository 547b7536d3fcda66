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

"""The CPUs of guests, from nova.conf and the command line."""

from oslo_config import cfg

from nova_numa_ext.tune import sets


class Unusable(Exception):
    """What was named cannot be read; says why."""


def read(arguments, here):
    """Return the CPUs that Nova gives to guests.

    :param arguments: those of options.add_configuration, and maybe
        ``cpu_shared_set``
    :param here: whether it is about this host, whose nova.conf holds where
        no other one is named
    :raises Unusable: where that cannot be told
    """
    conf = cfg.ConfigOpts()
    conf.register_opts(
        [cfg.StrOpt('cpu_dedicated_set'), cfg.StrOpt('cpu_shared_set')],
        group='compute')
    conf.register_opts([cfg.StrOpt('vcpu_pin_set')])
    files = arguments.config_file
    if not files and here:
        files = cfg.find_config_files('nova', 'nova-compute')
    try:
        conf([], project='nova', default_config_files=files,
             default_config_dirs=[])
    except cfg.Error as error:
        raise Unusable(str(error)) from error
    dedicated = arguments.cpu_dedicated_set
    shared = getattr(arguments, 'cpu_shared_set', None)
    try:
        return sets.read({
            sets.DEDICATED: conf.compute.cpu_dedicated_set
            if dedicated is None else dedicated,
            sets.SHARED: conf.compute.cpu_shared_set
            if shared is None else shared,
            sets.PINNED: conf.vcpu_pin_set,
        })
    except ValueError as error:
        raise Unusable(str(error)) from error
