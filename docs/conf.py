"""Sphinx: the documents as web pages, from the Markdown that is also read as it stands.

Sources are the whole repository's Markdown, so that the same links work in a checkout, on a code host and in the pages.
A link that leads nowhere is a warning, and `make docs` ends on warnings. Pages fetch nothing from the network.
"""

project = "persona_assets"
author = "The persona_assets authors"
project_copyright = author

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".venv", ".git", "data", "dagster_home", "docs/_build", "screenshots"]

# Pictures of a given width, as GitHub shows them too.
myst_enable_extensions = ["html_image"]
# Headings down to the third level can be linked to, by the names that GitHub gives them.
myst_heading_anchors = 3

html_theme = "furo"
html_title = "persona_assets"
# A page at the top that leads to the first one.
html_extra_path = ["site"]
html_show_sphinx = False
html_copy_source = False
html_permalinks_icon = "#"
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
