"""What the engine may use, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._progress import Progress


@dataclass(frozen=True)
class Resources:
    """What a fit may use, and whom it tells.

    Attributes
    ----------
    n_jobs : int or None
        Cores; None means all that the process may use.
    time_limit : float or None
        Seconds. Members that cannot be complete by then are left out.
    memory_limit : int or None
        Bytes.
    on_error : {"raise", "skip"}
    callbacks : tuple of callables
    """

    n_jobs: int | None = None
    time_limit: float | None = None
    memory_limit: int | None = None
    on_error: str = "raise"
    callbacks: tuple[Callable[[Progress], Any], ...] = ()
