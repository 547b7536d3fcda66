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

"""The Nova releases that this package is made for.

Differences between them are found by looking at what is there, because
vendors backport. The release number is only a gate: a Nova that nobody has
tried must not place guests with this driver unless the operator says so.
"""

from importlib import metadata
import re

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

# 26 is Zed, which Debian 12 has; 34 is 2026.2.
OLDEST = 26
NEWEST = 34


class UnsupportedRelease(ImportError):
    """A Nova that this package is not made for.

    An ImportError, because that is what Nova's load_compute_driver turns into
    a log entry and an exit.
    """


def installed():
    """The version of the Nova in this Python.

    :returns: such as ``34.0.0``; None where no Nova is installed
    """
    try:
        return metadata.version('nova')
    except metadata.PackageNotFoundError:
        return None


def unsupported(version):
    """Why a version of Nova is none that this package is made for.

    :param version: as Nova has it: ``26.2.2``, ``34.1.0.dev7``; or None
    :returns: a sentence; None where it is one
    """
    major = re.match(r'\d+(?=\.|$)', version or '')
    if major and OLDEST <= int(major.group()) <= NEWEST:
        return None
    return ('nova_numa_ext is made for Nova %s to %s, and this is Nova %s.'
            % (OLDEST, NEWEST, version or 'of an unknown version'))


def check_release(version, allow_untested):
    """Refuse to run with a Nova that this package is not made for.

    :param version: nova.version.version_string()
    :param allow_untested: [numa_ext] allow_untested_nova; a warning is logged
        instead
    :raises: UnsupportedRelease
    """
    reason = unsupported(version)
    if reason is None:
        return
    if allow_untested:
        LOG.warning('%s It runs because of [numa_ext] allow_untested_nova.',
                    reason)
        return
    raise UnsupportedRelease(
        reason + ' Install a release of nova-numa-ext for it, or set '
        '[numa_ext] allow_untested_nova = true to run it all the same.')
