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

"""Tenants and operators who mean no good, or cannot type.

None of it crashes nova-compute, none becomes XML, and no image gets what is
the operator's alone.
"""

import collections
import copy
import dataclasses
import os
import random
import re

from lxml import etree
from nova import objects
from nova.tests.functional.api import client
from oslo_utils import uuidutils
import testtools
from testtools import content

from nova_numa_ext import policy as guest_policy
from nova_numa_ext.domain import elements
from nova_numa_ext.policy import table
from tests import golden
from tests.functional import base
from tests.functional import hostile
from tests.functional import hypervisor
from tests.unit.policy import test_table

#: How many sets of specs and properties are judged; how many guests booted.
SETS = int(os.environ.get('NUMA_EXT_HOSTILE_SETS', 10_000))
BOOTS = int(os.environ.get('NUMA_EXT_HOSTILE_BOOTS', 60))
SEED = int(os.environ.get('NUMA_EXT_HOSTILE_SEED', 20_260))

#: All that a value can be made of by the time it is in a domain.
TOKEN = re.compile(r'[\w ./:+,^=-]*', re.ASCII)


def vocabulary(*trees):
    """Return the elements and the attributes of domains, by their paths."""
    words = set()
    for tree in trees:
        for node in tree.iter():
            path = '/'.join(reversed([
                node.tag, *(above.tag for above in node.iterancestors())]))
            words.add(path)
            words.update(f'{path}@{name}' for name in node.attrib)
    return words


def tokens(tree):
    """Return all text of a domain that is not blank."""
    for node in tree.iter():
        yield from node.attrib.values()
        for text in (node.text, node.tail):
            if text and text.strip():
                yield text


class JudgedTest(testtools.TestCase):
    """From the words to the XML, without the rest of Nova."""

    def setUp(self):
        super().setUp()
        self.words = vocabulary(*(
            etree.fromstring(golden.domain_of(case))
            for case in golden.CASES if not case.would_be))
        # Guests of all kinds and hosts, each with the domain that Nova
        # writes.
        self.guests = [
            (golden.guest_of(case), golden.nova_domain(case))
            for case in golden.CASES if not case.would_be]

    def had(self, request, guest, domain):
        """Return the domain that a request leads to."""
        policy = guest_policy.resolve(request.specs, request.properties)
        for name, origin in policy.origins.items():
            self.assertFalse(
                origin.kind == 'image' and table.BY_NAME[name].flavor_only)
        ours = [key for key in request.properties
                if key.startswith(table.PROPERTY_PREFIX)]
        for key in ours:
            row = table.BY_NAME[key[len(table.PROPERTY_PREFIX):]]
            self.assertFalse(row.flavor_only, key)
        tuned = elements.tune(dataclasses.replace(
            guest, policy=policy,
            realtime_vcpus=frozenset(range(1, guest.vcpus))
            if policy.nova.realtime else frozenset()))
        domain = copy.deepcopy(domain)
        for element in tuned.elements:
            element.write(domain)
        return etree.tostring(domain, encoding='unicode')

    def test_each_is_refused_or_had(self):
        generator = hostile.Generator(random.Random(SEED))
        chosen = random.Random(SEED)
        outcomes = collections.Counter()
        for number in range(SETS):
            request = generator.request()
            guest, domain = chosen.choice(self.guests)
            try:
                xml = self.had(request, guest, domain)
            except guest_policy.Refused as refused:
                message = str(refused)
                self.assertTrue(message.isprintable(), ascii(message))
                self.assertLessEqual(len(message.encode()), 190)
                outcomes[type(refused).__name__] += 1
                continue
            except Exception:
                self.addDetail('request', content.text_content(
                    f'number {number} of seed {SEED}: {request!a}'))
                raise
            tree = etree.fromstring(xml)
            self.assertEqual(
                set(), vocabulary(tree) - self.words, ascii(request))
            for token in tokens(tree):
                self.assertTrue(
                    TOKEN.fullmatch(token), ascii((token, request)))
            outcomes['had'] += 1
        print(f'{sum(outcomes.values())} sets of seed {SEED}: '
              f'{dict(outcomes)}')
        self.assertEqual(SETS, sum(outcomes.values()))
        # It tells nothing unless all kinds are among them.
        for outcome in ('had', 'InvalidRequest', 'HostCannot'):
            self.assertGreater(outcomes[outcome], SETS // 100, outcomes)


class BootedTest(base.TestCase):
    """Through Nova's API to nova-compute and back."""

    def setUp(self):
        super().setUp()
        self.flags(cpu_dedicated_set='0-15', cpu_shared_set='16-31',
                   group='compute')
        self.flags(instances=-1, group='quota')
        self.start_host(host_info=hypervisor.host(nodes=2, cores=8))

    def post(self, request):
        """Ask for a server; None where Nova's API refuses it.

        The flavor comes from behind the API, which would let fewer names
        pass.
        """
        flavor = objects.Flavor(
            self.context, flavorid=uuidutils.generate_uuid(),
            name=uuidutils.generate_uuid(), memory_mb=64, vcpus=4, root_gb=1,
            ephemeral_gb=0, swap=0, rxtx_factor=1.0, vcpu_weight=0,
            disabled=False, is_public=True, extra_specs=request.specs)
        flavor.create()
        try:
            return self.api.post_server({'server': self._build_server(
                flavor_id=flavor.flavorid, networks='none',
                image_uuid=self.image(request.properties))})
        except client.OpenStackApiException as refused:
            self.assertEqual(400, refused.response.status_code, request)
            return None

    def outcome(self, server, request):
        server = self._wait_for_server_parameter(
            server, {'OS-EXT-STS:task_state': None})
        if server['status'] == 'ACTIVE':
            tree = etree.fromstring(self.xml(server))
            self.assertEqual(set(), names(tree) - self.names, ascii(request))
            for name in request.properties:
                row = table.BY_NAME.get(name[len(table.PROPERTY_PREFIX):])
                self.assertFalse(row and row.flavor_only, name)
            return 'had'
        self.assertEqual('ERROR', server['status'])
        message = server['fault']['message']
        if re.match('Build of instance [-0-9a-f]+ aborted: (flavor|image) ',
                    message):
            return 'refused by the host'
        # hw: specs that no host of these can fulfil.
        self.assertIn('No valid host was found', message, ascii(request))
        return 'not scheduled'

    def test_nova_compute_stays_up(self):
        generator = hostile.Generator(random.Random(SEED))
        good = [
            *(etree.fromstring(self.xml(self.boot(specs))) for specs in (
                {}, {'numa_ext:cpu_mode': 'maximum'},
                {'hw:cpu_policy': 'dedicated'},
                {**test_table.REALTIME, 'hw:locked_memory': 'yes',
                 'hw:mem_page_size': 'small', 'hw:pmu': 'yes'})),
            *(etree.fromstring(golden.domain_of(case))
              for case in golden.CASES if not case.would_be)]
        self.names = set().union(*map(names, good))
        outcomes = collections.Counter()
        while sum(outcomes.values()) < BOOTS:
            batch = []
            while len(batch) < 10:
                request = generator.request()
                if not can_be_stored(request):
                    continue
                server = self.post(request)
                if server is None:
                    outcomes["refused by Nova's API"] += 1
                else:
                    batch.append((server, request))
            for server, request in batch:
                outcome = self.outcome(server, request)
                outcomes[outcome] += 1
                if outcome == 'had':
                    self._delete_server(server)
        print(f'{sum(outcomes.values())} boots of seed {SEED}: '
              f'{dict(outcomes)}')
        for outcome in ('had', 'refused by the host'):
            self.assertGreater(outcomes[outcome], 0, outcomes)
        # It is there for the next one.
        self.boot({'numa_ext:cpu_mode': 'maximum'}, {'os_distro': 'debian'})
        (service,) = self.admin_api.get_services(
            binary='nova-compute', host='compute1')
        self.assertEqual('up', service['state'])


def names(tree):
    """Return the names of all elements and attributes of a domain."""
    return {name for node in tree.iter() for name in (node.tag, *node.attrib)}


def can_be_stored(request):
    """Whether a request gets as far as this project's code.

    What is not UTF-8 gets into no flavor and no image. Of extra specs that
    are not this project's, Nova itself writes the value into the domain, and
    fails on what no XML can hold.
    """
    try:
        ''.join([*request.specs, *request.specs.values(),
                 *request.properties, *request.properties.values()]).encode()
        for name, value in request.specs.items():
            if not name.startswith(table.SPEC_PREFIX):
                etree.Element('spec', name=name).text = value
    except ValueError:
        return False
    return True
