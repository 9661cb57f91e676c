"""Seeds each test, and runs the code of README.md and of the pages in docs/: Python blocks, and `byoe` commands.

A page is one test: its blocks share one namespace and run in order, in an empty folder of
their own. Were every block a test of its own, random order and parallel workers would take
them apart.
"""

from __future__ import annotations

import contextlib
import random
import shlex
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sybil import Document, Example
from sybil.example import SybilFailure
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent


def run_commands(example: Example) -> None:
    """Run the lines ``$ byoe …`` of a console block; the demonstration takes too long here."""
    from byoe import cli

    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$"), comments=True)
        if line.startswith("$ byoe ") and words[1] != "demo":
            with mock.patch("sys.argv", words), pytest.raises(SystemExit) as ended:
                cli.main()
            assert not ended.value.code, f"{line}: {ended.value.code}"


PARSERS = (
    PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
    CodeBlockParser("console", run_commands),
)


class Page(pytest.File):
    """A page of the documentation."""

    def collect(self) -> Any:
        """Return the one test of a page that has code."""
        document = Document.parse(str(self.path), *PARSERS)
        if list(document.examples()):
            yield Blocks.from_parent(self, name="code", document=document)


class Blocks(pytest.Item):
    """The blocks of a page."""

    def __init__(self, *, document: Document, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.document = document
        self.line = 0

    def runtest(self) -> None:
        """Run the blocks one after the other, as cells of a notebook."""
        self.document.namespace["__name__"] = "__main__"
        with tempfile.TemporaryDirectory(prefix="byoe-docs-") as folder, contextlib.chdir(folder):
            for example in self.document.examples():
                self.line = example.line
                example.evaluate()

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Return a failed doctest as its own message, and any other error with its traceback."""
        if isinstance(excinfo.value, SybilFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the page is, and the block that ran last."""
        return self.path, self.line, f"{self.path.relative_to(ROOT)}, block in line {self.line}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Page | None:
    """Take README.md and the pages of docs/."""
    if file_path == ROOT / "README.md" or (file_path.suffix == ".md" and file_path.parent == ROOT / "docs"):
        return Page.from_parent(parent, path=file_path)
    return None


def seed_generators() -> None:
    """Seed what draws where nobody gave a seed, so that a test does the same on every run."""
    random.seed(0)
    np.random.seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seed the fixtures of a test."""
    seed_generators()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Seed a test itself, whichever fixtures were made for it."""
    seed_generators()
