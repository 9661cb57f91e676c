"""Keeps the doctest collector away from Sphinx's settings; the pages are run by ../conftest.py."""

collect_ignore = ["conf.py", "_build"]
