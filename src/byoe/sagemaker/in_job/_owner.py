"""A process that runs what it was shipped, and ends with the process that started it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from ...errors import JobError


def check_origin() -> None:
    """Refuse to run another byoe than the one that was shipped (set for local jobs only)."""
    site = os.environ.get("BYOE_LOCAL_SITE")
    here = Path(sys.modules["byoe"].__file__ or "").resolve()
    if site and not here.is_relative_to(Path(site).resolve()):
        raise JobError(f"the job imports byoe from {here}, expected the shipped wheel under {site}")


def end_with_owner() -> None:
    """End this local process once the one that started it is gone, however that ended."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock would be held at exit
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
