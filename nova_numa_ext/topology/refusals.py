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

"""The sentences that say which hosts have no place for a guest, and why.

The scheduler's filter, the claim and the driver all say it in these.
"""

from __future__ import annotations

from typing import Iterable


def of_host(host: str, reason: str) -> str:
    """Return why one host has none, without a full stop.

    :param reason: such as ``cell 1 lacks 2 free dedicated CPUs``
    """
    return f'{host}: {reason}'


def of_request(refused: Iterable[tuple[str, str]]) -> str:
    """Return the line about all hosts that a request was refused by.

    :param refused: hosts and reasons
    """
    return 'No place for the guest on ' + '; '.join(
        of_host(host, reason) for host, reason in refused)
