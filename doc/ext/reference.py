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

"""The Sphinx extension that writes what the code knows better.

``numa-ext-specs``
    The table of extra specs. Each row can be referred to with
    ``:spec:`numa_ext:NAME```.
``numa-ext-profiles``
    What each profile sets.
``numa-ext-traits``
    The traits of hosts in placement, and which flavors need them.
``numa-ext-options``
    The options of nova.conf.
``numa-ext-refusal``
    A request, one setting a line, and the message that it is refused with.
    With ``:without-kvm:``, by a host that has no KVM.
``numa-ext-release-notes``
    reno's report, where the history that reno reads is all there.

A row or an option without help, and a request that is not refused, fail the
build.
"""

import os

from docutils import nodes
from docutils.parsers.rst import directives
from dulwich import errors as git_errors
from dulwich import repo
import render
from reno import sphinxext
from sphinx import errors
from sphinx.util import docutils

from nova_numa_ext.conf import opts

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class _Generated(docutils.SphinxDirective):
    """Parses lines that were generated."""

    def lines(self):
        raise NotImplementedError()

    def run(self):
        try:
            lines = self.lines()
        except render.Incomplete as incomplete:
            raise errors.ExtensionError(str(incomplete)) from incomplete
        return self.parse_text_to_nodes('\n'.join(lines))


class Specs(_Generated):

    def lines(self):
        return render.specs()


class Profiles(_Generated):

    def lines(self):
        return render.profiles()


class Traits(_Generated):

    def lines(self):
        return render.traits()


class Options(_Generated):

    def lines(self):
        return render.options(opts.list_opts())


class Refusal(docutils.SphinxDirective):

    has_content = True
    option_spec = {'without-kvm': directives.flag}

    def run(self):
        settings = [line for line in self.content if line.strip()]
        host = (render.HOST_WITHOUT_KVM if 'without-kvm' in self.options
                else None)
        try:
            message = render.refusal(settings, host)
        except (render.Incomplete, KeyError) as error:
            raise errors.ExtensionError(str(error)) from error
        text = '\n'.join([*settings, '', message])
        block = nodes.literal_block(text, text)
        block['language'] = 'none'
        block['classes'].append('wrapped')
        return [block]


class ReleaseNotes(sphinxext.ReleaseNotesDirective):

    def run(self):
        if _has_history():
            self.options['reporoot'] = ROOT
            return super().run()
        text = ('These pages were built without the history that the notes '
                'are sorted by. The notes are files in releasenotes/notes.')
        return [nodes.paragraph(text, text)]


def _has_history():
    try:
        with repo.Repo(ROOT) as checkout:
            return not checkout.get_shallow()
    except git_errors.NotGitRepository:
        return False


def setup(app):
    app.add_object_type('spec', 'spec', 'single: %s')
    app.add_directive('numa-ext-specs', Specs)
    app.add_directive('numa-ext-profiles', Profiles)
    app.add_directive('numa-ext-traits', Traits)
    app.add_directive('numa-ext-options', Options)
    app.add_directive('numa-ext-refusal', Refusal)
    app.add_directive('numa-ext-release-notes', ReleaseNotes)
    return {'parallel_read_safe': True}
