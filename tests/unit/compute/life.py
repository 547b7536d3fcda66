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

"""What nova-compute does to guests, as far as a resource tracker has to know.

Each takes a host of world.World, and what it does is saved there.
"""

import contextlib
import functools

from nova import exception
from nova.compute import task_states
from nova.compute import vm_states

from tests.unit.compute import world


def claim(host, guest):
    return host.tracker.instance_claim(
        host.context, host.load(guest), world.HOST, {})


def create(host, guest, number):
    host.create_instance(guest, number)
    try:
        claim(host, guest)
    except exception.ComputeResourcesUnavailable:
        host.allocations.pop(guest)
        raise


def move_claim(host, guest, number):
    """Claim room for a resize on this host, as its manager does."""
    instance = host.load(guest)
    instance.old_flavor = instance.flavor
    instance.new_flavor = world.FLAVORS[number].obj_clone()
    instance.task_state = task_states.RESIZE_PREP
    instance.save()
    try:
        host.tracker.resize_claim(
            host.context, instance, instance.new_flavor, world.HOST, None, {},
            image_meta=world.IMAGE)
    except exception.ComputeResourcesUnavailable:
        migration = host.migration_of(guest)
        migration.status = 'failed'
        migration.save()
        instance.task_state = None
        instance.save()
        raise


def give_up_move(host, guest):
    migration = host.migration_of(guest)
    context = host.context
    instance = host.load(guest)
    host.tracker.drop_move_claim(
        context, instance, world.HOST, flavor=instance.new_flavor)
    instance.drop_migration_context()
    migration.status = 'failed'
    migration.save()
    instance.task_state = None
    instance.save()


def finish_move(host, guest):
    instance = host.load(guest)
    instance.flavor = instance.new_flavor
    instance.instance_type_id = instance.flavor.id
    instance.apply_migration_context()
    instance.vm_state, instance.task_state = vm_states.RESIZED, None
    instance.save()
    migration = host.migration_of(guest)
    migration.status = 'finished'
    migration.save()


@contextlib.contextmanager
def in_error_on_failure(instance):
    try:
        yield
    except Exception:
        instance.vm_state, instance.task_state = vm_states.ERROR, None
        instance.save()
        raise


def confirm(host, guest):
    instance = host.load(guest)
    with in_error_on_failure(instance):
        host.tracker.drop_move_claim_at_source(
            host.context, instance, host.migration_of(guest))
    instance.vm_state = vm_states.ACTIVE
    instance.save()


def revert(host, guest):
    instance = host.load(guest)
    instance.task_state = task_states.RESIZE_REVERTING
    with in_error_on_failure(instance):
        host.tracker.drop_move_claim_at_dest(
            host.context, instance, host.migration_of(guest))
    instance.flavor = instance.old_flavor
    instance.instance_type_id = instance.flavor.id
    instance.vm_state, instance.task_state = vm_states.ACTIVE, None
    instance.drop_migration_context()
    instance.save()


def give_up(host, guest):
    """Have no host for a guest that could not be claimed."""
    instance = host.load(guest)
    instance.host = instance.node = instance.compute_id = None
    instance.save()
    host.allocations.pop(guest, None)


def abort(host, guest):
    host.tracker.abort_instance_claim(
        host.context, host.load(guest), world.HOST)
    host.allocations.pop(guest, None)


def update(host, guest, **changes):
    instance = host.load(guest)
    for name, value in changes.items():
        setattr(instance, name, value)
    instance.save()
    host.tracker.update_usage(host.context, instance, world.HOST)


activate = functools.partial(update, vm_state=vm_states.ACTIVE)


def delete(host, guest):
    update(host, guest, vm_state=vm_states.DELETED, deleted=True)
    host.allocations.pop(guest, None)


#: Placement is not told of it; the next audit does that.
delete_halfway = functools.partial(
    update, vm_state=vm_states.DELETED, deleted=True)
start_snapshot = functools.partial(update, task_state='image_snapshot')
end_snapshot = functools.partial(update, task_state=None)

#: Four things to do to a guest in a state, each with its state after that.
STEPS = {
    'gone': [(create, 'claimed')] * 4,
    'claimed': [(activate, 'active')] * 3 + [(abort, 'gone')],
    'active': [(move_claim, 'moving')] * 2 + [
        (start_snapshot, 'busy'), (delete, 'gone')],
    'busy': [(end_snapshot, 'active')] * 3 + [
        (delete_halfway, 'gone')],
    'moving': [(finish_move, 'moved')] * 3 + [(give_up_move, 'active')],
    'moved': [(confirm, 'active'), (revert, 'active')] * 2,
    'broken': [],
}
