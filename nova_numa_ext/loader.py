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

"""How an unmodified Nova finds this package's compute driver.

Nova imports ``nova.virt.<compute_driver>`` and nothing else. The nova-compute
command calls ``os_vif.initialize()`` before it creates the service, and that
imports the plug-ins of the ``os_vif`` entry points. Importing this module
registers a finder for ``nova.virt.numa_ext``, so that

    [DEFAULT]
    compute_driver = numa_ext.NumaLibvirtDriver

loads wherever Nova and this package are installed, as long as it is for the
same Python. A file shipped into nova/virt would do so only where both are in
the same folder, and breaks an editable Nova.

Every service that uses os-vif imports this module, and nova-compute does so
before its own configuration is complete. It therefore imports neither Nova nor
libvirt nor the driver until ``nova.virt.numa_ext`` itself is imported.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys

from os_vif import exception
from os_vif import plugin

import nova_numa_ext
from nova_numa_ext.compat import release

MODULE = 'nova.virt.' + nova_numa_ext.COMPUTE_DRIVER.partition('.')[0]
REMEDY = 'set compute_driver = %s' % nova_numa_ext.COMPUTE_DRIVER


class LoaderPlugin(plugin.PluginBase):
    """An os-vif plug-in that knows no VIF; it is there to be imported."""

    def describe(self):
        # Late: it imports oslo.messaging, and that eventlet.
        from os_vif.objects import host_info
        return host_info.HostPluginInfo(plugin_name='nova_numa_ext',
                                        vif_info=[])

    def plug(self, vif, instance_info):
        raise exception.PlugException(vif=vif, err=self._refusal())

    def unplug(self, vif, instance_info):
        raise exception.UnplugException(vif=vif, err=self._refusal())

    @staticmethod
    def _refusal():
        return 'the plug-in nova_numa_ext loads a compute driver, not VIFs'


class _DriverLoader(importlib.abc.Loader):
    """Makes ``nova.virt.numa_ext`` a facade of the driver's module."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        """Give the module the driver.

        :raises: ImportError where the driver cannot be imported. Nova logs it
            with "Unable to load the virtualization driver" and exits.
        """
        try:
            # Nova takes a missing libvirt for None and stumbles over it later.
            importlib.import_module('libvirt')
            driver = importlib.import_module('nova_numa_ext.virt.driver')
        except ImportError as exc:
            raise ImportError(_import_failure(exc), name=MODULE) from exc
        module.__doc__ = driver.__doc__
        module.NumaLibvirtDriver = driver.NumaLibvirtDriver
        module.__getattr__ = _missing_attribute


class _RefusingLoader(importlib.abc.Loader):
    """Says the right name where a wrong one can only mean this driver."""

    def create_module(self, spec):
        raise ModuleNotFoundError(
            "No module named '%s': to run the driver of nova_numa_ext, %s"
            % (spec.name, REMEDY), name=spec.name)

    def exec_module(self, module):
        raise NotImplementedError()


class DriverFinder(importlib.abc.MetaPathFinder):
    """Answers for ``nova.virt.numa_ext``, and for how people misspell it.

    ``compute_driver = nova_numa_ext.virt.driver.NumaLibvirtDriver`` makes Nova
    import ``nova.virt.nova_numa_ext``; that and its like are answered with an
    ImportError which has the right name.
    """

    def find_spec(self, fullname, path=None, target=None):
        if fullname == MODULE:
            # A package, because only a package's children come back here.
            return importlib.machinery.ModuleSpec(
                fullname, _DriverLoader(), origin='nova_numa_ext',
                is_package=True)
        parent, _, name = fullname.rpartition('.')
        if parent == MODULE or (parent == 'nova.virt' and
                                nova_numa_ext.is_misspelt_driver(name)):
            return importlib.machinery.ModuleSpec(fullname, _RefusingLoader())
        return None


def _missing_attribute(name):
    raise AttributeError("module '%s' has no '%s': %s"
                         % (MODULE, name, REMEDY))


def _import_failure(exc):
    sentence = 'The driver of nova_numa_ext cannot be imported: %s.' % exc
    if (exc.name or '').startswith('libvirt'):
        sentence += (' Install libvirt-python for %s (on Debian and Ubuntu '
                     'the package python3-libvirt).' % sys.executable)
    else:
        unsupported = release.unsupported(release.installed())
        sentence += ' ' + (unsupported or 'Run "nova-numa-ext-status upgrade '
                                          'check" on this host.')
    return sentence


def register():
    """Have ``nova.virt.numa_ext`` found; once, however often it is called.

    The finder is the last one, so that a module which is really there wins.
    """
    # By name: a reload of this module makes another class of the same name.
    if not any(type(finder).__name__ == DriverFinder.__name__ and
               type(finder).__module__ == __name__
               for finder in sys.meta_path):
        sys.meta_path.append(DriverFinder())


register()
