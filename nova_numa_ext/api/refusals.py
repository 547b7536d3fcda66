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

"""Nova's two refusals of realtime guests, with the spec to set.

Nova's API refuses these when a server is created, and no compute host sees
them. Nova's own sentences do not name a spec ("Cannot set realtime policy in
a non dedicated cpu pinning policy"). In nova-api they get the words of
:mod:`nova_numa_ext.policy.nova_specs`, which compute hosts use, too.
"""

from nova import exception
import nova.conf

from nova_numa_ext.conf import opts
from nova_numa_ext.policy import nova_specs

CONF = nova.conf.CONF

opts.register_opts(CONF)

#: Nova's exceptions -> what is said instead of their default.
SENTENCES = {
    exception.RealtimeConfigurationInvalid: (
        f'flavor hw:cpu_realtime: {nova_specs.DEDICATED_REASON}. '
        f'{nova_specs.DEDICATED_REMEDY}.'),
    exception.RealtimeMaskNotFoundOrInvalid: (
        f'flavor hw:cpu_realtime: {nova_specs.MASK_REASON}. '
        f'{nova_specs.MASK_REMEDY}.'),
}


def reword():
    """Give Nova's exceptions these sentences, for the whole process.

    Where Nova raises one with a message of its own, that one stays.
    """
    if not CONF.numa_ext.guest_policy:
        return
    for refusal, sentence in SENTENCES.items():
        refusal.msg_fmt = sentence
