"""What the engine may use, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._progress import Progress
from ._tasks import Outcome


@dataclass(frozen=True)
class Resources:
    """What a fit may use, and whom it tells.

    Attributes
    ----------
    n_jobs : int or None
        Cores; None means all that the process may use.
    time_limit : float or None
        Seconds, within which all is to be done that the fit does.
    started : float or None
        When that time began, on the monotonic clock; None for the start of the first task.
    memory_limit : int or None
        Bytes.
    on_error : {"raise", "skip"}
    callbacks : tuple of callables
    share : float
        What part of the time limit is for these tasks and their blend.
    dispensable : bool
        Whether there is an ensemble without these tasks, so that none is waited for beyond the limit.
    watch : callable or None
        Told of every outcome; the tasks are done fold by fold then, so that soon something is known of all members.
    """

    n_jobs: int | None = None
    time_limit: float | None = None
    memory_limit: int | None = None
    started: float | None = None
    on_error: str = "raise"
    callbacks: tuple[Callable[[Progress], Any], ...] = ()
    share: float = 1.0
    dispensable: bool = False
    watch: Callable[[Outcome], Any] | None = None

    @property
    def seconds(self) -> float | None:
        """Within which the tasks and their blend are to be done; None without a limit."""
        return None if self.time_limit is None else self.share * self.time_limit
