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

"""The demo's guests: their flavors, their boot, what they said."""

import contextlib
import dataclasses
import os
import subprocess

from tools.demo import catalog
from tools.demo import plan
from tools.demo import processes
from tools.demo import report

MEMORY_MIB = 192
BOOT_SECONDS = 240
# Which state of the compute service has booted a server.
PROPERTY = 'demo_compute'


@dataclasses.dataclass(frozen=True)
class Guest:
    """A server and the flavor of the same name."""

    name: str
    vcpus: int
    extra_specs: dict

    @property
    def flavor(self):
        return f'demo.{self.name}'


def choose(host_nodes, host_cpus, virt_type):
    """The guests that this host can run side by side.

    Nova gives a guest NUMA node no more CPUs than its host node has.
    """
    nodes = min(2, host_nodes)
    vcpus = min(4, host_cpus // host_nodes * nodes)
    tuned = {
        'hw:numa_nodes': str(nodes),
        'numa_ext:cpu_mode': (
            'host-passthrough' if virt_type == 'kvm' else 'maximum'
        ),
        'numa_ext:cpu_topology': 'auto',
    }
    return [
        Guest('plain', vcpus, {}),
        Guest('tuned', vcpus, {**tuned, 'numa_ext:cpu_cache': 'emulate'}),
        Guest('nocache', vcpus, {**tuned, 'numa_ext:cpu_cache': 'disable'}),
    ]


def host_size(cloud):
    """NUMA nodes and CPUs as libvirt, and so Nova, counts them."""
    import libvirt
    from lxml import etree

    host = libvirt.openReadOnly(cloud.libvirt_uri)
    try:
        capabilities = etree.fromstring(host.getCapabilities())
    finally:
        host.close()
    cells = capabilities.findall('./host/topology/cells/cell')
    cpus = sum(int(cell.find('cpus').get('num')) for cell in cells)
    return max(len(cells), 1), cpus or os.cpu_count()


def set_flavors(cloud, wanted):
    """Makes the flavors; one that differs is made anew."""
    compute = catalog.connect(cloud).compute
    found = {each.name: each for each in compute.flavors(get_extra_specs=True)}
    for guest in wanted:
        flavor = found.get(guest.flavor)
        if flavor is not None:
            if (
                flavor.vcpus == guest.vcpus
                and flavor.ram == MEMORY_MIB
                and dict(flavor.extra_specs) == guest.extra_specs
            ):
                continue
            compute.delete_flavor(flavor)
        flavor = compute.create_flavor(
            name=guest.flavor, vcpus=guest.vcpus, ram=MEMORY_MIB, disk=1
        )
        if guest.extra_specs:
            compute.create_flavor_extra_specs(flavor, guest.extra_specs)


def boot(cloud, wanted, image_id):
    """Boots what does not run yet with the `openstack` command.

    A server that another driver, or another state of this one, has booted
    is made anew.
    """
    driver = cloud.processes.digest('nova-compute')[:12]
    compute = catalog.connect(cloud).compute
    found = {each.name: each for each in compute.servers()}
    creations = plan.Plan()
    for guest in wanted:
        server = found.get(guest.name)
        if server is not None and _same(server, guest, image_id, driver):
            if server.status == 'ACTIVE':
                continue
            if server.status == 'SHUTOFF':
                forget_report(console_path(cloud, server))
                compute.start_server(server)
                continue
        if server is not None:
            compute.delete_server(server)
            compute.wait_for_delete(server, interval=0.5, wait=60)
        creations.add(
            guest.name, lambda guest=guest: _create(cloud, guest, driver)
        )
    creations.run()
    return [(guest, _when_up(cloud, compute, guest)) for guest in wanted]


def _same(server, guest, image_id, driver):
    flavor = server.flavor
    return (
        (server.metadata or {}).get(PROPERTY) == driver
        and flavor.vcpus == guest.vcpus
        and dict(flavor.extra_specs or {}) == guest.extra_specs
        and server.image.id == image_id
    )


def _create(cloud, guest, driver):
    words = ['openstack', 'server', 'create', '--flavor', guest.flavor]
    words += ['--image', 'guest', '--nic', 'none']
    words += ['--property', f'{PROPERTY}={driver}', guest.name]
    plan.say(' '.join(words))
    answer = subprocess.run(
        words,
        executable=cloud.bin / 'openstack',
        env={**processes.base_env(), **cloud.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise processes.Failure(
            f'`{" ".join(words)}`: {answer.stderr.strip()}',
            cloud.processes.log('nova-api'),
        )


def _when_up(cloud, compute, guest):
    """Waits for a guest's own words; returns its server and its report."""
    log = cloud.processes.log('nova-compute')
    server = compute.find_server(guest.name, ignore_missing=False)

    def active():
        current = compute.get_server(server)
        if current.status == 'ERROR':
            # An older SDK's server has no such attribute.
            answer = compute.get(f'/servers/{server.id}').json()['server']
            fault = answer.get('fault', {})
            raise processes.Failure(
                f'server {guest.name}: {fault.get("message", "ERROR")}', log
            )
        return current.status == 'ACTIVE' and current

    def said():
        return report.parse(console_path(cloud, server))

    server = processes.wait_for(
        f'server {guest.name} ACTIVE', active, BOOT_SECONDS, log
    )
    result = processes.wait_for(
        f'server {guest.name}: its report on the console',
        said,
        BOOT_SECONDS,
        console_path(cloud, server),
    )
    plan.say(f'{guest.name}: the guest is up')
    return server, result


def console_path(cloud, server):
    return cloud.instances / server.id / 'console.log'


def forget_report(console):
    """So that the next boot's report is not mistaken for this one's."""
    with contextlib.suppress(FileNotFoundError):
        os.truncate(console, 0)


def stop_all(cloud):
    """Ends the QEMU processes of this cloud, by libvirtd where it runs."""
    if cloud.processes.pid('libvirtd'):
        import libvirt

        try:
            host = libvirt.open(cloud.libvirt_uri)
            for domain in host.listAllDomains(
                libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
            ):
                domain.destroy()
            host.close()
        except libvirt.libvirtError as error:
            plan.say(f'libvirtd: {error}')
    for path in (cloud.run / 'libvirt' / 'qemu').glob('*.pid'):
        _kill_qemu(cloud, path)
    for console in cloud.instances.glob('*/console.log'):
        forget_report(console)


def _kill_qemu(cloud, path):
    try:
        pid = int(path.read_text())
        with open(f'/proc/{pid}/cmdline', 'rb') as cmdline:
            ours = str(cloud.instances).encode() in cmdline.read()
        if ours:
            os.kill(pid, 9)
    except (OSError, ValueError):
        pass
