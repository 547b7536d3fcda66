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

"""Guests that are claimed, and have no domain: a tracker knows no other."""

from nova import objects


def create(context, number, memory_mb):
    """Return a guest in the database that no host has yet."""
    instance = objects.Instance(
        context, project_id='a project', user_id='a user',
        flavor=objects.Flavor(
            context, id=number, name=f'flavor {number}', flavorid=str(number),
            memory_mb=memory_mb, vcpus=1, root_gb=0, ephemeral_gb=0, swap=0,
            rxtx_factor=1.0, vcpu_weight=0, extra_specs={}),
        instance_type_id=number, image_ref='', vm_state='building',
        task_state=None, system_metadata={}, numa_topology=None,
        pci_requests=objects.InstancePCIRequests(requests=[]))
    instance.create()
    return instance


def claim(context, tracker, instance, node):
    return tracker.instance_claim(context.elevated(), instance, node, {})
