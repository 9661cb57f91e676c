"""What callbacks are told while members are fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ._tasks import where


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every finished task.

    Attributes
    ----------
    label : str
    fold : int
        Number of the fold, or -1 for the refit on all rows.
    done, total : int
        Finished tasks, and all.
    seconds : float
        What this task took; if it is reused, when it was done.
    failed : bool
    reused : bool
        Whether it was found in the store.
    elapsed : float
        Seconds since the first task started.
    remaining : float or None
        Seconds that the other tasks are expected to take; None when nothing is known.
    cut : bool
        Whether the time limit ended it with fewer rounds than it should have.
    """

    label: str
    fold: int
    done: int
    total: int
    seconds: float
    failed: bool = False
    reused: bool = False
    elapsed: float = 0.0
    remaining: float | None = None
    cut: bool = False

    def __str__(self) -> str:
        state = "failed" if self.failed else "reused, was done" if self.reused else "done"
        ended = ", ended by the time limit" if self.cut else ""
        return f"{self.done}/{self.total} {self.label} {where(self.fold)} {state} in {self.seconds:.2f} s{ended}"


@contextmanager
def telling(callbacks: Sequence[Any], tasks: Mapping[str, int]) -> Iterator[Callable[[Progress], None]]:
    """Tell callbacks of the start and the end, those that want to know; yield what tells of a task."""
    for callback in callbacks:
        if hasattr(callback, "start"):
            callback.start(tasks)

    def tell(progress: Progress) -> None:
        for callback in callbacks:
            callback(progress)

    try:
        yield tell
    finally:
        for callback in callbacks:
            if hasattr(callback, "end"):
                callback.end()
