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

"""Nova's connection to libvirt, asked for less."""

from nova.virt.libvirt import host as nova_host


class NumaHost(nova_host.Host):
    """Nova's Host of libvirt, which remembers what it was told.

    Nova's driver makes its own Host and hands it on when it is created, so
    that one becomes this; before it has a connection.
    """

    @classmethod
    def adopt(cls, host):
        """Make Nova's own Host one of these.

        :param host: a nova.virt.libvirt.host.Host that is not connected yet
        """
        host.__class__ = cls
        host._remember_nothing()
        return host

    def _remember_nothing(self):
        """Make what this class adds to Nova's, as it is before any call."""
