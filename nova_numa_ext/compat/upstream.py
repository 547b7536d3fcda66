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

"""Whether what a fast path replaces in Nova is what it was made for.

A vendor's Nova or a release to come can differ. What differs is found by
looking at signatures, and the fast path stays off then: Nova's own way is
always right.
"""

from __future__ import annotations

import inspect
from typing import Any
from typing import Mapping
from typing import Tuple
from typing import Union

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Name of a method -> its parameters, as ``parameters`` writes them; several
#: where releases differ in what makes no difference here.
Known = Mapping[str, Union[str, Tuple[str, ...]]]


def parameters(method: Any) -> str:
    """Return a callable's parameters with defaults, without type hints."""
    signature = inspect.signature(method)
    bare = [parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in signature.parameters.values()]
    return str(signature.replace(
        parameters=bare, return_annotation=inspect.Signature.empty))


def unknown(owner: Any, known: Known) -> list[str]:
    """Return what of a class or module is gone or has other parameters."""
    return [
        f'{owner.__name__}.{name}' for name, expected in known.items()
        if not callable(getattr(owner, name, None))
        or parameters(getattr(owner, name)) not in (
            (expected,) if isinstance(expected, str) else expected)]


def is_known(switch: str, relied_on: Mapping[Any, Known]) -> bool:
    """Return whether a fast path can be used; a warning says why not.

    :param switch: the option of [numa_ext] that it has
    :param relied_on: what it replaces or calls, by class or module
    """
    differing = [name for owner, known in relied_on.items()
                 for name in unknown(owner, known)]
    if differing:
        LOG.warning(
            '[numa_ext] %(switch)s is without effect: this Nova is not known '
            'to it (%(differing)s). Nova does it in its own way.',
            {'switch': switch, 'differing': ', '.join(differing)})
    return not differing
