"""Draws the pictures of the pages by their own code: ``python docs/draw_plots.py``, or with pages as arguments.

A picture shows what the block before it has drawn last. A page runs in an empty folder.
"""

from __future__ import annotations

import contextlib
import doctest
import re
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

DOCS = Path(__file__).resolve().parent
DRAWS = re.compile(r"plots\.\w+\(|\.plot\(|plt\.subplots\(")
STEP = re.compile(r"^```python\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>pictures/\S+)\)$", re.MULTILINE | re.DOTALL)


def draw(page: Path) -> None:
    """Run the blocks of a page one after the other, and keep what stands before each picture."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for step in STEP.finditer(page.read_text(encoding="utf-8")):
        if step["code"] and "\nTraceback" in step["code"]:
            continue  # an error that the page shows
        if step["code"]:
            code = step["code"]
            exec(doctest.script_from_examples(code) if code.startswith(">>>") else code, namespace)
        elif step["picture"] and plt.get_fignums():  # without a figure it is a picture of another page
            # Without the version of matplotlib, so that only another picture is another file.
            plt.savefig(DOCS / step["picture"], dpi=90, bbox_inches="tight", metadata={"Software": None})
            plt.close("all")


def main() -> None:
    """Draw the pages given, or all that draw."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or sorted(
        page for page in DOCS.glob("*.md") if DRAWS.search(page.read_text(encoding="utf-8"))
    )
    plt.rcParams["figure.figsize"] = (6.0, 4.0)
    for page in pages:
        if "](pictures/" in page.read_text(encoding="utf-8"):
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                draw(page)


if __name__ == "__main__":
    main()
