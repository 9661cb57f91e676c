"""What callbacks are told while members are fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ._clock import Clock
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
        Seconds that the other tasks are expected to take; None when nothing is known. From one task to the
        next they fall, nearly always.
    cut : bool
        Whether its model has fewer rounds than it should, for lack of time: since it was ended, or took larger steps.
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
        fewer = ", with fewer rounds for lack of time" if self.cut else ""
        return f"{self.done}/{self.total} {self.label} {where(self.fold)} {state} in {self.seconds:.2f} s{fewer}"


class Listeners:
    """Those who are told of a fit: each of every task, and of the start, the end and the time between by its own wish.

    Parameters
    ----------
    callbacks : sequence of callables
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._callbacks = callbacks
        self._ticked = [callback.tick for callback in callbacks if hasattr(callback, "tick")]

    def start(self, tasks: Mapping[str, int]) -> None:
        """Tell how many tasks each member has."""
        for callback in self._callbacks:
            if hasattr(callback, "start"):
                callback.start(tasks)

    def __call__(self, progress: Progress) -> None:
        for callback in self._callbacks:
            callback(progress)

    def tick(self, clock: Clock) -> None:
        """Tell that time passes, and how much is left."""
        if self._ticked:
            remaining = clock.remaining
            for told in self._ticked:
                told(remaining)

    def end(self) -> None:
        """Tell that the fit is over, one way or the other."""
        for callback in self._callbacks:
            if hasattr(callback, "end"):
                callback.end()


@contextmanager
def telling(callbacks: Sequence[Any], tasks: Mapping[str, int]) -> Iterator[Listeners]:
    """Tell callbacks of the start and the end; yield what tells them of all between."""
    listeners = Listeners(callbacks)
    listeners.start(tasks)
    try:
        yield listeners
    finally:
        listeners.end()
