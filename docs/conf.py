"""Settings of the site, of what weave.py has written:

sphinx-build -E -W -c docs _build/pages _build/site
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = html_title = "Creating a photo mosaic in Python"
language = "en"
root_doc = "index"
extensions = ["myst_nb", "sphinx_copybutton", "weave"]

# the pages are notebooks with outputs, whatever their names say
nb_custom_formats = {".md": ["weave.load", {}, False]}
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "alert"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # <<references>> are not Python or TOML

python_maximum_signature_line_length = 80

html_theme = "furo"
html_theme_options = {
    "footer_icons": [  # the licences, at the foot of each page
        {
            "name": "Text: CC BY 4.0, its licence",
            "url": "https://creativecommons.org/licenses/by/4.0/",
            "html": "Text: CC BY 4.0,",
            "class": "",
        },
        {
            "name": "Code: Apache 2.0, its licence",
            "url": "https://www.apache.org/licenses/LICENSE-2.0",
            "html": "Code: Apache 2.0",
            "class": "",
        },
    ]
}
html_math_renderer = "mathml"
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_static_path = ["_static"]
html_css_files = ["literate.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_prompt_text = "$ "
copybutton_selector = "div.highlight pre"
