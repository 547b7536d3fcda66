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

from hypothesis import given
from lxml import etree
import testtools

from nova_numa_ext.picture import svg
from nova_numa_ext.picture import words
from tests.unit.picture import maps

NAMES = {'s': 'http://www.w3.org/2000/svg'}


def read(document):
    return etree.fromstring(document.encode())


def texts(root, style=None):
    path = '//s:text' if style is None else '//s:text[@class="%s"]' % style
    return [node.text for node in root.xpath(path, namespaces=NAMES)]


def boxes(root):
    """Return where each rectangle is: left, top, right and bottom."""
    found = []
    for node in root.iter('{%s}rect' % NAMES['s']):
        x, y = float(node.get('x')), float(node.get('y'))
        for group in node.iterancestors('{%s}g' % NAMES['s']):
            right, down = group.get('transform')[10:-1].split()
            x, y = x + float(right), y + float(down)
        found.append((node.get('class'), x, y, x + float(node.get('width')),
                      y + float(node.get('height'))))
    return found


class TestSvg(testtools.TestCase):

    def test_words(self):
        root = read(svg.draw(maps.small()))

        self.assertEqual('compute-1', root.findtext('s:title', None, NAMES))
        self.assertEqual(['0', '4', '1', '5', '2', '6', '3', '7'],
                         texts(root, 'n'))
        self.assertEqual(['v0', 'r1', 'E', '.', '.', '.', '.', '-'],
                         texts(root, 'l')[:8])
        for line in ('node 0: 4 GiB, 3 GiB free', 'guest node 0: 1 GiB',
                     'pages of 2 MiB: 512, 0 free', 'emulator: CPU 1',
                     'realtime vCPU pinned there', 'web <1>',
                     'CPU 7 is offline.'):
            self.assertIn(line, texts(root))

    def test_colours(self):
        styles = [box[0] for box in boxes(read(svg.draw(maps.small())))]

        for style in ('vcpu g0', 'realtime g0', 'emulator g0', 'free', 'out'):
            self.assertIn(style, styles)

    def test_memory_bar(self):
        """A quarter of the node's memory is the guest's."""
        bars = [box for box in boxes(read(svg.draw(maps.small())))
                if box[4] - box[2] == 14]

        (whole, part, _other) = bars
        self.assertEqual('g0', part[0])
        self.assertAlmostEqual((whole[3] - whole[1]) / 4,
                               part[3] - part[1], 0)

    def test_nodes_do_not_overlap(self):
        nodes = [box[1:] for box in boxes(read(svg.draw(maps.small())))
                 if box[0] == 'node' and box[4] - box[2] > 100]

        (one, other) = nodes
        self.assertLess(one[2], other[0])

    @given(maps.MAPS)
    def test_any_map_is_a_document(self, host_map):
        drawn = svg.draw(host_map)
        root = read(drawn)

        self.assertEqual(
            sorted(str(cpu.id) for node in host_map.nodes
                   for cpu in node.cpus),
            sorted(texts(root, 'n')))
        self.assertEqual(set(), {node.tag for node in root.iter()} - {
            '{%s}%s' % (NAMES['s'], tag)
            for tag in ('svg', 'title', 'style', 'g', 'rect', 'text')})
        self.assertNotIn('\033', drawn)

    @given(maps.MAPS)
    def test_all_is_on_the_page(self, host_map):
        page, *others = boxes(read(svg.draw(host_map)))

        for name, left, top, right, bottom in others:
            self.assertTrue(0 <= left <= right <= page[3] + 1, name)
            self.assertTrue(0 <= top <= bottom <= page[4] + 1, name)

    def test_lines_fit(self):
        """Text is wrapped to the node that it is in."""
        root = read(svg.draw(maps.small()))
        page = boxes(root)[0]

        for line in texts(root):
            self.assertLess(words.width(line) * 7.3, page[3])
