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

"""Hosts to explain on: this one, saved capabilities, and those shipped."""

import dataclasses
import os
import pathlib
import re
from xml.etree import ElementTree

from nova_numa_ext.domain import capabilities as domain_capabilities
from nova_numa_ext.explain import Unusable
from nova_numa_ext.policy import errors
from nova_numa_ext.policy import values
from nova_numa_ext.topology import host as topology

#: The most that is read of a saved document.
MOST = 16 << 20

LIVE = 'live'
URI = 'qemu:///system'

#: What is to be said of each live host.
UNCOUNTED = 'Guests that run on the host now are not counted.'

_DATA = pathlib.Path(__file__).parents[1] / 'data'


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as libvirt describes it.

    :ivar capabilities: what ``virsh capabilities`` prints
    :ivar domain_capabilities: what ``virsh domcapabilities`` prints
    :ivar libvirt_version: as libvirt counts it, 0 where unknown
    :ivar hypervisor_version: QEMU's, likewise
    :ivar notes: what was assumed of it
    """

    name: str
    capabilities: str
    domain_capabilities: str
    libvirt_version: int = 0
    hypervisor_version: int = 0
    notes: tuple = ()


def shipped():
    """Return the names of the hosts that come with this package."""
    return tuple(sorted(
        path.stem for path in (_DATA / 'hosts').glob('*.xml')))


def summary(name):
    """Return what kind of host a shipped one is, on one line."""
    host = topology.from_capabilities(_shipped_xml('hosts', name))
    cores = len(set(host.siblings.values()))
    return (f'{host.vendor} {host.arch}: {len(host.cells)} nodes, '
            f'{cores} cores, {len(host.siblings)} CPUs, '
            f'{len(host.l3) or "unknown"} L3')


def load(wanted, virt_type, domain_file=None, libvirt=None):
    """Return the host that the command line names.

    :param wanted: ``live``, the path of a file, or a shipped host's name
    :param virt_type: ``kvm`` or ``qemu``
    :param domain_file: a file with domain capabilities, or None
    :param libvirt: the module libvirt, None where it is missing
    :raises Unusable: where there is no such host
    """
    if wanted == LIVE:
        return _live(virt_type, domain_file, libvirt)
    if wanted in shipped():
        name, xml = wanted, _shipped_xml('hosts', wanted)
    elif os.path.isfile(wanted):
        name, xml = os.path.basename(wanted), _read(wanted)
    else:
        meant = values.nearest(wanted, shipped())
        raise Unusable(
            f'There is no host {errors.shown(wanted)}. '
            + (f'Did you mean {meant}? ' if meant else '')
            + f'Give {LIVE}, a file of `virsh capabilities`, or one of '
            f'{errors.listed(shipped())}.')
    _judge(name, xml)
    domain, notes = _domain(xml, virt_type, domain_file)
    return Host(name, xml, domain, 0, _qemu_version(xml), notes)


def _domain(xml, virt_type, domain_file):
    """Return domain capabilities of a saved host, and what was assumed."""
    if domain_file is not None:
        found = _read(domain_file)
        try:
            document = domain_capabilities.from_xml(found)
        except ValueError as error:
            raise Unusable(
                f'{errors.plain(domain_file)}: {error}. Save what `virsh '
                'domcapabilities` prints.') from error
        if document.virt_type != virt_type:
            raise Unusable(
                f'{errors.plain(domain_file)} is of {document.virt_type} '
                f'guests: save what `virsh domcapabilities --virttype '
                f'{virt_type}` prints, or use --virt-type.')
        return found, ()
    host = topology.from_capabilities(xml)
    names = [path.stem for path in (_DATA / 'domains').glob('*.xml')]
    for name in (f'{host.arch}-{host.vendor}-{virt_type}',
                 f'{host.arch}-{virt_type}'):
        if name in names:
            return _shipped_xml('domains', name), (
                f'CPU modes and models are taken to be those of {name}; '
                '--domain-capabilities says otherwise.',)
    raise Unusable(
        f'Nothing is known of {virt_type} guests on hosts with '
        f'{errors.plain(host.vendor or "unknown")} {errors.plain(host.arch)} '
        'CPUs: give --domain-capabilities with what `virsh domcapabilities` '
        'prints there.')


def _live(virt_type, domain_file, libvirt):
    if libvirt is None:
        raise Unusable(
            '--host live needs libvirt-python: install it, or save what '
            '`virsh capabilities` prints and give that file.')
    libvirt.registerErrorHandler(lambda context, error: None, None)
    try:
        connection = libvirt.openReadOnly(URI)
    except libvirt.libvirtError as error:
        raise Unusable(
            f'libvirt does not answer at {URI}: '
            f'{errors.plain(str(error), 90)}. Give --host a file of `virsh '
            'capabilities`, or a name of --list-hosts.') from error
    try:
        xml = connection.getCapabilities()
        versions = connection.getLibVersion(), connection.getVersion()
        name = connection.getHostname()
    finally:
        connection.close()
    domain, notes = None, ()
    if domain_file is None:
        domain = _live_domain(xml, virt_type, libvirt)
    if domain is None:
        domain, notes = _domain(xml, virt_type, domain_file)
    return Host(
        name, xml, domain, *versions, notes=(*notes, UNCOUNTED))


def _live_domain(xml, virt_type, libvirt):
    """Return what libvirt says to those that may change things, or None.

    libvirt refuses domain capabilities to a connection that is read-only,
    because it may run QEMU for them.
    """
    arch = topology.from_capabilities(xml).arch
    try:
        connection = libvirt.open(URI)
    except libvirt.libvirtError:
        return None
    try:
        return connection.getDomainCapabilities(None, arch, None, virt_type)
    except libvirt.libvirtError as error:
        raise Unusable(
            f'{virt_type} guests cannot run on this host: '
            f'{errors.plain(str(error), 90)}. Try another --virt-type.'
        ) from error
    finally:
        connection.close()


def _qemu_version(xml):
    """Return QEMU's version by its newest machine, 0 where unknown."""
    found = re.findall(r">(?:pc-i440fx|pc-q35|virt)-(\d+)\.(\d+)<", xml)
    return max((int(major) * 1000000 + int(minor) * 1000
                for major, minor in found), default=0)


def _shipped_xml(folder, name):
    return (_DATA / folder / f'{name}.xml').read_text(encoding='utf-8')


def _read(path):
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read(MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f'{errors.plain(path)} cannot be read: '
                       f'{errors.plain(str(error), 90)}.') from error
    if len(text) > MOST:
        raise Unusable(
            f'{errors.plain(path)} is larger than {MOST >> 20} MiB: it is no '
            'document of libvirt.')
    if re.search('<!(DOCTYPE|ENTITY)', text):
        raise Unusable(f'{errors.plain(path)} declares entities, which no '
                       'document of libvirt does.')
    return text


def _judge(name, xml):
    try:
        host = topology.from_capabilities(xml)
    except (ValueError, ElementTree.ParseError) as error:
        raise Unusable(f'{errors.plain(name)}: {error}. Save what `virsh '
                       'capabilities` prints.') from error
    if not host.cells or not any(cell.cpus for cell in host.cells):
        raise Unusable(f'{errors.plain(name)} has no NUMA nodes with CPUs: '
                       'save what `virsh capabilities` prints on a host.')
