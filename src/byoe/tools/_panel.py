"""How progress is shown in a notebook: a table below the cell, which is drawn again in its place.

It needs nothing but the notebook itself: widgets may be missing, and are not saved with it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# Seconds between two drawings.
_EVERY = 0.5


@dataclass
class Line:
    """What is shown of a member, or of all that there is to do.

    Attributes
    ----------
    label : str
    total : int
        What there is to do.
    done : int
    text : str
        What happened last, or how long it may take.
    """

    label: str
    total: int
    done: int = 0
    text: str = ""


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, which can draw again what it has shown."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Panel:
    """Lines below a notebook's cell."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._drawn = 0.0

    def draw(self, lines: Sequence[Line], *, now: bool = False) -> None:
        """Show lines in the place of those before; too soon after these only where it is to be ``now``."""
        if not now and time.monotonic() - self._drawn < _EVERY:
            return
        self._drawn = time.monotonic()
        shown = {"text/html": _as_html(lines), "text/plain": _as_text(lines)}
        if self._handle is None:
            from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def _as_html(lines: Sequence[Line]) -> str:
    rows = "".join(
        f'<tr><td style="text-align:left">{escape(line.label)}</td>'
        f'<td><progress value="{line.done}" max="{line.total}"></progress></td>'
        f"<td>{line.done}/{line.total}</td>"
        f'<td style="text-align:left">{escape(line.text)}</td></tr>'
        for line in lines
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _as_text(lines: Sequence[Line]) -> str:
    width = max(len(line.label) for line in lines)
    return "\n".join(f"{line.label:{width}}  {line.done}/{line.total}  {line.text}".rstrip() for line in lines)
