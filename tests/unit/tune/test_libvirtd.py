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

import testtools

from nova_numa_ext.tune import libvirtd
from nova_numa_ext.tune import marked

TEXT = """\
#max_workers = 20
max_workers = 60
"""
LIMITED = """\
#max_workers = 20
#nova-numa-ext# max_workers = 60
# BEGIN nova-numa-ext
max_client_requests = 36
max_workers = 60
prio_workers = 5
max_clients = 5000
# END nova-numa-ext
"""
FACTS = libvirtd.Facts()


class LimitsTest(testtools.TestCase):

    def limits(self, **facts):
        return {limit.name: limit.number
                for limit in libvirtd.limits(libvirtd.Facts(**facts))}

    def test_defaults_of_nova(self):
        self.assertEqual(
            {'max_client_requests': 36, 'max_workers': 46, 'prio_workers': 5,
             'max_clients': 5000}, self.limits())
        self.assertEqual('10 builds + 20 power states + 1 live migrations + '
                         '5 others', libvirtd.limits(FACTS)[0].reason)

    def test_what_nova_does_at_once(self):
        for facts, requests in (
            ({'builds': 40}, 66),
            ({'power_states': 5}, 21),
            # Of these, eventlet has 20 under way.
            ({'power_states': 1000}, 36),
            ({'migrations': 4}, 39),
            # No limit.
            ({'builds': 0}, 46), ({'builds': 0, 'guests': 100}, 126),
            ({'migrations': 0, 'guests': 30}, 65),
            # Nothing is done to more guests than there are.
            ({'guests': 4}, 14), ({'builds': 40, 'guests': 12}, 30),
        ):
            found = self.limits(**facts)
            self.assertEqual(requests, found['max_client_requests'], facts)
            self.assertEqual(requests + 10, found['max_workers'], facts)

    def test_connections_of_guests(self):
        self.assertEqual(5000, self.limits(guests=100)['max_clients'])
        self.assertEqual(6010, self.limits(guests=3000)['max_clients'])


class FileTest(testtools.TestCase):

    def test_written(self):
        self.assertEqual(LIMITED, libvirtd.written(TEXT, FACTS))
        self.assertEqual(LIMITED, libvirtd.written(LIMITED, FACTS))
        self.assertEqual(TEXT, marked.restored(LIMITED))

    def test_a_file_that_has_enough_stays(self):
        text = 'max_client_requests = 80\nmax_workers = 90\n'
        self.assertEqual(text, libvirtd.written(text, FACTS))

    def test_what_is_found(self):
        self.assertEqual(5, libvirtd.found('', 'max_client_requests'))
        self.assertEqual(5, libvirtd.found('#prio_workers = 9',
                                           'prio_workers'))
        self.assertEqual(60, libvirtd.found(TEXT, 'max_workers'))
        self.assertEqual(7, libvirtd.found('max_workers=7 # x',
                                           'max_workers'))
        self.assertIsNone(libvirtd.found('max_workers = "7"', 'max_workers'))


class ItemsTest(testtools.TestCase):

    def items(self, text='', qemu=''):
        return {item.name: item for item in libvirtd.items(
            'libvirtd', text, qemu, FACTS, 'write it')}

    def test_limits(self):
        items = self.items(TEXT)
        requests = items['libvirtd: max_client_requests']
        self.assertEqual(('5', 'at least 36', False, True), (
            requests.found, requests.wanted, requests.ok, requests.missing))
        self.assertIs(True, items['libvirtd: max_workers'].ok)
        self.assertEqual({True}, {
            item.ok for item in self.items(LIMITED).values()})
        self.assertIs(False, self.items('max_workers = "60"')[
            'libvirtd: max_workers'].ok)

    def test_security_driver(self):
        name = 'qemu.conf: security_driver'
        for line, ok in (
            ('', True), ('#security_driver = "none"', True),
            ('security_driver = "apparmor"', True),
            ('security_driver = [ "selinux", "none" ]', True),
            ('security_driver = "none"', False),
            ('security_driver = [ "none" ]', False),
        ):
            item = self.items(qemu=line)[name]
            self.assertIs(ok, item.ok, line)
            self.assertIs(not ok, item.missing, line)
        # What it costs to go without is said, and never the other way.
        self.assertIn('reads the disks of all others', item.remedy)

    def test_control_groups(self):
        name = 'qemu.conf: cgroup_controllers'
        for line, ok in (
            ('', True), ('cgroup_controllers = [ "cpu", "cpuset" ]', True),
            ('cgroup_controllers = [ ]', False),
            ('cgroup_controllers = []', False),
            # Of several lines, which is not looked into.
            ('cgroup_controllers = [\n "cpu" ]', True),
        ):
            item = self.items(qemu=line)[name]
            self.assertIs(ok, item.ok, line)
            self.assertIs(False, item.missing, line)

    def test_a_file_that_may_not_be_read(self):
        self.assertEqual([None, None], [
            item.ok for item in self.items(qemu=None).values()
            if item.name.startswith('qemu.conf')])
