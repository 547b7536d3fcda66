# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The order in which a cloud comes up, and goes down."""

import contextlib
import errno
import fcntl
import shutil

from tools.demo import catalog
from tools.demo import configuration
from tools.demo import databases
from tools.demo import guest_image
from tools.demo import guests
from tools.demo import plan
from tools.demo import processes
from tools.demo import report
from tools.demo import services

# Stopped at once within a group; no group before what depends on it.
STOP_ORDER = (
    ('nova-compute', 'nova-scheduler', 'nova-conductor', 'nova-api'),
    ('neutron', 'glance', 'placement', 'keystone', 'libvirtd'),
    ('memcached', 'rabbitmq', 'mariadb'),
    ('epmd',),
)
NOVA = ('nova-conductor', 'nova-scheduler', 'nova-compute')


@contextlib.contextmanager
def alone(cloud):
    """One command at a time works on a cloud."""
    with open(cloud.dir / 'lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise processes.Failure(
                f'another command works on {cloud.dir}'
            ) from error
        yield


class Starter:
    """Brings one cloud up; what runs already is left as it is."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.values = configuration.values(cloud)
        self.image = guest_image.GuestImage(cloud)
        self.virt_type = None
        self.guest_image_id = None
        self.host_size = None
        self.guests = []

    def start(self, name):
        """Starts the daemon that services.py describes under that name."""
        service = getattr(services, name.replace('-', '_'))(
            self.cloud, self.values
        )
        started = self.cloud.processes.start(service)
        plan.say(f'{name}: {"serves" if started else "serves already"}')

    def schema(self, name):
        if databases.schema(self.cloud, name):
            plan.say(f'{name}: database schema made')

    def rabbitmq(self):
        self.start('epmd')
        self.start('rabbitmq')

    def libvirtd(self):
        self.start('libvirtd')
        # The first question makes it probe QEMU, which takes seconds: while
        # others wait for the database, not while nova-compute waits for it.
        self.host_size = guests.host_size(self.cloud)

    def catalog(self):
        version = str(self.cloud.port_base)
        databases.once(
            self.cloud, 'catalog', version, lambda: catalog.fill(self.cloud)
        )

    def build_image(self):
        self.image.build()
        self.virt_type, reason = self.image.virt_type()
        plan.say(f'guests run with virt_type={self.virt_type}: {reason}')

    def upload(self):
        connection = catalog.connect(self.cloud)
        self.guest_image_id = self.image.upload(connection).id

    def nova_compute(self):
        configuration.write(
            self.cloud,
            'nova-compute.conf',
            self.values,
            virt_type=self.virt_type,
        )
        self.start('nova-compute')

    def nova_reports(self):
        catalog.wait_for_compute(self.cloud, NOVA)
        if not catalog.hypervisors(self.cloud):
            databases.discover_hosts(self.cloud)
        plan.say(
            f'nova {databases.version("nova")}: conductor, scheduler and '
            f'compute report; driver {self.cloud.compute_driver}'
        )

    def write_configuration(self):
        for name in (
            'keystone.conf',
            'placement.conf',
            'glance-api.conf',
            'neutron.conf',
            'nova.conf',
            'nova-database.conf',
        ):
            configuration.write(self.cloud, name, self.values)

    def run(self):
        self.write_configuration()
        for folder in ('nova', 'nova/lock'):
            (self.cloud.dir / folder).mkdir(exist_ok=True)
        steps = plan.Plan()
        add = steps.add

        def daemon(name, *after):
            return add(name, lambda: self.start(name), *after)

        def schema(name, *after):
            return add(f'{name} schema', lambda: self.schema(name), *after)

        daemon('mariadb')
        add('rabbitmq', self.rabbitmq)
        daemon('memcached')
        # The longest chain first: the threads share few cores.
        schema('keystone', 'mariadb')
        schema('nova', 'mariadb')
        schema('neutron', 'mariadb')
        schema('placement', 'mariadb')
        schema('glance', 'mariadb')
        add('libvirtd', self.libvirtd)
        daemon('keystone', 'keystone schema', 'memcached')
        add('catalog', self.catalog, 'keystone')
        daemon('placement', 'placement schema', 'keystone')
        daemon('glance', 'glance schema', 'keystone')
        daemon('neutron', 'neutron schema', 'keystone', 'rabbitmq')
        daemon('nova-api', 'nova schema', 'keystone', 'rabbitmq')
        add('guest image', self.build_image)
        add('upload', self.upload, 'guest image', 'glance', 'catalog')
        daemon('nova-conductor', 'nova schema', 'rabbitmq', 'placement')
        daemon('nova-scheduler', 'nova schema', 'rabbitmq', 'placement')
        add(
            'nova-compute',
            self.nova_compute,
            *('nova-conductor', 'placement', 'libvirtd'),
            *('guest image', 'catalog'),
        )
        add('nova reports', self.nova_reports, *NOVA, 'nova-api')
        add(
            'flavors',
            self.flavors,
            *('nova-api', 'catalog', 'libvirtd', 'guest image'),
        )
        steps.run()

    def flavors(self):
        nodes, cpus = self.host_size
        self.guests = guests.choose(nodes, cpus, self.virt_type)
        guests.set_flavors(self.cloud, self.guests)
        vcpus = self.guests[0].vcpus
        plan.say(
            f'guests have {vcpus} vCPUs: the host has {nodes} NUMA '
            f'node(s) with {cpus} CPUs'
        )

    def show_guests(self):
        """Boots the guests; prints what they saw and how they differ."""
        import libvirt

        booted = guests.boot(self.cloud, self.guests, self.guest_image_id)
        host = libvirt.open(self.cloud.libvirt_uri)
        xml = {
            guest.name: host.lookupByUUIDString(server.id).XMLDesc()
            for guest, (server, _) in booted
        }
        host.close()
        print(report.table([(guest, said) for guest, (_, said) in booted]))
        for one, other in (('plain', 'tuned'), ('tuned', 'nocache')):
            different = report.difference(one, other, xml[one], xml[other])
            print()
            print(different or f'The domains of {one} and {other} are alike.')


def up(cloud, with_guests):
    cloud.prepare()
    with alone(cloud):
        starter = Starter(cloud)
        starter.run()
        plan.say(f'the cloud is up; its state is in {cloud.dir}')
        if with_guests:
            starter.show_guests()
            plan.say('done; `make demo-shell` gives a shell with OS_* set')


def start(cloud, name):
    with alone(cloud):
        Starter(cloud).start(name)


def _stop(cloud):
    names = cloud.processes.names()

    def stop(name):
        if name == 'libvirtd':
            guests.stop_all(cloud)
        if cloud.processes.stop(name):
            plan.say(f'{name}: stopped')

    for group in STOP_ORDER:
        steps = plan.Plan()
        for name in group:
            if name in names:
                steps.add(name, lambda name=name: stop(name))
        steps.run()


def down(cloud):
    if not cloud.exists():
        plan.say('there is no cloud')
        return
    with alone(cloud):
        _stop(cloud)


def _remove(folder):
    """One that in-debian has mounted is left to it, empty."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise


def clean(cloud):
    if not cloud.exists():
        plan.say('there is no cloud')
        return
    with alone(cloud):
        _stop(cloud)
        _remove(cloud.dir)
    plan.say(f'{cloud.dir}: removed')
