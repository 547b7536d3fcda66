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

"""Maps of hosts as hypothesis makes them up, and one that is drawn."""

from hypothesis import strategies as st

from nova_numa_ext.picture import model
from nova_numa_ext.topology import host

TEXT = st.text(max_size=8) | st.sampled_from([
    'guest', '</text><script>', '\033[31mred', '\u7f51\u7edc', 'a\u0301', '',
    'a\nb', '\ud800', 'x' * 300, '   '])
COUNT = st.integers(0, 1 << 40)


@st.composite
def cores(draw):
    return tuple(
        model.Cpu(number, draw(st.builds(
            model.Stand, st.sampled_from(sorted(model.USES)),
            st.sampled_from(['', 'v1', 'a12', '\u7f51' * 9, '\n']),
            st.none() | st.integers(0, 9))))
        for number in draw(st.lists(
            st.integers(0, 70000), min_size=1, max_size=3)))


NODES = st.builds(
    model.Node, st.integers(0, 999),
    st.builds(
        model.Memory, COUNT,
        st.lists(st.builds(model.Share, TEXT, COUNT,
                           st.none() | st.integers(0, 9)),
                 max_size=3).map(tuple),
        st.none() | COUNT,
        st.lists(st.builds(model.Pages, COUNT, COUNT, st.none() | COUNT),
                 max_size=2).map(tuple)),
    st.lists(st.builds(model.Cache, TEXT,
                       st.lists(cores(), max_size=3).map(tuple)),
             max_size=2).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple))

MAPS = st.builds(
    model.HostMap, TEXT,
    st.lists(NODES, max_size=3).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple))


def small():
    """Return a host of two nodes, with a guest on the first."""
    siblings = {cpu: frozenset({cpu % 4, cpu % 4 + 4}) for cpu in range(8)}
    gib = 1 << 20
    return model.host_map(
        host.HostTopology(
            'x86_64',
            (host.HostCell(0, frozenset({0, 1, 4, 5}), 4 * gib),
             host.HostCell(1, frozenset({2, 3, 6, 7}), 4 * gib)),
            siblings, (frozenset({0, 1, 4, 5}),)),
        'compute-1', ('web <1>',),
        {0: model.Stand('vcpu', 'v0', 0), 4: model.Stand('realtime', 'r1', 0),
         1: model.Stand('emulator', guest=0), 7: model.Stand('out')},
        {0: model.Memory(4 * gib, (model.Share('guest node 0', gib, 0),),
                         3 * gib, (model.Pages(2048, 512, 0),))},
        {0: ['emulator: CPU 1'], 1: []},
        ['CPU 7 is offline.'])
