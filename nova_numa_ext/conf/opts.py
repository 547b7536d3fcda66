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

"""Options of nova.conf's [numa_ext] group."""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'numa_ext',
    title='Options of nova-numa-ext',
    help='Options of nova-numa-ext, read by nova-compute; guest_policy by '
         'nova-api, too. The numbers of workers are read by "nova-numa-ext '
         'tune workers".',
)


def _workers(name, service, sets):
    return cfg.StrOpt(
        name,
        default='auto',
        regex='^(auto|[1-9][0-9]{0,3})$',
        help=(
            f'How many workers {service} should have: a number, or ``auto`` '
            'for what the cores, the memory and the connections of the '
            'database and the broker are enough for.\n'
            '\n'
            'Nova does not read this: ``nova-numa-ext tune workers`` does, '
            f'and with ``--write`` it sets {sets}.'
        ),
    )


OPTS = [
    cfg.BoolOpt(
        'guest_policy',
        default=True,
        help=(
            'Give guests what the ``numa_ext:`` extra specs of their flavor '
            'and the ``numa_ext_`` properties of their image ask for, and '
            'refuse those that ask for what does not exist or cannot be had '
            'on this host.\n'
            '\n'
            "Off, this driver looks at neither, as Nova's own libvirt driver "
            'does, and guests that are started or hard-rebooted meanwhile get '
            'what Nova gives them.\n'
            '\n'
            'nova-api reads it, too, where this package is installed there: '
            'on, it refuses extra specs that are wrong by themselves.'
        ),
    ),
    cfg.IntOpt(
        'max_realtime_priority',
        default=98,
        min=1,
        max=99,
        help=(
            'The highest priority that ``numa_ext:realtime_priority``, '
            '``numa_ext:emulator_scheduler`` and '
            '``numa_ext:iothread_scheduler`` may ask for on this host. 99 is '
            "that of the kernel's own watchdog and migration threads. A "
            'PREEMPT_RT kernel runs its interrupt threads with 50: a guest '
            'above that can keep them from running.'
        ),
    ),
    cfg.StrOpt(
        'numa_affinity',
        default='none',
        choices=[
            ('none', "Nothing is done: the guest's vCPUs run on all shared "
                     'CPUs of the host.'),
            ('soft', 'All of its threads run on the nodes that it was given. '
                     'Without room it has all shared CPUs.'),
            ('strict', 'Its memory is bound to these nodes, too. Without room '
                       'the host refuses it, and Nova tries the next one.'),
        ],
        help=(
            'Whether guests stand on the fewest NUMA nodes of this host that '
            'hold them: those with neither dedicated CPUs nor NUMA nodes of '
            'their own, whose flavor does not set '
            '``numa_ext:numa_affinity``. It takes effect when a guest is '
            'started.'
        ),
    ),
    cfg.StrOpt(
        'numa_affinity_policy',
        default='spread',
        choices=[
            ('spread', 'The least loaded node that holds the guest.'),
            ('pack', 'The fullest node that has a CPU for each of its vCPUs; '
                     'where none has, the least loaded.'),
        ],
        help=(
            'Which host nodes a guest with NUMA affinity is given. Load is '
            'vCPUs over shared CPUs, or memory over memory, whichever is '
            'more.'
        ),
    ),
    cfg.StrOpt(
        'verify_guests',
        default='off',
        choices=[
            ('off', 'Guests are not looked at.'),
            ('warn', 'Each promise that is not kept is a warning in the log '
                     'of nova-compute.'),
            ('fail', 'A server that is being created is given up, too: it is '
                     'in ``ERROR`` with the first broken promise as its '
                     'message, and its guest is destroyed. A guest that was '
                     'there before runs on with a warning.'),
        ],
        help=(
            'Compare each guest that was started with what it was promised, '
            'as ``nova-numa-ext verify`` does: pins, scheduler and priority '
            'of its threads, locked memory, IO threads of its disks. That '
            'takes a few milliseconds of each start.\n'
            '\n'
            'Where nova-compute does not run as root, the kernel does not '
            "show it on which host nodes a guest's memory is, and that is "
            'passed over.'
        ),
    ),
    cfg.StrOpt(
        'realtime_host_check',
        default='warn',
        choices=[
            ('off', 'The host is not looked at.'),
            ('warn', 'What is missing is a warning in the log of '
                     'nova-compute. This is the default because it changes '
                     'nothing for guests, and such a host breaks the '
                     'promise of each realtime guest without a word.'),
            ('enforce', 'A realtime guest is refused on a host where '
                        'something is missing.'),
        ],
        help=(
            'Look at whether this host is ready for realtime guests when one '
            'comes to it: kernel, isolated CPUs, interrupts, throttling and '
            'what else ``nova-numa-ext host`` calls needed. A guest that is '
            'here is started again in any case.\n'
            '\n'
            'A guest whose memory cannot be locked here is refused whatever '
            'this option says, because QEMU would not start.'
        ),
    ),
    cfg.BoolOpt(
        'report_traits',
        default=True,
        help=(
            'Have placement know what this host is and can do, by traits '
            'that begin with ``CUSTOM_NUMA_EXT_``: its CPUs, NUMA nodes and '
            'huge pages, whether it is ready for realtime guests, and what '
            'libvirt and QEMU can do. ``nova-numa-ext traits`` prints them, '
            'and which of them a flavor should require.\n'
            '\n'
            'Each audit reads them anew. Traits with other names are left '
            'alone. Off, those of this host are taken away.'
        ),
    ),
    cfg.BoolOpt(
        'coalesce_updates',
        default=True,
        help=(
            'Have nova-compute say once, for all guests that come and go at '
            "the same time, what is left of this host. Nova's resource "
            'tracker saves the row of the compute node and looks at placement '
            'for each of them, with all others waiting, and asks placement '
            'for each guest that is on the host.\n'
            '\n'
            'No guest goes on before what it takes is saved. Off, all is '
            'done as Nova does it.'
        ),
    ),
    cfg.BoolOpt(
        'reduce_libvirt_calls',
        default=True,
        help=(
            'Ask libvirt, and qemu-img, only what is not known yet. What does '
            'not change while libvirtd runs is remembered until the '
            'connection to it drops; what the guests of this host are and do '
            'comes from one call for all of them and from the events that '
            'libvirt sends; the images of their disks are looked at when '
            'they have changed. Calls that take long, as the start of a '
            'guest does, go over a connection of their own, so that others '
            'need not wait for them.\n'
            '\n'
            'Where Nova wants to know the state of a guest before it acts on '
            'it, libvirt is asked. Off, all is done as Nova does it.'
        ),
    ),
    cfg.BoolOpt(
        'shadow',
        default=False,
        help=(
            'Do what ``reduce_libvirt_calls`` and ``coalesce_updates`` '
            'shorten in both ways, compare, and go on with what Nova found. '
            'A difference is a warning in the log, and counted. For the '
            'first week on a new host: it saves nothing.'
        ),
    ),
    cfg.FloatOpt(
        'slow_call_seconds',
        default=5.0,
        min=0.0,
        help=(
            'Name each call to libvirt that takes longer than so many '
            'seconds in the log of nova-compute, with its domain and who '
            'made it. 0 names none.'
        ),
    ),
    cfg.StrOpt(
        'metrics_textfile',
        help=(
            'Write the figures of ``reduce_libvirt_calls`` and '
            '``coalesce_updates`` to this file after each audit, as the '
            "textfile collector of Prometheus' node exporter reads them. "
            'Its name has to end in ``.prom``, and nova-compute has to be '
            'allowed to make files in its folder. One line of the log has '
            'them in any case.'
        ),
    ),
    _workers('conductor_workers', 'nova-conductor',
             '``[conductor] workers``'),
    _workers('scheduler_workers', 'nova-scheduler',
             '``[scheduler] workers``'),
    _workers('api_workers', "Nova's API",
             '``processes`` of uWSGI or mod_wsgi'),
    cfg.BoolOpt(
        'allow_untested_nova',
        default=False,
        help=(
            'Run with a release of Nova that this release of nova-numa-ext '
            'is not made for. Off, nova-compute refuses to start on one, '
            'and says which are supported.'
        ),
    ),
]


def register_opts(conf):
    """Register the options; a second time does nothing."""
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    """Return the options for oslo-config-generator."""
    return [(GROUP, OPTS)]
