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
        Seconds, within which the tasks are to be done.
    started : float or None
        When that time began, on the monotonic clock; None for the start of the first task.
    memory_limit : int or None
        Bytes.
    on_error : {"raise", "skip"}
    callbacks : tuple of callables
    """

    n_jobs: int | None = None
    time_limit: float | None = None
    memory_limit: int | None = None
    started: float | None = None
    on_error: str = "raise"
    callbacks: tuple[Callable[[Progress], Any], ...] = ()
