"""Settings of Sphinx."""

from importlib.metadata import version as version_of

project = "byoe"
author = "The byoe authors"
copyright = "the byoe authors"
release = version = version_of("byoe-ensemble")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]
default_role = "py:obj"
smartquotes = False  # types in docstrings are code: default="auto"

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "byoe"
html_static_path = ["_static"]
html_css_files = ["byoe.css"]
