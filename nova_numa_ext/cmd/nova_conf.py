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

"""Options of nova.conf that a command wants to know."""

from oslo_config import cfg


class Unusable(Exception):
    """What was named cannot be read; says why."""


def read(files, here, options, program='nova'):
    """Return Nova's configuration, with these options alone.

    :param files: those that were named
    :param here: whether it is about this host, whose nova.conf holds where no
        other one is named
    :param options: lists of options by group
    :param program: whose configuration is read beside nova.conf
    :raises Unusable: where that cannot be done
    """
    conf = cfg.ConfigOpts()
    for group, found in options.items():
        conf.register_opts(
            found, group=None if group == 'DEFAULT' else group)
    folders = []
    if not files and here:
        files = cfg.find_config_files('nova', program)
        folders = cfg.find_config_dirs('nova', 'nova')
    try:
        conf([], project='nova', default_config_files=files,
             default_config_dirs=folders)
        # A value is looked at when it is asked for.
        for group, found in options.items():
            for option in found:
                place = conf if group == 'DEFAULT' else conf[group]
                place[option.dest]
    except (cfg.Error, ValueError) as error:
        raise Unusable(str(error).strip()) from error
    return conf


def where_set(conf, group, name):
    """Return the file that sets an option, None where none does."""
    location = conf.get_location(name, group)
    if location is None or location.location != cfg.Locations.user:
        return None
    return location.detail
