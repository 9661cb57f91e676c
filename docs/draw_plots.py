"""Draws the pictures of `plots.md` and `imbalance.md` by the code of these pages: ``python docs/draw_plots.py``.

A picture shows what the block before it has drawn last.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt

PAGES = [Path(__file__).with_name(name) for name in ("plots.md", "imbalance.md")]
STEP = re.compile(r"^```python\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>\S+)\)$", re.MULTILINE | re.DOTALL)


def draw(page: Path) -> None:
    """Run the blocks of a page one after the other, and keep what stands before each picture."""
    page.with_name("pictures").mkdir(exist_ok=True)
    namespace: dict[str, object] = {}
    plt.rcParams["figure.figsize"] = (6.0, 4.0)
    for step in STEP.finditer(page.read_text(encoding="utf-8")):
        if step["code"]:
            exec(step["code"], namespace)
        else:
            # Without the version of matplotlib, so that only another picture is another file.
            plt.savefig(page.parent / step["picture"], dpi=90, metadata={"Software": None})
            plt.close("all")


if __name__ == "__main__":
    for one in PAGES:
        draw(one)
