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

"""A host for a resource tracker: a database, placement and a hypervisor.

The database is a few dictionaries of copies, so that a thousand claims take a
moment; Nova's objects come from it and go to it. Each of them belongs to the
world of its context.
"""

import fixtures
from keystoneauth1 import exceptions as ks_exc
from nova import context
from nova import objects
from nova.compute import provider_tree
from nova.compute import vm_states
from nova.scheduler.client import report
from nova.tests.fixtures import conf
from nova.virt import driver
from nova.virt import hardware
import oslo_messaging
from oslo_serialization import jsonutils
from oslo_utils import timeutils

HOST = 'here'
NODE_UUID = '00000000-0000-0000-0000-00000000000e'
IMAGE = {'properties': {}}


def flavor(number, vcpus, pinned):
    return objects.Flavor(
        id=number, name=f'flavor {number}', flavorid=str(number),
        memory_mb=256 * number, vcpus=vcpus, root_gb=number, ephemeral_gb=0,
        swap=0, extra_specs={'hw:cpu_policy': 'dedicated'} if pinned else {})


FLAVORS = [flavor(1, 1, False), flavor(2, 3, False), flavor(3, 2, True),
           flavor(4, 3, True)]


def numa_topology():
    """Return a host of two nodes with four CPUs each, as JSON."""
    return objects.NUMATopology(cells=[
        objects.NUMACell(
            id=node, cpuset=set(), pcpuset=cpus, memory=4096, cpu_usage=0,
            memory_usage=0, pinned_cpus=set(),
            siblings=[{cpu} for cpu in cpus], mempages=[
                objects.NUMAPagesTopology(
                    size_kb=4, total=1048576, used=0, reserved=0)],
            network_metadata=objects.NetworkMetadata(
                physnets=set(), tunneled=False), socket=0)
        for node, cpus in enumerate([{0, 1, 2, 3}, {4, 5, 6, 7}])])._to_json()


class Driver(driver.ComputeDriver):

    uptime = 'up 1 day'

    def get_available_resource(self, nodename):
        return {
            'hypervisor_hostname': HOST, 'uuid': NODE_UUID, 'vcpus': 16,
            'memory_mb': 8192, 'local_gb': 100, 'cpu_info': '{}',
            'vcpus_used': 0, 'memory_mb_used': 0, 'local_gb_used': 0,
            'hypervisor_type': 'QEMU', 'hypervisor_version': 7002000,
            'numa_topology': numa_topology(), 'disk_available_least': 50,
            'supported_instances': [], 'stats': {'uptime': self.uptime},
            'pci_passthrough_devices': jsonutils.dumps([])}

    def node_is_available(self, nodename):
        return True

    def capabilities_as_traits(self):
        return {}

    def get_host_ip_addr(self):
        return '192.0.2.1'

    def update_provider_tree(self, tree, nodename, allocations=None):
        pass


class Placement:
    """What a tracker asks of Nova's report client."""

    def __init__(self, world):
        self.faults = world.faults
        self.allocations = world.allocations
        self.traits = set()
        self.sent = []
        self.sent_traits = None

    def get_provider_subtree_and_ensure_root(self, context, uuid, name=None):
        if self.faults[:1] == ['placement']:
            self.faults.pop(0)
            raise ks_exc.ConnectFailure('placement is down')
        tree = provider_tree.ProviderTree()
        tree.new_root(HOST, NODE_UUID, generation=1)
        tree.update_traits(HOST, self.traits)
        return tree

    # Its name in older releases.
    get_provider_tree_and_ensure_root = get_provider_subtree_and_ensure_root

    def get_allocations_for_provider_tree(self, context, nodename):
        return {'a guest': {'allocations': {}}}

    def get_allocations_for_resource_provider(self, context, uuid):
        return report.ProviderAllocInfo(allocations=dict(self.allocations))

    def delete_allocation_for_instance(self, context, uuid, force=False):
        del self.allocations[uuid]

    def update_from_provider_tree(self, context, tree, allocations=None):
        self.sent.append(allocations)
        self.sent_traits = tree.data(HOST).traits


def plain(thing):
    """Return what an object holds, without the order of its sets."""
    if isinstance(thing, dict):
        return {key: plain(value) for key, value in thing.items()
                if key != 'nova_object.changes'}
    if isinstance(thing, list):
        return sorted((plain(value) for value in thing), key=str)
    return thing


class World:
    """One host, as its tracker sees it.

    :ivar changes: how often a guest's claim has been changed; set by a test
    :ivar saved_changes: how many of them are saved
    :ivar row: what is saved of the compute node, None before the first audit
    :ivar saves: how often it was saved
    :ivar allocations: what placement has for each guest
    :ivar faults: what happens to the next saves and placement requests:
        'conductor' is down, it is 'late' with an answer after it has saved,
        'placement' is down
    :ivar is_claiming: whether the guest that is saved is one that is being
        claimed; the conductor fails for no other
    """

    def __init__(self, tracker):
        self.context = context.RequestContext(
            'user', 'project', is_admin=True)
        self.context.world = self
        self.row = None
        self.saves = self.changes = self.saved_changes = 0
        self.faults = []
        self.is_claiming = False
        self.allocations = {}
        self.instances = {}
        self.migrations = {}
        self.start(tracker)

    def start(self, tracker):
        """Start nova-compute: a tracker that knows nothing, and an audit."""
        self.tracker = tracker(
            HOST, Driver(None), reportclient=Placement(self))
        # Before Nova 28 it is given none.
        if hasattr(self.tracker, 'set_service_ref'):
            self.tracker.set_service_ref(
                objects.Service(id=1, host=HOST))
        self.audit(startup=True)

    def audit(self, startup=False):
        self.tracker.update_available_resource(
            self.context, HOST, startup=startup)

    def fault_of_conductor(self):
        return (self.faults.pop(0)
                if self.faults[:1] in (['conductor'], ['late']) else None)

    def save_node(self, node):
        fault = self.fault_of_conductor()
        if fault != 'conductor':
            self.saves += 1
            self.saved_changes = self.changes
            self.row = self.picture(node)
            self._node = node.obj_clone()
        if fault:
            raise oslo_messaging.MessagingTimeout(fault)
        node.obj_reset_changes()

    def load_node(self, ctxt):
        if self.row is None:
            return None
        node = self._node.obj_clone()
        node._context = ctxt
        node.obj_reset_changes()
        return node

    def create_node(self, node):
        node.id = 1
        node.deleted = False
        self.save_node(node)

    @staticmethod
    def picture(node):
        """Return what is said of a node, comparable."""
        found = node.obj_to_primitive()['nova_object.data']
        found.pop('updated_at', None)
        if found.get('numa_topology'):
            found['numa_topology'] = plain(
                jsonutils.loads(found['numa_topology']))
        return jsonutils.dumps(found, sort_keys=True)

    @property
    def memory(self):
        """What the tracker knows of the node now."""
        return self.picture(self.tracker.compute_nodes[HOST])

    def save_instance(self, instance):
        fault = self.fault_of_conductor() if self.is_claiming else None
        if fault != 'conductor':
            saved = instance.obj_clone()
            saved.obj_reset_changes(recursive=True)
            self.instances[instance.uuid] = saved
        if fault:
            raise oslo_messaging.MessagingTimeout(fault)
        instance.obj_reset_changes(recursive=True)

    def load(self, uuid):
        instance = self.instances[uuid].obj_clone()
        instance._context = self.context
        return instance

    def save_migration(self, migration):
        if 'id' not in migration:
            migration.id = len(self.migrations) + 1
            migration.uuid = f'00000000-0000-0000-0000-{migration.id:012}'
            migration.created_at = timeutils.utcnow()
        migration.updated_at = timeutils.utcnow()
        saved = migration.obj_clone()
        saved.obj_reset_changes()
        self.migrations[migration.id] = saved
        migration.obj_reset_changes()

    def migration_of(self, uuid):
        """Return the last migration of a guest."""
        last = max(saved.id for saved in self.migrations.values()
                   if saved.instance_uuid == uuid)
        migration = self.migrations[last].obj_clone()
        migration._context = self.context
        return migration

    def loaded_migrations(self, ctxt):
        found = []
        for saved in self.migrations.values():
            if saved.status not in ('confirmed', 'reverted', 'failed'):
                migration = saved.obj_clone()
                migration._context = ctxt
                migration.instance = self.load(migration.instance_uuid)
                found.append(migration)
        return objects.MigrationList(ctxt, objects=found)

    def loaded_instances(self, ctxt):
        return objects.InstanceList(ctxt, objects=[
            self.load(uuid) for uuid, saved in self.instances.items()
            if saved.host == HOST and saved.vm_state != vm_states.DELETED])

    def create_instance(self, uuid, number):
        """Have somebody ask for a guest; no host has it yet."""
        chosen = FLAVORS[number].obj_clone()
        self.save_instance(objects.Instance(
            self.context, id=1, uuid=uuid, host=None, node=None,
            launched_on=None, compute_id=None, project_id='project',
            os_type=None, vm_state=vm_states.BUILDING, task_state=None,
            flavor=chosen, old_flavor=None, new_flavor=None,
            instance_type_id=chosen.id, system_metadata={}, metadata={},
            numa_topology=hardware.numa_get_constraints(
                chosen, objects.ImageMeta.from_dict(IMAGE)),
            pci_devices=objects.PciDeviceList(objects=[]),
            pci_requests=objects.InstancePCIRequests(requests=[]),
            migration_context=None, resources=None, deleted=False,
            hidden=False))
        self.allocations[uuid] = {'resources': {'VCPU': chosen.vcpus}}


class Nova(fixtures.Fixture):
    """Nova's objects, from and to the world of their context."""

    def _setUp(self):
        objects.register_all()
        self.useFixture(conf.ConfFixture())
        self.patch('ComputeNode.save', lambda node: of(node).save_node(node))
        self.patch('ComputeNode.create',
                   lambda node: of(node).create_node(node))
        self.patch('ComputeNode.get_by_uuid',
                   lambda cls, ctxt, uuid: ctxt.world.load_node(ctxt))
        # How Nova finds it before 27.
        self.patch('ComputeNode.get_by_host_and_nodename',
                   lambda cls, ctxt, host, name: ctxt.world.load_node(ctxt))
        self.patch('ComputeNodeList.get_by_hypervisor',
                   lambda cls, ctxt, name: [])
        self.patch('Instance.save', lambda instance, **kwargs: of(
            instance).save_instance(instance))
        self.patch('Instance.drop_migration_context', drop_migration_context)
        self.patch('Instance.get_by_uuid', lambda cls, ctxt, uuid, **kwargs:
                   ctxt.world.load(uuid))
        self.patch('InstanceList.get_by_host_and_node',
                   lambda cls, ctxt, *args, **kwargs: (
                       ctxt.world.loaded_instances(ctxt)))
        self.patch('Migration.save', lambda migration: of(
            migration).save_migration(migration))
        self.patch('Migration.create', lambda migration: of(
            migration).save_migration(migration))
        self.patch('MigrationList.get_in_progress_and_error',
                   lambda cls, ctxt, *args: ctxt.world.loaded_migrations(ctxt))
        self.patch('PciDeviceList.get_by_compute_node',
                   lambda cls, ctxt, node: objects.PciDeviceList(
                       ctxt, objects=[]))
        self.patch('Service.get_by_compute_host',
                   lambda cls, ctxt, host: objects.Service(disabled=False))
        self.useFixture(fixtures.MonkeyPatch(
            'nova.compute.utils.is_volume_backed_instance',
            lambda context, instance, bdms=None: False))
        self.patch('BlockDeviceMappingList.bdms_by_instance_uuid',
                   lambda cls, ctxt, uuids: {})

    def patch(self, name, function):
        self.useFixture(fixtures.MonkeyPatch(
            'nova.objects.' + name, function))


def of(thing):
    return thing._context.world


def drop_migration_context(instance):
    world = of(instance)
    world.instances[instance.uuid].migration_context = None
    instance.migration_context = None
