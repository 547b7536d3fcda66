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

"""``nova-numa-ext tune libvirtd``: limits of libvirt's daemon."""

from oslo_config import cfg
import prettytable

from nova_numa_ext.cmd import nova_conf
from nova_numa_ext.cmd import plans
from nova_numa_ext.tune import libvirtd
from nova_numa_ext.tune import units

FOLDER = 'etc/libvirt'
_SOCKET = 'run/libvirt/virtqemud-sock'
_OPTIONS = {
    'DEFAULT': [
        cfg.IntOpt('max_concurrent_builds', default=10),
        cfg.IntOpt('max_concurrent_live_migrations', default=1),
        cfg.IntOpt('sync_power_state_pool_size', default=libvirtd.THREADS),
    ],
}
_WISHES = ('daemon', 'guests')
_REMEDY = 'nova-numa-ext tune libvirtd --write'


def add_parser(subparsers):
    parser = subparsers.add_parser(
        'libvirtd',
        help="how many calls libvirt's daemon should serve at once",
        description="Says what the limits of libvirt's daemon should be for "
        "what nova.conf lets nova-compute do at once; --write sets them in "
        'libvirtd.conf or virtqemud.conf, --revert takes it back. Looks at '
        'the security driver and the control groups in qemu.conf, too, and '
        'never changes these. Exits with 1 where the host is not as it '
        'should be after --check or --write, and with 2 where there is no '
        'plan, or it cannot be carried out.')
    plans.add_arguments(parser, 'nova-compute')
    parser.add_argument(
        '--daemon', choices=libvirtd.DAEMONS,
        help='whose limits; by default virtqemud where its socket is there, '
        'libvirtd elsewhere')
    parser.add_argument(
        '--guests', type=int, metavar='N',
        help='how many guests are expected on this host')
    parser.set_defaults(run=run)
    return parser


def run(arguments):
    """Do what is asked and return the exit status."""
    here = arguments.root == '/'
    return plans.run(
        arguments, 'libvirtd', _WISHES,
        lambda look, wished: _plan(look, wished, arguments.config_file, here))


def _plan(look, wished, files, here):
    try:
        conf = nova_conf.read(files, here, _OPTIONS, 'nova-compute')
    except nova_conf.Unusable as error:
        raise plans.Refused(error) from error
    if wished['guests'] is not None and wished['guests'] < 1:
        raise plans.Refused(f'--guests {wished["guests"]}: not one guest.')
    if not look.has(FOLDER):
        raise plans.Refused(f'There is no /{FOLDER}: libvirt is not here.')
    facts = libvirtd.Facts(
        builds=conf.max_concurrent_builds,
        power_states=conf.sync_power_state_pool_size,
        migrations=conf.max_concurrent_live_migrations,
        guests=wished['guests'])
    daemon = wished['daemon'] or (
        libvirtd.VIRTQEMUD if look.has(_SOCKET) else libvirtd.LIBVIRTD)
    path = f'{FOLDER}/{daemon}.conf'
    text = plans.text(look, path) or ''
    limits = libvirtd.limits(facts)
    items = libvirtd.items(daemon, text, _qemu_conf(look), facts, _REMEDY)
    return plans.Plan(
        edits=(units.File(path, libvirtd.written(text, facts)),),
        lines=[_table(daemon, text, limits)],
        items=items,
        notes=[f'{item.name} = {item.found}: {item.remedy}.'
               for item in items
               if item.ok is False and item.remedy != _REMEDY],
        restart=(daemon, 'nova-compute'),
        plain={
            'daemon': daemon,
            'limits': {limit.name: limit.number for limit in limits},
            'reasons': {limit.name: limit.reason for limit in limits},
        })


def _qemu_conf(look):
    """Return its text; None where this user may not read it."""
    try:
        return plans.text(look, f'{FOLDER}/qemu.conf') or ''
    except PermissionError:
        return None


def _table(daemon, text, limits):
    drawn = prettytable.PrettyTable([daemon, 'is', 'at least', 'because'])
    drawn.align = 'l'
    drawn.max_width = 50
    for limit in limits:
        drawn.add_row([limit.name, libvirtd.found(text, limit.name),
                       limit.number, limit.reason])
    return str(drawn)
