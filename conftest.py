"""Seeds each test, and runs the code of README.md and of the pages in docs/: Python blocks, and `byoe` commands.

A page is one test: its blocks share one namespace and run in order, in an empty folder of
their own. Were every block a test of its own, random order and parallel workers would take
them apart.

A block ``output`` shows what the block before it has printed, and is compared with it: words
as they are, numbers within 2 %, ``…`` for anything, and a table's last columns not at all if they
are times. ``BYOE_WRITE_OUTPUTS=1`` writes these blocks anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shlex
import sys
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

# One core per test process and all that it starts: tests run in parallel, and results must not depend on the machine.
# The threads of BLAS and OpenMP that wait for one another on too few cores do so at full speed.
for name in ("LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).parent
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # tests use no network


def run_commands(example: Example) -> None:
    """Run the lines ``$ byoe …`` of a console block; the demonstration takes too long here."""
    from byoe import cli

    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$"), comments=True)
        if line.startswith("$ byoe ") and words[1] != "demo":
            with mock.patch("sys.argv", words), pytest.raises(SystemExit) as ended:
                cli.main()
            assert not ended.value.code, f"{line}: {ended.value.code}"


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
TIMES = re.compile("fit_seconds|predict_ms")


def without_times(text: str) -> str:
    """Return a text without the last columns of its tables, from those of times on."""
    lines, at = [], 0
    for line in text.splitlines():
        heading = TIMES.search(line)
        at = heading.start() if heading else at
        lines.append(line[:at] if at and line[at - 2 : at].isspace() else line)
    return "\n".join(lines)


def same_output(shown: str, printed: str) -> bool:
    """Say whether a page shows what was printed."""
    shown, printed = without_times(shown), without_times(printed)
    words = [r"\s+".join(map(re.escape, NUMBER.sub("\0", part).split())) for part in shown.split("…")]
    pattern = r"\s*" + r"\s*.*?\s*".join(words).replace("\0", f"({NUMBER.pattern})") + r"\s*"
    found = re.fullmatch(pattern, printed, re.DOTALL)
    if not found:
        return False
    pairs = zip(NUMBER.findall(shown), found.groups(), strict=True)
    return all(np.isclose(*(float(number.replace(",", "")) for number in pair), rtol=0.02) for pair in pairs)


def check_output(example: Example) -> str | None:
    """Compare a block with what the block before it has printed."""
    shown, printed = example.parsed, example.namespace["_printed"]
    if os.environ.get("BYOE_WRITE_OUTPUTS") or same_output(shown, printed):
        return None
    return f"The page shows\n{shown}\nbut printed was\n{printed}"


PARSERS = (
    PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
    CodeBlockParser("console", run_commands),
    CodeBlockParser("output", check_output),
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
        namespace = self.document.namespace
        namespace["__name__"] = "__main__"
        outputs = []
        with tempfile.TemporaryDirectory(prefix="byoe-docs-") as folder, contextlib.chdir(folder):
            for example in self.document.examples():
                self.line = example.line
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    example.evaluate()
                if example.region.evaluator is check_output:
                    outputs.append((example, namespace["_printed"]))
                namespace["_printed"] = printed.getvalue()
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        if os.environ.get("BYOE_WRITE_OUTPUTS"):
            self.write(outputs)

    def write(self, outputs: list[tuple[Example, str]]) -> None:
        """Write the blocks of outputs anew, where they differ."""
        text = self.document.text
        for example, printed in reversed(outputs):
            if not same_output(example.parsed, printed):
                lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
                text = f"{text[: example.start]}```output\n{lines}```{text[example.end :]}"
        self.path.write_text(text, encoding="utf-8")

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
