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


from nova import objects
import testtools

from nova_numa_ext.compute import deferred


class SavedLaterTest(testtools.TestCase):

    def test_what_is_set_is_to_be_saved(self):
        instance = objects.Instance(host=None)
        instance.obj_reset_changes()
        later = deferred.SavedLater(instance)
        later.host = 'here'
        later.save(expected_task_state=None)
        self.assertEqual('here', later.host)
        self.assertEqual({'host'}, instance.obj_what_changed())
