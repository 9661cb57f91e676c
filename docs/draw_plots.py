"""Draws the pictures of `plots.md` by the code of that page: ``python docs/draw_plots.py``.

A picture shows what the block before it has drawn last.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt

PAGE = Path(__file__).with_name("plots.md")
STEP = re.compile(r"^```python\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>\S+)\)$", re.MULTILINE | re.DOTALL)


def draw() -> None:
    """Run the blocks of the page one after the other, and keep what stands before each picture."""
    PAGE.with_name("pictures").mkdir(exist_ok=True)
    namespace: dict[str, object] = {}
    plt.rcParams["figure.figsize"] = (6.0, 4.0)
    for step in STEP.finditer(PAGE.read_text(encoding="utf-8")):
        if step["code"]:
            exec(step["code"], namespace)
        else:
            # Without the version of matplotlib, so that only another picture is another file.
            plt.savefig(PAGE.parent / step["picture"], dpi=90, metadata={"Software": None})
            plt.close("all")


if __name__ == "__main__":
    draw()
