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

"""The order in which the NUMA host comes up, and goes down."""

import shutil

from tools.demo import plan
from tools.demo import processes
from tools.demo import up as demo_up
from tools.numa_host import compute
from tools.numa_host import image
from tools.numa_host import machine as machine_module


def machine(numa_host):
    return machine_module.Machine(numa_host, image.Image(numa_host))


def up(numa_host):
    """The host as a compute host of a cloud that runs already.

    Where that fails, nothing is left running.
    """
    numa_host.prepare()
    root = image.Image(numa_host)
    one = machine_module.Machine(numa_host, root)
    service = compute.Compute(numa_host, one)
    try:
        root.build()
        one.start()
        service.start()
    except BaseException as error:
        if one.runs() and isinstance(error, processes.Failure):
            service.fetch_log()
        try:
            down(numa_host)
        except processes.Failure as failure:
            plan.say(f'not stopped: {failure}')
        raise


def down(numa_host):
    if machine(numa_host).stop():
        plan.say('the host: stopped')
    demo_up.down(numa_host.cloud)


def clean(numa_host):
    down(numa_host)
    shutil.rmtree(numa_host.dir, ignore_errors=True)
    plan.say(f'{numa_host.dir}: removed')


def status(numa_host):
    pid = numa_host.processes.pid('qemu')
    print(f'{"qemu":15} {f"runs, process {pid}" if pid else "stopped"}')
    return bool(pid)
