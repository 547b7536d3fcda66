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

"""Nova's own tests, run on this project's classes in place of Nova's.

``python -m tests.upstream --help`` says how. The folder's other modules:
``stand_in`` puts one class in another's place, ``ours`` says which and notes
which of their methods ran, ``worker`` runs one module of tests, ``results``
reads what it left, ``expected`` and ``verdict`` judge, ``runs`` has the rest.
"""
