"""Whether what runs in this thread is to end: for learners whose libraries run long without any Python."""

from __future__ import annotations

import threading

_here = threading.local()


def cancelled() -> bool:
    """Return whether the fit that runs in this thread is to end; for callbacks of native libraries."""
    asked: threading.Event | None = getattr(_here, "asked", None)
    return asked is not None and asked.is_set()


def listen(asked: threading.Event) -> None:
    """Let ``cancelled`` in this thread tell whether an event is set."""
    _here.asked = asked
