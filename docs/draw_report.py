"""Draws the top of the report that docs/report.md writes: ``python docs/draw_report.py``. It needs Chromium."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SIZE = "1100,1010"


def main() -> None:
    """Run the first block of the page, and take a picture of what it has written."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    block = re.findall(r"```python\n(.*?)```", (DOCS / "report.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(block, {"__name__": "__main__"})
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}"),
                *(f"--screenshot={DOCS / 'pictures' / 'report.png'}", Path("report.html").resolve().as_uri()),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main()
