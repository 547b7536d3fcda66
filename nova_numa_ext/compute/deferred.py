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

"""What a call of the tracker has changed, and saves before it returns."""


class Call:
    """What is still to be saved.

    :ivar changes: of compute nodes: each node, its group, its ticket and the
        function that saves it
    :ivar instance: the guest that it claims, not saved yet; or None
    """

    def __init__(self):
        self.changes = []
        self.instance = None


class SavedLater:
    """A guest, but saving it does nothing: the caller does that later."""

    def __init__(self, instance):
        object.__setattr__(self, '_instance', instance)

    def __getattr__(self, name):
        return getattr(self._instance, name)

    def __setattr__(self, name, value):
        setattr(self._instance, name, value)

    def save(self, *args, **kwargs):
        pass
