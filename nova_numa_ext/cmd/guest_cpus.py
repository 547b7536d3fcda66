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

"""What nova.conf and the command line say of guests and their CPUs."""

from oslo_config import cfg

from nova_numa_ext.conf import opts
from nova_numa_ext.tune import sets


class Unusable(Exception):
    """What was named cannot be read; says why."""


def configuration(arguments, here):
    """Return what nova.conf says, as far as it is asked here.

    :param arguments: those of options.add_configuration
    :param here: whether it is about this host, whose nova.conf holds where
        no other one is named
    :raises Unusable: where that cannot be told
    """
    conf = cfg.ConfigOpts()
    conf.register_opts(
        [cfg.StrOpt('cpu_dedicated_set'), cfg.StrOpt('cpu_shared_set')],
        group='compute')
    conf.register_opts([cfg.StrOpt('vcpu_pin_set')])
    conf.register_opts(
        [cfg.StrOpt('virt_type', default='kvm')], group='libvirt')
    opts.register_opts(conf)
    files = arguments.config_file
    if not files and here:
        files = cfg.find_config_files('nova', 'nova-compute')
    try:
        conf([], project='nova', default_config_files=files,
             default_config_dirs=[])
    except cfg.Error as error:
        raise Unusable(str(error)) from error
    return conf


def read(arguments, here):
    """Return the CPUs that Nova gives to guests.

    :param arguments: those of options.add_configuration, and maybe
        ``cpu_shared_set``
    :param here: as of configuration
    :raises Unusable: where that cannot be told
    """
    return of_configuration(configuration(arguments, here), arguments)


def of_configuration(conf, arguments):
    """Return the CPUs that Nova gives to guests.

    :param conf: from configuration
    :raises Unusable: where its sets are no sets
    """
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
