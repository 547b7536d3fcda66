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

"""Sphinx's configuration."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# The pure rooms and the options need nothing but oslo.config, so the package
# is read from the checkout.
sys.path[:0] = [
    os.path.join(HERE, '..', 'ext'), os.path.join(HERE, '..', '..')]

project = 'nova-numa-ext'
copyright = 'the nova-numa-ext developers'
extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'reference',
]
nitpicky = True
html_theme = 'openstackdocs'
html_static_path = ['_static']
html_css_files = ['wrapped.css']
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
# The theme's default would send whoever reads these pages to
# docs.openstack.org's statistics.
html_theme_options = {'analytics_tracking_code': ''}
